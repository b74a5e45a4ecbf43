"""What the WorkGraphs of restorations share: stages of a chunk, the ranking, and types of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from aiida.orm import AbstractCode, Bool, Dict, Float, FolderData, SinglefileData, Str
from aiida_workgraph import dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.ranking import pick_structures, rank_samples
from aiida_hpaint.calculations.starting_points import begin_with_guesses
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.recipe import STAGES
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = ["REPORTS", "STAGE", "STAGE_PLAN", "optional", "rank_chunks", "run_stages"]


def optional(kind: type) -> Any:
    """Return the type of an input that may be left out."""
    return Annotated[kind, SocketMeta(required=False)]


STAGE = namespace(settings=Dict, identity=Dict, code=AbstractCode, options=Dict)
# A stage may be off; that a namespace is not required says nothing of what is in it.
_OPTIONAL_STAGE: Any = namespace(
    settings=optional(Dict),
    identity=optional(Dict),
    code=optional(AbstractCode),
    options=optional(Dict),
    model=optional(FolderData),
)
STAGE_PLAN: dict[str, Any] = {
    **{stage.name: _OPTIONAL_STAGE for stage in STAGES},
    "guesses": optional(Dict),
    "refine": optional(Float),
    "pick": optional(Bool),
}
"""Types of the plan of a restoration: its stages; without sampling, what to propose beside the
`guesses` and how to filter them; the tolerance to `refine` within, Å; and whether to `pick` a
StructureData for each host (without it, yes)."""

# A fixed namespace inside a dynamic one does not survive the engine of aiida-workgraph 0.9.
REPORTS = dynamic(dynamic(Dict))
_RANKED = namespace(samples=StructureBatchData, table=SinglefileData, summary=Dict)


def run_stages(plan: Mapping[str, Any], key: str, structures: Any) -> tuple[Any, dict[str, Any]]:
    """Add the stages of a plan for one chunk to the current graph.

    Parameters
    ----------
    plan
        What `STAGE_PLAN` describes.
    key
        Name of the chunk.
    structures
        Its hosts; where the plan has no sampling, with positions for their inserted sites.

    Returns
    -------
    The structures that the last stage leaves, and the tasks by stage.
    """
    graph = get_current_graph()
    if "guesses" in plan:
        begin = task(begin_with_guesses)(hosts=structures, settings=plan["guesses"])
        structures = begin.result
    steps: dict[str, Any] = {}
    for stage in STAGES:
        if stage.name in plan:
            inputs = {"stage": Str(stage.name), "structures": structures, **plan[stage.name]}
            step = graph.add_task(StageWorkChain, name=f"{stage.name}_{key}", **inputs)
            steps[stage.name], structures = step, step.outputs.structures
    return structures, steps


def rank_chunks(
    plan: Mapping[str, Any], hosts: StructureBatchData, chunks: Mapping[str, tuple[Any, Any]]
) -> dict[str, Any]:
    """Rank what the last stages of all chunks left, in the current graph.

    Parameters
    ----------
    chunks
        What `run_stages` returned, by chunk.

    Returns
    -------
    mapping
        The outputs `samples`, `table`, `summary` and `structures` of a restoration, and `reports`
        of each stage of each chunk.
    """
    samples = {key: structures for key, (structures, _) in chunks.items()}
    refine = {"refine": plan["refine"]} if "refine" in plan else {}
    ranked = task(outputs=_RANKED)(rank_samples)(hosts=hosts, chunks=samples, **refine)
    picks = "pick" not in plan or bool(plan["pick"].value)
    return {
        "samples": ranked.samples,
        "table": ranked.table,
        "summary": ranked.summary,
        "structures": task(pick_structures)(samples=ranked.samples) if picks else {},
        "reports": {
            key: {stage: step.outputs.report for stage, step in steps.items()}
            for key, (_, steps) in chunks.items()
        },
    }
