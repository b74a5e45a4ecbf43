"""What follows a job that fails."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.usefixtures("profile")


def test_what_follows_a_job_that_fails_may_be_turned_off() -> None:
    from aiida.engine import run_get_node
    from failing_code import BRUCITE, QUICK, make_false_code

    from aiida_hpaint.workflows.chains.restore import RestoreWorkChain

    handlers = {"retry_failed_job": {"enabled": False}, "split_hosts": {"enabled": False}}
    builder = RestoreWorkChain.get_builder_from_protocol(
        make_false_code(),
        [BRUCITE, BRUCITE],
        overrides={**QUICK, "handler_overrides": handlers},
        add="H:2",
    )
    _, node = run_get_node(builder)
    assert node.exit_status == 412, node.exit_message
    called = [one.process_label for one in node.called_descendants]
    assert len([label for label in called if label.startswith("PythonJob")]) == 1
    assert called.count("Stage<sample>") == 1
    assert "Split<sample>" not in called
