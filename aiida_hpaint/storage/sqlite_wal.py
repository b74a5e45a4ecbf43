"""Storage in SQLite that several processes can use at once.

In SQLite's own mode a reader blocks all writers, and a write that meets a lock of more than five
seconds fails: a worker of AiiDA's daemon then loses the state of its processes. Here a write-ahead
log (https://www.sqlite.org/wal.html) lets readers and one writer work at the same time, and a
writer waits for another one.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiida.common.log import AIIDA_LOGGER
from aiida.orm.entities import EntityTypes
from aiida.storage.psql_dos.models.settings import DbSetting
from aiida.storage.sqlite_dos.backend import SqliteDosStorage
from aiida.storage.sqlite_zip.models import DbNode
from aiida.storage.sqlite_zip.orm import SqliteGroup, SqliteNode, SqliteQueryBuilder
from aiida.storage.sqlite_zip.utils import create_sqla_engine
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session, scoped_session, sessionmaker

__all__ = ["LONGEST_LOCK", "SqliteWalStorage"]

LONGEST_LOCK = 600.0
"""Seconds for which a write waits for the lock of another process."""

_ATTEMPT = 10.0
"""Seconds after which a write that waits says so, and tries again."""

_READING, _ALL, _SOME = "hpaint_reading", "all rows", "some rows"
"""Key and values of a note with a session, of which each thread has its own."""

_SEEN = "_hpaint_seen"
"""Note with a session and with its nodes: a connection, and how often others have written by then.

What a node has in memory is at least as new.
"""

_KEPT = frozenset({"attributes", "extras", "repository_metadata"})
"""Fields of nodes whose values AiiDA copies before it hands them out."""

_LOGGER = AIIDA_LOGGER.getChild("hpaint.storage")


class SqliteWalStorage(SqliteDosStorage):
    """The storage `core.sqlite_dos` with a write-ahead log, and writes that wait for each other.

    The files are those of `core.sqlite_dos`, which can open them, too. A write-ahead log needs a
    local disk: file systems of networks (NFS, Lustre) do not share its index between machines.
    """

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
        reading = session.info.get(_READING)
        if reading == _ALL:
            yield session
            return
        if reading is None and not session.in_nested_transaction():
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
    def begin_reading(self, what: str) -> Iterator[None]:
        """Leave out the lock for writing in transactions that begin meanwhile.

        Where all rows of a query are read before anything else happens, no transaction is needed.
        """
        notes = self.get_session().info
        notes[_READING] = what
        try:
            yield
        finally:
            del notes[_READING]

    def set_global_variable(
        self,
        key: str,
        value: str | int | float | None,
        description: str | None = None,
        overwrite: bool = True,
    ) -> None:
        """Set a variable; one that exists with one statement, as each step of a process does."""
        if not (overwrite and not self.in_transaction and self._update_setting(key, value)):
            super().set_global_variable(key, value, description, overwrite)

    def bulk_update(self, entity_type: EntityTypes, rows: list[dict[str, Any]]) -> None:
        """Update rows past the objects that stand for them, which are read again."""
        super().bulk_update(entity_type, rows)
        self.get_session().expire_all()

    def _update_setting(self, key: str, value: str | int | float | None) -> bool:
        """Return whether there is a setting, which has a new value then."""
        session = self.get_session()
        change = update(DbSetting).where(DbSetting.key == key).values(val=value)
        try:
            found: Any = session.execute(change, execution_options={"synchronize_session": False})
            session.commit()
        except BaseException:
            session.rollback()
            raise
        return bool(found.rowcount)

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
        return self._read(super().iterall(data, batch_size), batch_size)

    def iterdict(self, data: Any, batch_size: int | None) -> Iterable[dict[str, dict[str, Any]]]:
        return self._read(super().iterdict(data, batch_size), batch_size)

    def _read(self, rows: Iterable[Any], batch_size: int | None) -> Iterator[Any]:
        if batch_size is None and not self._storage.in_transaction:
            with self._storage.begin_reading(_ALL):
                found = list(rows)
            yield from found
            return
        iterator = iter(rows)
        missing = object()
        # The transaction begins with the first row.
        with self._storage.begin_reading(_SOME):
            first = next(iterator, missing)
        if first is not missing:
            yield first
            yield from iterator


class _Session(Session):
    """A session that reads again only what others may have changed.

    It can be used again after a commit that failed.
    """

    def expire(self, instance: object, attribute_names: Iterable[str] | None = None) -> None:
        """Read fields again when they are used next, if another connection has written since.

        AiiDA calls this whenever a field is used: half of the statements of a process, each of
        which reads its checkpoint.
        """
        if not (isinstance(instance, DbNode) and _KEPT.issuperset(attribute_names or "*")):
            super().expire(instance, attribute_names)
        elif (seen := self._look()) != getattr(instance, _SEEN, None):
            super().expire(instance, _KEPT)
            setattr(instance, _SEEN, seen)

    def _look(self) -> tuple[Any, ...]:
        """Return and note what changes when another connection writes.

        SQLite counts the commits of all connections but one's own, which the session of another
        thread may have used in between.
        """
        connection: Any = self.connection().connection.driver_connection
        version = connection.execute("PRAGMA data_version").fetchone()[0]
        seen: tuple[Any, ...] = (connection, connection.turn, version)
        self.info[_SEEN] = seen
        return seen

    def commit(self) -> None:
        try:
            super().commit()
        except OperationalError:
            self.rollback()
            raise


class _Connection(sqlite3.Connection):
    """A connection that counts how often another session begins to use it."""

    turn = 0
    _session: Callable[[], Session | None] = staticmethod(lambda: None)

    def begin_turn(self, session: Session) -> None:
        """Note which session uses the connection."""
        if self._session() is not session:
            self._session = weakref.ref(session)
            self.turn += 1

    def cursor(self, *_: Any) -> Any:
        return super().cursor(_Cursor)


@event.listens_for(_Session, "after_begin")
def _begin_turn(session: Session, _: Any, connection: Any) -> None:
    connection.connection.driver_connection.begin_turn(session)


@event.listens_for(_Session, "loaded_as_persistent")
@event.listens_for(_Session, "pending_to_persistent")
def _note_seen(session: Session, instance: object) -> None:
    """Note that what was just read or written is at least as new as the last look."""
    if isinstance(instance, DbNode):
        setattr(instance, _SEEN, session.info.get(_SEEN))


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
