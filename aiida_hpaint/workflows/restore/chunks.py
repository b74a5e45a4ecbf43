"""Parts of the WorkGraphs of restorations: stages of a chunk, ranking, types of their sockets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from aiida.orm import (
    AbstractCode,
    Bool,
    Dict,
    FolderData,
    Int,
    SinglefileData,
    Str,
    StructureData,
)
from aiida_workgraph import dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.ranking import pick_structures, rank_samples
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.recipe import SAMPLE, STAGES
from aiida_hpaint.workflows.restore.one_job import list_later_stages
from aiida_hpaint.workflows.restore.relaxer import RelaxerWorkChain
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = [
    "RANKED",
    "STAGE",
    "STAGE_PLAN",
    "ChunkResults",
    "optional",
    "rank_chunks",
    "run_stages",
]


def optional(kind: type) -> Any:
    """Return the type of an input that may be left out."""
    return Annotated[kind, SocketMeta(required=False)]


STAGE = namespace(
    settings=Dict,
    identity=Dict,
    code=AbstractCode,
    options=Dict,
    potential=optional(SinglefileData),
)
# A stage may be off. Entries of an optional namespace are required unless they are optional, too.
_OPTIONAL_STAGE: Any = namespace(
    settings=optional(Dict),
    identity=optional(Dict),
    code=optional(AbstractCode),
    options=optional(Dict),
    model=optional(FolderData),
    potential=optional(SinglefileData),
    max_jobs=optional(Int),
    max_failures=optional(Int),
    handler_overrides=optional(Dict),
)
STAGE_PLAN: dict[str, Any] = {
    **{stage.name: _OPTIONAL_STAGE for stage in STAGES},
    "cell": optional(Str),
    "guesses": optional(Dict),
    "finish": optional(Dict),
    "pick": optional(Bool),
    "relaxer": namespace(settings=optional(Dict), arguments=dynamic(Any)),
    "together": optional(Bool),
}
"""Types of the plan of a restoration: its stages; which `cell` is searched (`SearchedCell`), which
decides the chunks; without sampling, settings for `guesses`; how to `finish` (`FinishInputs`);
whether to `pick` a StructureData for each host; the `relaxer` of another package, if any, that
follows the stages; and whether one job of a chunk runs all stages `together`, as far as it gets."""

_OF_RANKING: dict[str, Any] = {
    "samples": StructureBatchData,
    "table": SinglefileData,
    "summary": Dict,
}
RANKED: dict[str, Any] = {
    **_OF_RANKING,
    "structures": dynamic(StructureData),
    # The engine of aiida-workgraph 0.9 loses a fixed namespace inside a dynamic one.
    "reports": dynamic(dynamic(Dict)),
}
"""Types of the outputs of `rank_chunks`."""


@dataclass(frozen=True)
class ChunkResults:
    """Sockets of the results of one chunk.

    Attributes
    ----------
    structures
        Samples after the last stage.
    reports
        Report of each stage.
    sampled
        Samples of the generator before any relaxation; None without sampling.
    trajectory
        Recording of the sampling; None without sampling.
    """

    structures: Any
    reports: dict[str, Any]
    sampled: Any = None
    trajectory: Any = None


def run_stages(plan: Mapping[str, Any], key: str, structures: Any) -> ChunkResults:
    """Add the stages of a plan for one chunk to the current graph.

    Parameters
    ----------
    plan
        Plan of a restoration; see `STAGE_PLAN`.
    key
        Name of the chunk.
    structures
        Hosts of the chunk; if the plan has no sampling, with positions of their inserted sites.
    """
    graph = get_current_graph()
    if "guesses" in plan:
        from aiida_hpaint.calculations.starting_points import begin_with_guesses

        begin = task(begin_with_guesses)(hosts=structures, settings=plan["guesses"])
        structures = begin.result
    names = [stage.name for stage in STAGES if stage.name in plan]
    reports: dict[str, Any] = {}
    drawn: dict[str, Any] = {}
    is_together = "together" in plan and bool(plan["together"].value)
    for name in names[:1] if is_together else names:
        inputs = {"stage": Str(name), "structures": structures, **plan[name]}
        if is_together:
            inputs["later"] = list_later_stages(plan, names[1:])
        outputs = graph.add_task(StageWorkChain, name=f"{name}_{key}", **inputs).outputs
        structures = outputs.structures
        if is_together:
            reports = {each: outputs.reports[each] for each in names}
        else:
            reports[name] = outputs.report
        if name == SAMPLE:
            sampled = outputs.stages[SAMPLE] if is_together else outputs.structures
            drawn = {"sampled": sampled, "trajectory": outputs.trajectory}
    if "relaxer" in plan:
        step = graph.add_task(
            RelaxerWorkChain, name=f"relaxer_{key}", structures=structures, **plan["relaxer"]
        )
        reports["relaxer"], structures = step.outputs.report, step.outputs.structures
    return ChunkResults(structures, reports, **drawn)


def rank_chunks(
    plan: Mapping[str, Any], hosts: StructureBatchData, chunks: Mapping[str, ChunkResults]
) -> dict[str, Any]:
    """Add the ranking of all chunks to the current graph.

    Parameters
    ----------
    chunks
        Results of `run_stages` by chunk.

    Returns
    -------
    mapping
        The outputs `samples`, `table`, `summary`, `structures` and `reports` of a restoration; see
        `RANKED`.
    """
    samples = {key: chunk.structures for key, chunk in chunks.items()}
    finish = {"finish": plan["finish"]} if "finish" in plan else {}
    ranked = task(outputs=namespace(**_OF_RANKING))(rank_samples)(
        hosts=hosts, chunks=samples, **finish
    )
    picks = "pick" not in plan or bool(plan["pick"].value)
    return {
        "samples": ranked.samples,
        "table": ranked.table,
        "summary": ranked.summary,
        "structures": task(pick_structures)(samples=ranked.samples) if picks else {},
        "reports": {key: chunk.reports for key, chunk in chunks.items()},
    }
