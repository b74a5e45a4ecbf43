"""The restore WorkGraph: hosts -> sample -> score -> relax inserted, all -> rank -> structures."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import AbstractCode, Dict, Float, FolderData, SinglefileData, Str, StructureData
from aiida_workgraph import dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.functions import pick_structures, rank_samples
from aiida_hpaint.calculations.validation import choose_structures
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.workflows.engine import DurableGraph
from aiida_hpaint.workflows.stage import StageWorkChain
from aiida_hpaint.workflows.validate import validate

__all__ = ["PLAN", "STAGE", "STAGES", "restore", "validated"]

STAGES = ("sample", "score", "relax_inserted", "relax_all")
"""Stages in their order; without `score` in the settings there is none."""

STAGE = namespace(settings=Dict, identity=Dict, code=AbstractCode, options=Dict)
_MODEL = Annotated[FolderData, SocketMeta(required=False)]
_SAMPLE = namespace(settings=Dict, identity=Dict, code=AbstractCode, options=Dict, model=_MODEL)
# That a namespace is not required says nothing of what is in it.
_SCORE = namespace(
    settings=Annotated[Dict, SocketMeta(required=False)],
    identity=Annotated[Dict, SocketMeta(required=False)],
    code=Annotated[AbstractCode, SocketMeta(required=False)],
    options=Annotated[Dict, SocketMeta(required=False)],
)
_REFINE = Annotated[Float, SocketMeta(required=False)]
_VALIDATION = namespace(
    settings=Annotated[Dict, SocketMeta(required=False)],
    choice=Annotated[Dict, SocketMeta(required=False)],
    code=Annotated[AbstractCode, SocketMeta(required=False)],
    options=Annotated[Dict, SocketMeta(required=False)],
)
PLAN = namespace(
    sample=_SAMPLE,
    score=_SCORE,
    relax_inserted=STAGE,
    relax_all=STAGE,
    refine=_REFINE,
    validation=_VALIDATION,
)
_VALIDATED = namespace(
    summary=Annotated[Dict, SocketMeta(required=False)],
    table=Annotated[SinglefileData, SocketMeta(required=False)],
    structures=dynamic(StructureData),
    reports=dynamic(Dict),
)
# A fixed namespace inside a dynamic one does not survive the engine of aiida-workgraph 0.9.
_REPORTS = dynamic(dynamic(Dict))
_RANKED = namespace(samples=StructureBatchData, table=SinglefileData, summary=Dict)


@task.graph(
    outputs=namespace(
        samples=StructureBatchData,
        table=SinglefileData,
        summary=Dict,
        structures=dynamic(StructureData),
        reports=_REPORTS,
        trajectories=dynamic(DiffusionTrajectoryData),
        drawn=dynamic(StructureBatchData),
        validation=_VALIDATED,
    )
)
def restore(
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    plan: Annotated[dict[str, Any], PLAN],
) -> dict[str, Any]:
    """Put the missing sites of hosts back, and rank what was found.

    Each chunk goes through all stages independently of the others, and each stage always
    finishes: a job that dies leaves its chunk without candidates and the rest of the results
    stand.

    Parameters
    ----------
    hosts
        All hosts with the sites to insert, which have no position yet.
    chunks
        The same hosts, cut into chunks by `split_hosts`.
    plan
        For each stage its settings, identity, code and scheduler options, the tolerance to `refine`
        within (Å), if any, and what DFT is to relax, and how, if anything; `build_restore` makes
        it from a protocol.

    Returns
    -------
    mapping
        `structures`: the lowest sample of each host; `samples`: all of them, ranked; `table`:
        the same as CSV; `summary`; `reports`: what became of each stage of each chunk;
        `trajectories`: of each chunk, where `record` in the settings of sampling asks for them;
        `drawn`: the samples of each chunk, sifted, before any relaxation; `validation`: what
        `validate` returns, if DFT was asked for.
    """
    graph = get_current_graph()
    samples: dict[str, Any] = {}
    reports: dict[str, dict[str, Any]] = {}
    trajectories: dict[str, Any] = {}
    drawn: dict[str, Any] = {}
    for key, structures in chunks.items():
        reports[key] = {}
        for stage in filter(plan.__contains__, STAGES):
            inputs = {"stage": Str(stage), "structures": structures, **plan[stage]}
            step = graph.add_task(StageWorkChain, name=f"{stage}_{key}", **inputs)
            structures = step.outputs.structures
            reports[key][stage] = step.outputs.report
            if stage == "sample":
                drawn[key] = structures
            if stage == "sample" and plan[stage]["settings"].get("record", 0):
                trajectories[key] = step.outputs.trajectory
        samples[key] = structures
    refine = {"refine": plan["refine"]} if "refine" in plan else {}
    ranked = task(outputs=_RANKED)(rank_samples)(hosts=hosts, chunks=samples, **refine)
    structures = task(pick_structures)(samples=ranked.samples)
    more = {"validation": validated(ranked.samples, plan)} if "validation" in plan else {}
    return {
        "samples": ranked.samples,
        "table": ranked.table,
        "summary": ranked.summary,
        "structures": structures,
        "reports": reports,
        "trajectories": trajectories,
        "drawn": drawn,
        **more,
    }


restore._graph_class = DurableGraph


def validated(samples: Any, plan: dict[str, Any]) -> dict[str, Any]:
    """The chosen samples relaxed by DFT, once they are there."""
    stage = dict(plan["validation"])
    choose = task(outputs=dynamic(StructureData))(choose_structures)
    chosen = choose(samples=samples, choice=stage.pop("choice"))
    found = validate(structures=chosen, plan=stage)
    return {name: found[name] for name in ("summary", "table", "structures", "reports")}
