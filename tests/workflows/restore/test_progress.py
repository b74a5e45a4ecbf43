"""Stages of restorations whose chunks run in one job, as far as it gets, or in several."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from aiida.common.extendeddicts import AttributeDict

pytestmark = pytest.mark.usefixtures("profile")

STAGES = ["sample", "relax_inserted", "relax_all"]
LEFT = {"stages": ["relax_all"], "reason": "job 7: its walltime ended"}


def restoration(together: bool | None = None, reason: str = "", chunks: int = 1) -> Any:
    plan: dict[str, Any] = dict.fromkeys(STAGES)
    if together is not None:
        plan["together"] = SimpleNamespace(value=together, description=reason)
    given = {"plan": AttributeDict(plan), "chunks": range(chunks)}
    return SimpleNamespace(inputs=SimpleNamespace(graph_inputs=SimpleNamespace(**given)))


def state(
    stage: str, is_over: bool = True, later: bool = False, chunk: int = 0, **report: Any
) -> Any:
    from aiida_hpaint.workflows.restore.progress import StageState

    node: Any = SimpleNamespace(pk=1, is_terminated=is_over)
    found = {"status": "finished", **report} if is_over else None
    planned = STAGES[1:] if later else []
    return StageState(stage, f"chunk_{chunk:04d}", node, found, planned=planned)


def count(node: Any, states: list[Any]) -> list[tuple[int, ...]]:
    from aiida_hpaint.workflows.restore.progress import count_stages, read_planned

    counts = count_stages(read_planned(node), states)
    assert [one.stage for one in counts] == STAGES
    return [(one.begun, one.done, one.chunks, one.together) for one in counts]


def test_a_chunk_counts_once_however_often_it_was_begun() -> None:
    states = [
        state("sample"),
        state("sample"),
        state("sample", is_over=False, chunk=1),
        state("relax_inserted", is_over=False),
    ]
    assert count(restoration(chunks=2), states) == [(2, 1, 2, 0), (1, 0, 2, 0), (0, 0, 2, 0)]
    assert count(restoration(), []) == [(0, 0, 1, 0)] * 3


def test_all_stages_of_one_job_begin_with_it() -> None:
    running = [state("sample", is_over=False, later=True)]
    assert count(restoration(True), running) == [(1, 0, 1, 0), (1, 0, 1, 1), (1, 0, 1, 1)]
    ended = [state("sample", later=True), state("relax_inserted")]
    assert count(restoration(True), ended) == [(1, 1, 1, 0), (1, 1, 1, 1), (1, 0, 1, 1)]


def test_what_a_job_for_all_has_left_over_is_no_part_of_it() -> None:
    from aiida_hpaint.workflows.restore.progress import explain_separate_jobs, read_planned

    node, states = restoration(True), [state("sample", later=True, left_over=LEFT)]
    assert count(node, states) == [(1, 1, 1, 0), (1, 0, 1, 1), (0, 0, 1, 0)]
    assert explain_separate_jobs(read_planned(node), states) == [
        ("chunk_0000", ["relax_all"], LEFT["reason"])
    ]


def test_a_report_says_how_many_jobs_there_were_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiida_hpaint.workflows.restore import job_counts

    states = [
        state("sample", later=True, left_over=LEFT, jobs=2),
        state("relax_inserted", jobs=0),
        state("relax_all", jobs=1),
        state("relax_all", is_over=False, chunk=1),
    ]
    monkeypatch.setattr(job_counts, "list_stage_states", lambda _: states)
    node = restoration(True)
    node.uuid, node.pk = "0a1b", 5
    found = job_counts.describe_process(node)
    assert (found.name, found.jobs) == ("5", 3)
    (why,) = found.separate
    assert why.endswith("own: relax all sites. Reason: job 7: its walltime ended.")
    assert job_counts.describe_process(node, is_local=False).name == "0a1b"


def test_what_could_not_be_one_job_says_why() -> None:
    from aiida_hpaint.workflows.restore.job_counts import describe_separate_jobs

    why = "all samples have 4000 sites together, more than 2000"
    assert describe_separate_jobs(restoration(False, why), [state("sample")]) == [
        f"Each stage has jobs of its own: {why}."
    ]
    for node in (restoration(), restoration(True)):
        assert not describe_separate_jobs(node, [state("sample", later=True)])


def test_status_shows_all_stages_of_one_job_and_why_they_are_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from aiida_hpaint.campaigns import active_jobs
    from aiida_hpaint.cli.campaigns import results, status, status_json
    from aiida_hpaint.workflows.restore import progress
    from aiida_hpaint.workflows.validate import results as dft

    node = restoration(True)
    node.pk, node.is_terminated = 5, True
    monkeypatch.setattr(active_jobs, "find_active_jobs", lambda _: [])
    monkeypatch.setattr(dft, "count_dft_progress", lambda _: None)
    monkeypatch.setattr(results, "describe_state", lambda _: "running")
    monkeypatch.setattr(status_json, "_read_process", lambda _: {})
    monkeypatch.setattr(
        progress, "list_stage_states", lambda _: [state("sample", is_over=False, later=True)]
    )
    status._show_stages(node)
    shown = capsys.readouterr().out
    assert "In one job with sample: relax inserted sites, relax all sites." in shown
    monkeypatch.setattr(
        progress, "list_stage_states", lambda _: [state("sample", later=True, left_over=LEFT)]
    )
    status._show_stages(node)
    shown = " ".join(capsys.readouterr().out.split())
    assert "own: relax all sites. Reason: job 7: its walltime ended" in shown
    found = status_json.read_restoration(node)
    assert found["separate_jobs"] == [{"chunk": "chunk_0000", **LEFT}]
    assert [one["together"] for one in found["stages"]] == [0, 1, 0]


def test_a_stage_has_ended_well_before_the_first_one_has_taken_its_results() -> None:
    import provenance_examples
    from aiida.common.links import LinkType
    from aiida.orm import Dict, WorkChainNode

    from aiida_hpaint.workflows.restore.progress import list_stage_states

    later = Dict({"stages": [{"stage": "relax_all"}]})
    graph = provenance_examples.process(WorkChainNode, "WorkGraph<restore>", {}).store()
    label = "Stage<sample to relax_all>"
    first = provenance_examples.process(
        WorkChainNode, label, {"later": later}, process_state="waiting"
    )
    first.base.links.add_incoming(graph, LinkType.CALL_WORK, "sample_chunk_0000")
    drawn = Dict({"status": "finished", "jobs": 1}).store()
    provenance_examples.returned(first.store(), {"reports__sample": drawn})
    own = provenance_examples.process(WorkChainNode, "Stage<relax_all>", {})
    own.base.links.add_incoming(first, LinkType.CALL_WORK, "relax_all")
    relaxed = Dict({"status": "finished", "jobs": 2}).store()
    provenance_examples.returned(own.store(), {"report": relaxed})
    states = list_stage_states(graph)
    assert [(one.stage, one.node.pk) for one in states] == [
        ("sample", first.pk),
        ("relax_all", own.pk),
    ]
    assert all(one.is_over and one.problem is None for one in states)
    assert states[1].report == {"status": "finished", "jobs": 2}
