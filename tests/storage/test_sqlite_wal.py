"""Locks of the database, taken by a connection of another process as SQLite sees it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError


@pytest.fixture
def other(profile: Any) -> Iterator[sqlite3.Connection]:
    """A connection of somebody else to the database of the profile."""
    from aiida.manage import get_manager

    storage: Any = get_manager().get_profile_storage()
    connection = sqlite3.connect(
        storage.filepath_database, isolation_level=None, timeout=0, check_same_thread=False
    )
    yield connection
    connection.close()
    storage.get_session().rollback()


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience of a fraction of a second, also of the connection that is open already."""
    from aiida.manage import get_manager

    from aiida_hpaint.storage import sqlite_wal

    monkeypatch.setattr(sqlite_wal, "_ATTEMPT", 0.05)
    monkeypatch.setattr(sqlite_wal, "LONGEST_LOCK", 0.2)
    session = get_manager().get_profile_storage().get_session()
    session.connection().exec_driver_sql("PRAGMA busy_timeout=50")
    session.rollback()


def store() -> int:
    """Store a node as any process does; return its PK."""
    from aiida.orm import Int

    return int(Int(1).store().pk)


def lock(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN EXCLUSIVE")


def test_setup_chooses_the_write_ahead_log(other: sqlite3.Connection) -> None:
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_reader_blocks_no_writer(other: sqlite3.Connection) -> None:
    other.execute("BEGIN")
    before = other.execute("SELECT count(*) FROM db_dbnode").fetchone()
    store()
    assert other.execute("SELECT count(*) FROM db_dbnode").fetchone() == before
    other.execute("COMMIT")
    assert other.execute("SELECT count(*) FROM db_dbnode").fetchone()[0] == before[0] + 1


def test_a_writer_blocks_no_reader(other: sqlite3.Connection) -> None:
    from aiida.orm import load_node

    pk = store()
    lock(other)
    assert load_node(pk).value == 1
    other.execute("ROLLBACK")


def test_a_write_waits_for_a_lock_and_says_so(
    other: sqlite3.Connection, short: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint.storage import sqlite_wal

    said: list[str] = []
    monkeypatch.setattr(sqlite_wal, "LONGEST_LOCK", 60.0)

    def warn(message: str, *values: float) -> None:
        said.append(message % values)
        other.execute("ROLLBACK") if len(said) == 2 else None

    monkeypatch.setattr(sqlite_wal._LOGGER, "warning", warn)
    lock(other)
    assert store() > 0
    assert len(said) == 2
    assert said[0].startswith("Another process has locked the database for 0 s")


def test_a_write_that_gives_up_can_be_repeated(other: sqlite3.Connection, short: None) -> None:
    from aiida.orm import load_node

    node = load_node(store())
    lock(other)
    with pytest.raises(OperationalError, match="locked"):
        node.base.extras.set("a", 1)
    with pytest.raises(OperationalError, match="locked"):
        store()
    other.execute("ROLLBACK")
    node.base.extras.set("a", 2)
    assert load_node(node.pk).base.extras.all["a"] == 2


def test_a_transaction_that_reads_first_cannot_meet_a_write(other: sqlite3.Connection) -> None:
    from aiida.manage import get_manager

    storage: Any = get_manager().get_profile_storage()
    with storage.transaction():
        storage.get_session().connection().exec_driver_sql("SELECT * FROM db_dbnode").all()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("UPDATE db_dbnode SET label=label")
        store()
    other.execute("UPDATE db_dbnode SET label=label")


def test_a_failed_transaction_leaves_nothing_behind(other: sqlite3.Connection) -> None:
    from aiida.manage import get_manager

    storage: Any = get_manager().get_profile_storage()
    with pytest.raises(KeyError):
        storage.get_global_variable("hpaint-nothing")
    other.execute("UPDATE db_dbnode SET label=label")
    assert store() > 0


def test_an_iteration_neither_locks_nor_is_in_the_way(other: sqlite3.Connection) -> None:
    from aiida.orm import Int, QueryBuilder

    pks = [store() for _ in range(3)]
    rows = QueryBuilder().append(Int, project="id").order_by({Int: {"id": "desc"}}).iterall(1)
    assert next(iter(rows)) == [pks[-1]]
    other.execute("UPDATE db_dbnode SET label=label")
    del rows  # an iteration that is given up
    assert store() > pks[-1]
    found = QueryBuilder().append(Int, tag="n", project="id").order_by({"n": {"id": "desc"}})
    assert next(iter(found.iterdict(1))) == {"n": {"id": pks[-1] + 1}}


def test_a_backup_has_what_only_the_log_had(other: sqlite3.Connection, tmp_path: Any) -> None:
    from aiida.manage import get_manager

    pk = store()
    storage: Any = get_manager().get_profile_storage()
    copies: list[Any] = []

    class Manager:
        def call_rsync(self, source: Any, target: Any, **_: Any) -> None:
            if source == storage.filepath_database:
                copies.append(source.read_bytes())

    storage._backup_storage(Manager(), tmp_path)
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(copies[0])
    found = sqlite3.connect(copy).execute("SELECT id FROM db_dbnode WHERE id=?", (pk,)).fetchone()
    assert found == (pk,)


@pytest.mark.parametrize("kind", ["node", "group"])
def test_extras_set_together_keep_those_of_others(other: sqlite3.Connection, kind: str) -> None:
    from aiida.orm import Group, Int

    entity = Int(1).store() if kind == "node" else Group("extras of others").store()
    change = f"UPDATE db_db{kind} SET extras = '{{\"theirs\": 1}}' WHERE id = {entity.pk}"
    assert "theirs" not in entity.base.extras
    store()
    other.execute(change)
    entity.base.extras.set_many({"ours": 2})
    assert entity.base.extras.get("theirs", None) == 1
    assert entity.base.extras.get("ours") == 2


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """The statements that the storage has sent to the database."""
    from aiida.manage import get_manager
    from sqlalchemy import event

    sent: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        sent.append(statement)

    engine = get_manager().get_profile_storage().get_session().get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_nothing_is_read_again_while_nobody_else_writes(
    other: sqlite3.Connection, statements: list[str]
) -> None:
    from aiida.orm import Int

    node = Int(1).store()
    node.base.extras.set("ours", 1)
    statements.clear()
    assert (node.value, node.base.extras.get("ours"), node.base.repository.metadata) == (1, 1, {})
    assert not statements
    other.execute(f"UPDATE db_dbnode SET extras = '{{\"theirs\": 1}}' WHERE id = {node.pk}")
    assert node.base.extras.all == {"theirs": 1}
    assert node.value == 1
    assert statements
    statements.clear()
    assert node.base.extras.all == {"theirs": 1}
    assert not statements


def test_an_extra_that_another_process_has_set_meanwhile_is_kept(other: sqlite3.Connection) -> None:
    from aiida.orm import Int

    node = Int(1).store()
    node.base.extras.set("ours", 1)
    other.execute(
        f"UPDATE db_dbnode SET extras = json_set(extras, '$.theirs', 1) WHERE id = {node.pk}"
    )
    node.base.extras.set("ours", 2)
    found = other.execute(f"SELECT extras FROM db_dbnode WHERE id = {node.pk}").fetchone()[0]
    assert json.loads(found).items() >= {"ours": 2, "theirs": 1}.items()


def test_what_another_thread_has_written_through_the_same_connection_is_read_again() -> None:
    from aiida.manage import get_manager
    from aiida.orm import Int, load_node

    node = Int(1).store()
    node.base.extras.set("a", 1)
    storage: Any = get_manager().get_profile_storage()
    ours: Any = storage.get_session().connection().connection.driver_connection
    storage.get_session().commit()  # the connection goes back
    theirs: list[Any] = []

    def write() -> None:
        session = storage.get_session()
        theirs.append(session.connection().connection.driver_connection)
        load_node(node.pk).base.extras.set("a", 2)
        session.commit()

    thread = Thread(target=write)
    thread.start()
    thread.join()
    assert theirs == [ours]
    assert node.base.extras.get("a") == 2


def test_rows_that_were_changed_at_once_are_read_again() -> None:
    from aiida.manage import get_manager
    from aiida.orm import Int
    from aiida.orm.entities import EntityTypes

    node = Int(1).store()
    node.base.extras.set("a", 1)
    storage: Any = get_manager().get_profile_storage()
    storage.bulk_update(EntityTypes.NODE, [{"id": node.pk, "extras": {"a": 2}}])
    assert node.base.extras.all == {"a": 2}
    with storage.transaction():
        storage.bulk_update(EntityTypes.NODE, [{"id": node.pk, "extras": {"a": 3}}])
        assert node.base.extras.all == {"a": 3}
    assert node.base.extras.all == {"a": 3}


def test_a_list_of_rows_takes_one_statement(
    other: sqlite3.Connection, statements: list[str]
) -> None:
    from aiida.orm import Int, QueryBuilder

    pk = store()
    statements.clear()
    query = QueryBuilder().append(Int, filters={"id": pk}, tag="n", project=["id", "uuid"])
    assert query.all(flat=True)[0] == pk
    assert query.dict()[0]["n"]["id"] == pk
    assert len(statements) == 2
    other.execute("UPDATE db_dbnode SET label=label")


def test_a_variable_is_set_with_one_statement(
    other: sqlite3.Connection, short: None, statements: list[str]
) -> None:
    from aiida.manage import get_manager

    storage: Any = get_manager().get_profile_storage()
    storage.set_global_variable("hpaint-variable", "first", "a variable")
    statements.clear()
    storage.set_global_variable("hpaint-variable", "second")
    assert len(statements) == 1
    assert storage.get_global_variable("hpaint-variable") == "second"
    with pytest.raises(ValueError, match="already exists"):
        storage.set_global_variable("hpaint-variable", "third", overwrite=False)
    lock(other)
    with pytest.raises(OperationalError, match="locked"):
        storage.set_global_variable("hpaint-variable", "fourth")
    other.execute("ROLLBACK")
    storage.set_global_variable("hpaint-variable", "fifth")
    assert storage.get_global_variable("hpaint-variable") == "fifth"
