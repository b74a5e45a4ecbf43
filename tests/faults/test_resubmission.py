"""A worker that dies between the submission of a child and its checkpoint."""

from __future__ import annotations

from typing import Any

import pytest
from processes import finished

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")
TIMEOUT = 300


def parent() -> Any:
    from aiida.orm import WorkChainNode

    return WorkChainNode().store()


def child(of: Any, label: str, state: str) -> Any:
    from aiida.common.links import LinkType
    from aiida.engine import ProcessState
    from aiida.orm import WorkChainNode

    node = WorkChainNode()
    node.base.links.add_incoming(of, LinkType.CALL_WORK, label)
    node.set_process_state(ProcessState(state))
    return node.store()


def test_a_child_is_found_by_its_whole_label() -> None:
    from aiida_hpaint.workflows.engine.resubmission import find_child

    node = parent()
    first = child(node, "job_1", "finished")
    child(node, "job_10", "running")
    child(node, "jobx1", "running")
    found = find_child(node, "job_1")
    assert found is not None
    assert found.pk == first.pk
    assert find_child(node, "job_2") is None
    assert find_child(parent(), "job_1") is None


def test_a_child_that_died_in_the_making_is_sealed_and_does_not_count() -> None:
    from aiida_hpaint.workflows.engine.resubmission import find_child

    node = parent()
    dead = child(node, "job_1", "created")
    assert find_child(node, "job_1") is None
    assert dead.is_killed
    assert dead.is_sealed
    # Nor does it after another death, before its successor was submitted.
    assert find_child(node, "job_1") is None
    living = child(node, "job_1", "waiting")
    found = find_child(node, "job_1")
    assert found is not None
    assert found.pk == living.pk


def test_a_child_that_a_user_killed_counts() -> None:
    from aiida_hpaint.workflows.engine.resubmission import find_child

    node = parent()
    killed = child(node, "job_1", "killed")
    found = find_child(node, "job_1")
    assert found is not None
    assert found.pk == killed.pk


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
def test_a_worker_that_dies_right_after_a_submission_submits_no_job_twice(
    host: StructureBatch,
) -> None:
    from aiida.engine import submit
    from aiida.orm import CalcJobNode, Dict, Str
    from dying import DyingStage

    from aiida_hpaint import __version__
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.engine.codes import get_default_code
    from aiida_hpaint.workflows.engine.options import complete_job_options

    node = submit(
        DyingStage,
        stage=Str("sample"),
        structures=StructureBatchData(host),
        settings=Dict({"generator": "random", "samples": 2}),
        identity=Dict({"version": __version__}),
        code=get_default_code(),
        options=Dict(complete_job_options("sample", None)),
    )
    finished(node, TIMEOUT)
    assert node.base.extras.get("died")
    report = node.outputs.report.get_dict()
    assert (report["status"], report["jobs"], report["failures"]) == ("finished", 1, 0)
    jobs = [one for one in node.called if isinstance(one, CalcJobNode)]
    assert [one.is_finished_ok for one in jobs if not one.is_killed] == [True]
    assert sum(one.get_job_id() is not None for one in jobs) == 1
