"""Storage in SQLite that several processes can use at once.

In SQLite's own mode a reader blocks all writers, and a write that meets a lock of more than five
seconds fails: a worker of AiiDA's daemon then loses the state of its processes. Here a write-ahead
log (https://www.sqlite.org/wal.html) lets readers and one writer work at the same time, and a
writer waits for another one.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiida.common.log import AIIDA_LOGGER
from aiida.storage.sqlite_dos.backend import SqliteDosStorage
from aiida.storage.sqlite_zip.orm import SqliteGroup, SqliteNode, SqliteQueryBuilder
from aiida.storage.sqlite_zip.utils import create_sqla_engine
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

__all__ = ["LONGEST_LOCK", "SqliteWalStorage"]

LONGEST_LOCK = 600.0
"""Seconds for which a write waits for the lock of another process."""

_ATTEMPT = 10.0
"""Seconds after which a write that waits says so, and tries again."""

_LOGGER = AIIDA_LOGGER.getChild("hpaint.storage")


class SqliteWalStorage(SqliteDosStorage):
    """The storage `core.sqlite_dos` with a write-ahead log, and writes that wait for each other.

    The files are those of `core.sqlite_dos`, which can open them, too. A write-ahead log needs a
    local disk: file systems of networks (NFS, Lustre) do not share its index between machines.
    """

    _is_reading = False

    def _initialise_session(self) -> None:
        """Connect to the database; see the docstring of the module.

        A commit leaves what is in memory valid. AiiDA reads each field that others may change again
        whenever it is used, except in a transaction, whose begin makes it read everything again,
        and where it changes several extras or attributes at once; see `_read_before_change`.
        """
        arguments = {"timeout": _ATTEMPT, "factory": _Connection}
        engine = create_sqla_engine(self.filepath_database, connect_args=arguments)
        event.listen(engine, "connect", _write_ahead)
        self._session_factory = scoped_session(
            sessionmaker(bind=engine, class_=_Session, future=True, expire_on_commit=False)
        )

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Open a transaction, which has the lock for writing from its beginning.

        A transaction that reads before it writes would fail at once if another process has written
        in between.
        """
        session = self.get_session()
        if not self._is_reading and not session.in_nested_transaction():
            connection: Any = session.connection().connection.driver_connection
            if not connection.in_transaction:
                connection.execute("BEGIN IMMEDIATE")
        try:
            if not session.in_nested_transaction():
                session.flush()
                session.expire_all()
            with super().transaction():
                yield session
        except BaseException:
            if not session.in_nested_transaction():
                session.rollback()
            raise

    @contextmanager
    def begin_reading(self) -> Iterator[None]:
        """Leave out the lock for writing in transactions that begin meanwhile."""
        self._is_reading = True
        try:
            yield
        finally:
            self._is_reading = False

    def query(self) -> SqliteQueryBuilder:
        """Return a query whose iteration takes no lock for writing."""
        return _QueryBuilder(self)

    def _backup_storage(self, manager: Any, path: Path, prev_backup: Path | None = None) -> None:
        """Back up; first write what only the log has into the database, the file that is copied."""
        self.get_session().connection().exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        super()._backup_storage(manager, path, prev_backup)


class _QueryBuilder(SqliteQueryBuilder):
    def __init__(self, storage: SqliteWalStorage) -> None:
        super().__init__(storage)  # type: ignore[no-untyped-call]
        self._storage = storage

    def iterall(self, data: Any, batch_size: int | None) -> Iterable[list[Any]]:
        return self._read(super().iterall(data, batch_size))

    def iterdict(self, data: Any, batch_size: int | None) -> Iterable[dict[str, dict[str, Any]]]:
        return self._read(super().iterdict(data, batch_size))

    def _read(self, rows: Iterable[Any]) -> Iterator[Any]:
        iterator = iter(rows)
        missing = object()
        # The transaction begins with the first row.
        with self._storage.begin_reading():
            first = next(iterator, missing)
        if first is not missing:
            yield first
            yield from iterator


class _Session(Session):
    """A session that can be used again after a commit that failed."""

    def commit(self) -> None:
        try:
            super().commit()
        except OperationalError:
            self.rollback()
            raise


class _Connection(sqlite3.Connection):
    def cursor(self, *_: Any) -> Any:
        return super().cursor(_Cursor)


class _Cursor(sqlite3.Cursor):
    """A cursor whose statements wait for the locks of others."""

    def execute(self, *arguments: Any) -> Any:
        return _wait_for_lock(super().execute, *arguments)

    def executemany(self, *arguments: Any) -> Any:
        return _wait_for_lock(super().executemany, *arguments)


def _wait_for_lock(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call until the database is not locked, and say now and then that this waits."""
    begun = time.monotonic()
    while True:
        attempt = time.monotonic()
        try:
            return call(*arguments)
        except sqlite3.OperationalError as error:
            waited = time.monotonic() - begun
            # What SQLite refuses without waiting is a deadlock: only a rollback helps.
            is_deadlock = time.monotonic() - attempt < _ATTEMPT / 2
            if "is locked" not in str(error) or is_deadlock or waited > LONGEST_LOCK:
                raise
            _LOGGER.warning(
                "Another process has locked the database for %.0f s: waiting for at most %.0f s",
                waited,
                LONGEST_LOCK,
            )


def _write_ahead(connection: sqlite3.Connection, _: Any) -> None:
    """Choose the write-ahead log, which the database remembers."""
    connection.execute("PRAGMA journal_mode=WAL").close()


def _read_before_change(entity: Any, name: str, field: str) -> None:
    """Let a method that changes several values of a field at once first read the field again.

    aiida-core changes what is in memory and writes all of it, so that values would be lost that
    another process has written since the field was last read.
    """
    change = getattr(entity, name)

    def read_and_change(self: Any, values: Any) -> None:
        getattr(self.model, field)
        change(self, values)

    setattr(entity, name, read_and_change)


_read_before_change(SqliteNode, "set_attribute_many", "attributes")
_read_before_change(SqliteNode, "set_extra_many", "extras")
_read_before_change(SqliteGroup, "set_extra_many", "extras")
