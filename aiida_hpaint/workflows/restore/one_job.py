"""One job for all stages of a chunk, where that is little work.

The first stage of the chunk submits it. Each later stage looks whether the job that made its
structures has run it too, with the same settings and models, and otherwise runs jobs of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from aiida.orm import Bool, CalcJobNode, Dict
from aiida_workgraph import namespace
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.jobs import AFTER, STOPPED
from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.recipe import STAGES
from aiida_hpaint.science.settings import ONE_JOB_SITES, RestorationSettings
from aiida_hpaint.science.structures.batch import StructureBatch

__all__ = [
    "describe_outputs",
    "find_left_over",
    "find_result",
    "is_one_job",
    "list_later_stages",
    "mark_one_job",
]

_LATER = "function_inputs__later"
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
    job: CalcJobNode, later: Sequence[Mapping[str, Any]], problem: str | None
) -> dict[str, Any] | None:
    """Return which stages a job has left to jobs of their own, and why; None if it has left none.

    Parameters
    ----------
    job
        First job of a chunk.
    later
        Stages that it was to run after its own.
    problem
        Why the job has no usable results, if so.
    """
    stages = [step["stage"] for step in later]
    if problem is not None:
        return {"stages": stages, "reason": f"job {job.pk}: {problem}"}
    if STOPPED not in job.outputs:
        return None
    left = [name for name in stages if f"{AFTER}{name}" not in job.outputs]
    return {"stages": left, "reason": f"job {job.pk}: {job.outputs[STOPPED].value}"}


def find_result(
    structures: StructureBatchData, stage: str, settings: Dict, identity: Dict
) -> StructureBatchData | None:
    """Return the result of a stage that the job which made its structures has run, too.

    Parameters
    ----------
    structures, stage, settings, identity
        Inputs of the work chain of the stage.
    """
    job = structures.creator
    if not isinstance(job, CalcJobNode):
        return None
    given: Any = job.base.links.get_incoming(link_label_filter=_LATER).all_nodes()
    if not given:
        return None
    wanted = {"stage": stage, "settings": settings.get_dict(), "identity": identity.get_dict()}
    before = "structures"
    for step in given[0]["stages"]:
        name = f"{AFTER}{step['stage']}"
        if step == wanted and name in job.outputs and job.outputs[before].uuid == structures.uuid:
            found: Any = job.outputs[name]
            return found if isinstance(found, StructureBatchData) else None
        before = name
        if before not in job.outputs:
            return None
    return None
