"""What follows a job that fails."""

from __future__ import annotations

import pytest

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")


def test_what_follows_a_job_that_fails_may_be_turned_off(brucite: StructureBatch) -> None:
    from aiida.engine import run_get_node
    from failing_code import QUICK, make_false_code

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    handlers = {"retry_failed_job": {"enabled": False}, "split_hosts": {"enabled": False}}
    builder = StageWorkChain.get_builder_from_protocol(
        make_false_code(),
        StructureBatchData(brucite[[0, 0]]),
        "sample",
        overrides={**QUICK, "handler_overrides": handlers},
    )
    _, node = run_get_node(builder)
    assert node.exit_status == 421, node.exit_message
    called = [one.process_label for one in node.called]
    assert called.count("PythonJob<run_stage_job>") == 1
    assert "Split<sample>" not in called
