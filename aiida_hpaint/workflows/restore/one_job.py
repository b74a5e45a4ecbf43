"""One job for all stages of a chunk, where that is little work.

The work chain of the first stage submits it and takes its results. A later stage that the job has
not finished has a work chain and jobs of its own (`later_stages.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from aiida.orm import Bool, Dict
from aiida_workgraph import namespace
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.jobs import AFTER, STOPPED
from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.recipe import STAGES, find_stage
from aiida_hpaint.science.settings import ONE_JOB_SITES, RestorationSettings
from aiida_hpaint.science.stages import RelaxationInputs, SamplingInputs
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.workflows.restore.stage_results import count_status

__all__ = [
    "describe_outputs",
    "find_left_over",
    "find_result",
    "is_one_job",
    "list_files",
    "list_later_stages",
    "mark_one_job",
]

_FILES = frozenset({"model", "potential"})
"""Parts of the plan of a stage that are uploaded with its jobs."""


def mark_one_job(
    plan: dict[str, Any],
    hosts: StructureBatch,
    settings: RestorationSettings,
    asked: bool | None,
) -> None:
    """Note in a plan whether all stages of a chunk run in one job, and if not, why, unless asked.

    Raises
    ------
    ValueError
        If one job is asked for, and stages differ in their codes, options or uploads.
    """
    one, reason = is_one_job(plan, hosts, settings, asked)
    if one or reason:
        kind = "one job for all stages" if one else "a job for each stage"
        plan["together"] = label_node(Bool(one), kind, reason)


def is_one_job(
    plan: Mapping[str, Any],
    hosts: StructureBatch,
    settings: RestorationSettings,
    asked: bool | None,
) -> tuple[bool, str]:
    """Return whether all stages of a chunk run in one job, and if not, why, unless it was asked.

    Unless it is asked for, or against, this is so for up to `ONE_JOB_SITES` sites in all samples of
    all hosts. Stages with codes, options or uploads of their own always have jobs of
    their own.

    Raises
    ------
    ValueError
        If one job is asked for, and stages differ in their codes, options or uploads.
    """
    stages = [plan[stage.name] for stage in STAGES if stage.name in plan]
    differ = [
        name
        for name, kinds in (
            ("codes", {stage["code"].uuid for stage in stages}),
            ("options", {repr(sorted(stage["options"].get_dict().items())) for stage in stages}),
        )
        if len(kinds) > 1
    ]
    if any(not _FILES & stage.keys() <= stages[0].keys() for stage in stages):
        differ.append("uploads")
    if differ and asked:
        raise ValueError(
            f"one job cannot have several {' and '.join(differ)}: give sample and relax the same, "
            "or leave out one_job (--one-job)"
        )
    if asked is not None:
        return asked, ""
    if differ:
        return False, f"stages have {' and '.join(differ)} of their own"
    samples = 1 if settings.sampling is None else settings.sampling.samples
    sites = samples * hosts.n_sites
    if sites > ONE_JOB_SITES:
        return False, f"all samples have {sites} sites together, more than {ONE_JOB_SITES}"
    return True, ""


def list_later_stages(plan: Mapping[str, Any], names: Sequence[str]) -> Dict:
    """Return the input `later` of the work chain of the first stage of a chunk."""
    parts = ("settings", "identity")
    stages = [
        {"stage": name, **{part: plan[name][part].get_dict() for part in parts}} for name in names
    ]
    return Dict({"stages": stages})


def describe_outputs(later: Sequence[Mapping[str, Any]], is_recorded: bool) -> Any:
    """Return the types of the outputs of a job; those of `later` stages may be missing."""
    # The outputs are part of the hash: jobs without a recording stay equal for the cache.
    outputs: dict[str, Any] = {"structures": Any}
    if is_recorded:
        outputs["trajectory"] = Any
    if later:
        may_lack = Annotated[Any, SocketMeta(required=False)]
        names = [*(f"{AFTER}{step['stage']}" for step in later), STOPPED]
        outputs |= dict.fromkeys(names, may_lack)
    return namespace(**outputs)


def find_left_over(
    pk: int | None,
    outputs: Mapping[str, Any],
    later: Sequence[Mapping[str, Any]],
    problem: str | None,
) -> dict[str, Any] | None:
    """Return which stages a job has left to jobs of their own, and why; None if it has left none.

    Parameters
    ----------
    pk, outputs
        PK of the first job of a chunk, and its outputs from `read_outputs`.
    later
        Stages that it was to run after its own.
    problem
        Why the job has no usable results, if so.
    """
    stages = [step["stage"] for step in later]
    if problem is not None:
        return {"stages": stages, "reason": f"job {pk}: {problem}"}
    if STOPPED not in outputs:
        return None
    left = [
        name
        for name in stages
        if (found := find_result(outputs, name)) is None
        or count_status(found, SampleStatus.UNFINISHED)
    ]
    return {"stages": left, "reason": f"job {pk}: {outputs[STOPPED].value}"}


def find_result(outputs: Mapping[str, Any], stage: str) -> StructureBatchData | None:
    """Return the samples after a later stage that a job has run, too; None if it has not.

    Parameters
    ----------
    outputs
        Outputs of the job, from `read_outputs`.
    stage
        Name of the stage.
    """
    found = outputs.get(f"{AFTER}{stage}")
    return found if isinstance(found, StructureBatchData) else None


def list_files(stage: str) -> tuple[str, ...]:
    """Return which inputs of a chunk the jobs of a stage upload: weights that the stage uses."""
    inputs = find_stage(stage).inputs
    if issubclass(inputs, SamplingInputs):
        return ("model",)
    return ("potential",) if issubclass(inputs, RelaxationInputs) else ("model", "potential")
