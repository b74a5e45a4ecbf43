"""Exit codes say what a graph reached; its outputs are there all the same."""

from __future__ import annotations

from typing import Any

import pytest

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")


def report(status: str, jobs: int = 1, failures: int = 0) -> Any:
    from aiida.orm import Dict

    return Dict({"status": status, "jobs": jobs, "failures": failures, "message": "pw.x stopped"})


@pytest.mark.parametrize(
    ("failed", "reports", "expected"),
    [
        (0, [("finished", 1, 0)], None),
        (
            1,
            [("finished", 1, 0), ("failed", 2, 2)],
            ("ERROR_SOME_FAILED", "1 of 2 hosts failed: a"),
        ),
        (2, [("finished", 1, 0), ("failed", 2, 2)], ("ERROR_ALL_FAILED", "2 of 2 hosts failed: a")),
        (
            2,
            [("failed", 2, 2), ("nothing to do", 0, 0)],
            ("ERROR_NO_JOB_SUCCEEDED", "none of 2 jobs succeeded: a"),
        ),
    ],
)
def test_a_restoration_says_what_it_reached(failed: int, reports: Any, expected: Any) -> None:
    from aiida.orm import Dict

    from aiida_hpaint.workflows.engine.verdict import judge

    summary = Dict({"n_hosts": 2, "n_failed": failed, "failures": {"b": 1, "a": 2}})
    chunks = {f"chunk_{i}": {"sample": report(*one)} for i, one in enumerate(reports)}
    assert judge({"summary": summary, "reports": chunks}) == expected


def test_a_validation_says_what_it_reached() -> None:
    from aiida_hpaint.workflows.engine.verdict import judge

    assert judge({"reports": {"a": report("converged"), "b": report("not converged")}}) is None
    found = judge({"reports": {"a": report("converged"), "b": report("failed")}})
    assert found == ("ERROR_SOME_FAILED", "1 of 2 structures failed: pw.x stopped")
    assert judge({}) is None


def test_a_benchmark_whose_samples_all_failed_says_so(samples: StructureBatch) -> None:
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.engine.verdict import judge

    assert judge({"samples": StructureBatchData(samples).store()}) is None
    lost = StructureBatchData(samples.with_scalars(status=["failed"] * 3)).store()
    assert judge({"samples": lost}) == ("ERROR_ALL_FAILED", "all 3 samples failed")


def test_each_status_of_a_part_has_its_exit_code() -> None:
    from aiida_hpaint.workflows.engine.verdict import find_part_code
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    codes = StageWorkChain.exit_codes
    assert find_part_code(codes, "finished", "") is None
    assert find_part_code(codes, "nothing to do", "") is None
    statuses = ("failed in part", "failed", "unfinished", "killed")
    found = [find_part_code(codes, status, "job 1: no luck") for status in statuses]
    assert [code.status for code in found] == [420, 421, 422, 423]
    assert {code.message for code in found} == {"job 1: no luck"}


def test_a_graph_goes_on_after_a_part_that_failed_but_has_results() -> None:
    """A job of this code starts no Python: all fails, and all outputs are there."""
    from aiida_workgraph import WorkGraph
    from failing_code import fail_to_restore

    node = fail_to_restore()
    assert node.exit_status == 412, node.exit_message
    assert node.outputs.summary["n_failed"] == node.outputs.summary["n_hosts"] == 1
    assert node.outputs.samples.batch.scalars["status"].tolist() == ["failed"]
    stage = next(one for one in node.called if one.process_label.startswith("Stage<sample"))
    assert stage.exit_status == 421
    assert "reports" in node.outputs
    assert WorkGraph.load(node).process.uuid == node.uuid


@pytest.mark.parametrize(
    ("n_failed", "phases", "expected"),
    [
        (0, "finished", None),
        (0, "failed", ("ERROR_SOME_FAILED", "1 of 4 hosts and phases failed: pw.x stopped")),
        (1, "finished", ("ERROR_SOME_FAILED", "1 of 4 hosts and phases failed: a")),
        (2, "failed", ("ERROR_SOME_FAILED", "3 of 4 hosts and phases failed: a")),
    ],
)
def test_a_count_says_what_it_reached(n_failed: int, phases: str, expected: Any) -> None:
    from aiida.orm import Dict

    from aiida_hpaint.workflows.engine.verdict import judge

    failures = {"a": n_failed} if n_failed else {}
    outputs = {
        "summary": Dict({"n_hosts": 2, "n_failed": n_failed, "failures": failures}),
        "reports": {"chunk_0000": {"sample": report("finished", 1, 0)}},
        "part_reports": {"bare": report("finished"), "phases": report(phases)},
    }
    assert judge(outputs) == expected
