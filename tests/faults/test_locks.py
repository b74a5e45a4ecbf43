"""Other processes read and lock the database while a daemon works."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Any

import pytest
from processes import finished, until

from aiida_hpaint.science.structures import StructureBatch

TIMEOUT = 300
AIIDA_PATIENCE = 5.0
"""Seconds for which `core.sqlite_dos` waits."""


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_locks_that_last_longer_than_sqlite_waits_cost_only_their_time(
    host: StructureBatch,
) -> None:
    from aiida.engine import submit
    from aiida.manage import get_manager
    from stages import stage_inputs

    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    storage: Any = get_manager().get_profile_storage()
    path = storage.filepath_database
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM db_dbnode").fetchall()
        node = submit(StageWorkChain, **stage_inputs("sample", host))
        until(lambda: node.called, "job", TIMEOUT)
        with closing(sqlite3.connect(path, isolation_level=None, timeout=60)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            time.sleep(AIIDA_PATIENCE + 3)
            assert not node.is_terminated
            writer.execute("ROLLBACK")
        finished(node, TIMEOUT)
        reader.execute("ROLLBACK")
    assert len(node.called) == 1
