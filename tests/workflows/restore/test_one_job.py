"""When all stages run in one job, and what is taken from its results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from aiida_hpaint.science.settings import ONE_JOB_SITES
from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

OTHER = {"environment_variables": {"OMP_NUM_THREADS": "2"}}


def inputs_of(hosts: StructureBatch, samples: int = 10, **arguments: Any) -> dict[str, Any]:
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.workflows.restore.build import make_host_node, make_restore_inputs

    settings = load_protocol("fast", {"sampling": {"samples": samples}})
    return make_restore_inputs(make_host_node(hosts, None), settings, **arguments)


def is_one_job(hosts: StructureBatch, samples: int = 10, **arguments: Any) -> bool:
    plan = inputs_of(hosts, samples, **arguments)["plan"]
    return "together" in plan and bool(plan["together"].value)


def test_little_work_is_one_job_and_more_is_not(brucite: StructureBatch) -> None:
    most = ONE_JOB_SITES // brucite.n_sites
    assert is_one_job(brucite, most)
    assert not is_one_job(brucite, most + 1)
    assert not is_one_job(brucite[[0, 0]], most)
    assert is_one_job(brucite, most + 1, one_job=True)
    assert not is_one_job(brucite, 1, one_job=False)


def test_a_plan_says_why_it_is_not_one_job(brucite: StructureBatch) -> None:
    large = inputs_of(brucite, ONE_JOB_SITES)["plan"]["together"]
    sites = ONE_JOB_SITES * brucite.n_sites
    assert large.description == (
        f"all samples have {sites} sites together, more than {ONE_JOB_SITES}"
    )
    unlike = inputs_of(brucite, options={"relax": OTHER})["plan"]["together"]
    assert unlike.description == "stages have options of their own"
    assert "together" not in inputs_of(brucite, one_job=False)["plan"]


def test_stages_with_options_of_their_own_have_jobs_of_their_own(brucite: StructureBatch) -> None:
    assert not is_one_job(brucite, options={"relax": OTHER})
    assert is_one_job(brucite, options={"sample": OTHER, "relax": OTHER})
    with pytest.raises(ValueError, match=r"one job cannot have several options: .*--one-job"):
        is_one_job(brucite, options={"relax": OTHER}, one_job=True)


def test_whether_it_is_one_job_changes_no_result(brucite: StructureBatch) -> None:
    from aiida_hpaint.workflows.restore.deduplication import hash_plan, read_plan

    plans = [inputs_of(brucite, one_job=one)["plan"] for one in (True, False)]
    assert hash_plan(read_plan(plans[0])) == hash_plan(read_plan(plans[1]))


def made_by_one_job(structures: StructureBatch, later: list[dict[str, Any]]) -> dict[str, Any]:
    """What a job with two later stages has left in the database: the last one is missing."""
    import provenance_examples
    from aiida.orm import CalcJobNode, Dict, WorkChainNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    node = StructureBatchData(structures)
    chain = provenance_examples.process(WorkChainNode, "Stage<sample>", {"structures": node})
    inputs = {"function_inputs__later": Dict({"stages": later})}
    job = provenance_examples.process(CalcJobNode, "PythonJob<run_stages_job>", inputs)
    job.computer = provenance_examples.get_default_code().computer
    outputs = {name: StructureBatchData(structures) for name in ("structures", "after_score")}
    provenance_examples.made(job, chain.store(), outputs)
    return outputs


def test_a_stage_takes_what_a_job_has_made_for_it(samples: StructureBatch) -> None:
    from aiida_hpaint.workflows.restore.one_job import find_result
    from aiida_hpaint.workflows.restore.stage_results import read_outputs

    later = [{"stage": name, "settings": {}, "identity": {}} for name in ("score", "relax_all")]
    found = made_by_one_job(samples, later)
    outputs = read_outputs(found["structures"].creator)
    score = find_result(outputs, "score")
    assert score is not None
    assert score.uuid == found["after_score"].uuid
    assert find_result(outputs, "relax_all") is None


def test_stages_upload_the_weights_that_they_use() -> None:
    from aiida_hpaint.science.recipe import STAGES
    from aiida_hpaint.workflows.restore.one_job import list_files

    files = {stage.name: list_files(stage.name) for stage in STAGES}
    assert files["sample"] == ("model",)
    assert files["score"] == files["relax_all"] == ("potential",)
    assert files["search"] == ("model", "potential")


def test_a_job_says_what_it_has_left_over(samples: StructureBatch) -> None:
    from aiida.orm import Str

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore.one_job import find_left_over

    names = ["score", "relax_all"]
    later = [{"stage": name} for name in names]
    done = StructureBatchData(samples)
    outputs: dict[str, Any] = {"structures": None, "after_score": done}
    assert find_left_over(7, outputs, later, None) is None
    outputs["stopped"] = Str("its walltime ended")
    left = {"stages": ["relax_all"], "reason": "job 7: its walltime ended"}
    assert find_left_over(7, outputs, later, None) == left
    # Its own jobs go on with what is unfinished.
    begun = samples.with_scalars(status=["unfinished"] * len(samples))
    outputs["after_score"] = StructureBatchData(begun)
    assert find_left_over(7, outputs, later, None) == {**left, "stages": names}
    died = {"stages": names, "reason": "job 7: it was killed"}
    assert find_left_over(7, outputs, later, "it was killed") == died


@pytest.mark.parametrize(
    ("results", "is_fine"),
    [
        ({"structures": 1, "after_score": 1}, True),
        ({"structures": 1, "after_score": 1, "stopped": "its walltime ended"}, True),
        ({"structures": 1, "stopped": "score failed: RuntimeError"}, True),
        ({"stopped": "nothing was done"}, False),
    ],
)
def test_a_job_may_leave_out_any_later_stage(results: dict[str, Any], is_fine: bool) -> None:
    from aiida_pythonjob.parsers.utils import parse_outputs

    from aiida_hpaint.workflows.restore.one_job import describe_outputs

    codes = SimpleNamespace(ERROR_MISSING_OUTPUT="missing")
    logger = SimpleNamespace(warning=lambda *_: None)
    spec = describe_outputs([{"stage": "score"}], is_recorded=False)
    found, problem = parse_outputs(results, spec, codes, logger)
    assert problem == (None if is_fine else "missing")
    assert not is_fine or {name: node.value for name, node in found.items()} == results


def test_the_provenance_names_each_stage_of_one_job(samples: StructureBatch) -> None:
    from aiida_hpaint.queries.ancestors import find_ancestor_jobs

    later = [
        {"stage": name, "settings": {"of": name}, "identity": {"version": "1"}}
        for name in ("score", "relax_all")
    ]
    found = made_by_one_job(samples, later)
    jobs = find_ancestor_jobs([found["after_score"].pk])
    assert [(job.stage, job.settings) for job in jobs] == [
        ("sample", {}),
        ("score", {"of": "score"}),
    ]
    assert len({job.pk for job in jobs}) == 1
