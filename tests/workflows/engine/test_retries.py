"""Which jobs are followed by another one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("profile")


def count_failure(state: str, exit_status: int | None = None) -> Any:
    """The context of a work chain after a job that ended in a state."""
    from aiida.common import AttributeDict
    from aiida.engine import ProcessState
    from aiida.orm import CalcJobNode, Int

    from aiida_hpaint.workflows.engine.job_failures import describe_failure
    from aiida_hpaint.workflows.engine.retries import RetryingWorkChain

    job = CalcJobNode()
    job.set_process_state(ProcessState(state))
    if exit_status is not None:
        job.set_exit_status(exit_status)
    chain: Any = SimpleNamespace(
        ctx=AttributeDict(), inputs=SimpleNamespace(max_failures=Int(2)), report=lambda text: None
    )
    RetryingWorkChain._begin(chain)
    RetryingWorkChain._count_failure(chain, job, describe_failure(job) or "")
    return chain.ctx


def test_a_job_that_a_user_killed_is_not_submitted_again() -> None:
    killed = count_failure("killed")
    assert (killed.status, killed.killed, killed.divisible) == ("failed", True, False)
    assert killed.message.endswith("a user killed it")


def test_a_job_without_a_result_is_tried_once_more() -> None:
    lost = count_failure("finished", 120)
    assert (lost.status, lost.killed, lost.divisible) == ("running", False, True)


def test_an_error_of_python_would_come_again() -> None:
    assert count_failure("finished", 326).status == "failed"
