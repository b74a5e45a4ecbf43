"""What the WorkGraphs of restorations share: stages of a chunk, the ranking, and types of both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from aiida.orm import AbstractCode, Bool, Dict, Float, SinglefileData, Str
from aiida_workgraph import dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.functions import pick_structures, rank_samples
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = [
    "OPTIONAL_STAGE",
    "PICK",
    "REFINE",
    "REPORTS",
    "STAGE",
    "STAGES",
    "optional",
    "rank_chunks",
    "run_stages",
]

STAGES = ("sample", "score", "relax_inserted", "relax_all")
"""Stages in their order; without `score` in the settings there is none."""


def optional(kind: type) -> Any:
    """The type of an input that may be left out."""
    return Annotated[kind, SocketMeta(required=False)]


STAGE = namespace(settings=Dict, identity=Dict, code=AbstractCode, options=Dict)
# That a namespace is not required says nothing of what is in it.
OPTIONAL_STAGE: Any = namespace(
    settings=optional(Dict),
    identity=optional(Dict),
    code=optional(AbstractCode),
    options=optional(Dict),
)
REFINE: Any = optional(Float)
PICK: Any = optional(Bool)
"""Whether each host gets a StructureData; without it, yes."""

# A fixed namespace inside a dynamic one does not survive the engine of aiida-workgraph 0.9.
REPORTS = dynamic(dynamic(Dict))
_RANKED = namespace(samples=StructureBatchData, table=SinglefileData, summary=Dict)


def run_stages(plan: Mapping[str, Any], key: str, structures: Any) -> dict[str, Any]:
    """Add the stages of a plan for one chunk to the current graph; their tasks by stage."""
    graph = get_current_graph()
    steps: dict[str, Any] = {}
    for stage in filter(plan.__contains__, STAGES):
        inputs = {"stage": Str(stage), "structures": structures, **plan[stage]}
        steps[stage] = graph.add_task(StageWorkChain, name=f"{stage}_{key}", **inputs)
        structures = steps[stage].outputs.structures
    return steps


def rank_chunks(
    plan: Mapping[str, Any], hosts: StructureBatchData, steps: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Rank what the last stages of all chunks left, in the current graph.

    Parameters
    ----------
    steps
        What `run_stages` returned, by chunk.

    Returns
    -------
    mapping
        The outputs `samples`, `table`, `summary` and `structures` of a restoration, and `reports`
        of each stage of each chunk.
    """
    samples = {key: list(each.values())[-1].outputs.structures for key, each in steps.items()}
    refine = {"refine": plan["refine"]} if "refine" in plan else {}
    ranked = task(outputs=_RANKED)(rank_samples)(hosts=hosts, chunks=samples, **refine)
    picks = "pick" not in plan or bool(plan["pick"].value)
    return {
        "samples": ranked.samples,
        "table": ranked.table,
        "summary": ranked.summary,
        "structures": task(pick_structures)(samples=ranked.samples) if picks else {},
        "reports": {
            key: {stage: step.outputs.report for stage, step in each.items()}
            for key, each in steps.items()
        },
    }
