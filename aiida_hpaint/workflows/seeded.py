"""The restore WorkGraph that begins with maxima of potentials instead of drawn samples."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import (
    AbstractCode,
    Bool,
    Dict,
    Float,
    FolderData,
    SinglefileData,
    Str,
    StructureData,
)
from aiida_workgraph import dynamic, get_current_graph, namespace, task
from node_graph.socket_spec import SocketMeta

from aiida_hpaint.calculations.functions import pick_structures, rank_samples
from aiida_hpaint.calculations.seeding import collect_seeds
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine import DurableGraph
from aiida_hpaint.workflows.restore import STAGE, STAGES
from aiida_hpaint.workflows.seed import SeedWorkChain
from aiida_hpaint.workflows.stage import StageWorkChain

__all__ = ["SEEDING", "restore_seeded"]

SEEDING = namespace(settings=Dict, pw=AbstractCode, pp=AbstractCode, options=Dict)
# That a namespace is not required says nothing of what is in it.
_OPTIONAL = namespace(
    settings=Annotated[Dict, SocketMeta(required=False)],
    identity=Annotated[Dict, SocketMeta(required=False)],
    code=Annotated[AbstractCode, SocketMeta(required=False)],
    options=Annotated[Dict, SocketMeta(required=False)],
    model=Annotated[FolderData, SocketMeta(required=False)],
)
_REFINE = Annotated[Float, SocketMeta(required=False)]
_PLAN = namespace(
    sample=_OPTIONAL, score=_OPTIONAL, relax_inserted=STAGE, relax_all=STAGE, refine=_REFINE
)
_RANKED = namespace(samples=StructureBatchData, table=SinglefileData, summary=Dict)


@task.graph(
    outputs=namespace(
        samples=StructureBatchData,
        table=SinglefileData,
        summary=Dict,
        structures=dynamic(StructureData),
        seeds=StructureBatchData,
        seeding=dynamic(Dict),
        reports=dynamic(Dict),
    )
)
def restore_seeded(
    hosts: StructureBatchData,
    singles: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    seeding: Annotated[dict[str, Any], SEEDING],
    plan: Annotated[dict[str, Any], _PLAN],
) -> dict[str, Any]:
    """Place what is missing at maxima of the hosts' potentials, relax, and rank.

    Parameters
    ----------
    hosts
        All hosts with the sites to insert.
    singles
        The same hosts, one by one.
    seeding
        `RestoreHydrogenSettings`, codes of pw.x and pp.x and options of their jobs.
    plan
        As for `restore`. Without `sample` the seeds are scored and relaxed themselves, with it a
        generator draws around them.

    Returns
    -------
    mapping
        `structures`, `samples`, `table` and `summary`: as for `restore`; `seeds` of all hosts;
        `seeding`: what SeedWorkChain reports of each; `reports` of the stages.
    """
    graph = get_current_graph()
    found: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for key, host in singles.items():
        step = graph.add_task(SeedWorkChain, name=f"seed_{key}", host=host, **seeding)
        found[key], told[key] = step.outputs.seeds, step.outputs.report
    collected = task(collect_seeds)(to_refine=Bool("sample" in plan), seeds=found)
    structures, reports = collected.result, {}
    for stage in filter(plan.__contains__, STAGES):
        inputs = {"stage": Str(stage), "structures": structures, **plan[stage]}
        step = graph.add_task(StageWorkChain, name=stage, **inputs)
        structures, reports[stage] = step.outputs.structures, step.outputs.report
    refine = {"refine": plan["refine"]} if "refine" in plan else {}
    chunks = {"chunk_0000": structures}
    ranked = task(outputs=_RANKED)(rank_samples)(hosts=hosts, chunks=chunks, **refine)
    return {
        "samples": ranked.samples,
        "table": ranked.table,
        "summary": ranked.summary,
        "structures": task(pick_structures)(samples=ranked.samples),
        "seeds": collected.result,
        "seeding": told,
        "reports": reports,
    }


restore_seeded._graph_class = DurableGraph
