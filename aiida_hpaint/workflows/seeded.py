"""The restore WorkGraph that begins with maxima of potentials instead of drawn samples."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
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
# A fixed namespace inside a dynamic one does not survive the engine of aiida-workgraph 0.9.
_REPORTS = dynamic(dynamic(Dict))
_RANKED = namespace(samples=StructureBatchData, table=SinglefileData, summary=Dict)


@task.graph(
    outputs=namespace(
        samples=StructureBatchData,
        table=SinglefileData,
        summary=Dict,
        structures=dynamic(StructureData),
        seeds=dynamic(StructureBatchData),
        seeding=dynamic(Dict),
        reports=_REPORTS,
    )
)
def restore_seeded(
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    singles: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    seeding: Annotated[dict[str, Any], SEEDING],
    plan: Annotated[dict[str, Any], _PLAN],
) -> dict[str, Any]:
    """Place what is missing at maxima of the hosts' potentials, relax, and rank.

    Parameters
    ----------
    hosts
        All hosts with the sites to insert.
    chunks
        The same hosts, cut into chunks by `split_hosts`.
    singles
        The same hosts, one by one, in their order.
    seeding
        `RestoreHydrogenSettings`, codes of pw.x and pp.x and options of their jobs.
    plan
        As for `restore`. Without `sample` the seeds are scored and relaxed themselves, with it a
        generator draws around them.

    Returns
    -------
    mapping
        `structures`, `samples`, `table`, `summary` and `reports`: as for `restore`; `seeds` of
        each chunk; `seeding`: what SeedWorkChain reports of each host.
    """
    graph = get_current_graph()
    told: dict[str, Any] = {}
    seeds: dict[str, Any] = {}
    samples: dict[str, Any] = {}
    reports: dict[str, dict[str, Any]] = {}
    alone = [singles[key] for key in sorted(singles)]
    for key, chunk in chunks.items():
        found: dict[str, Any] = {}
        for place in _places(chunk):
            name = f"host_{place:05d}"
            step = graph.add_task(SeedWorkChain, name=f"seed_{name}", host=alone[place], **seeding)
            found[name], told[name] = step.outputs.seeds, step.outputs.report
        refined = Bool("sample" in plan)
        seeds[key] = task(collect_seeds)(to_refine=refined, seeds=found).result
        structures, reports[key] = seeds[key], {}
        for stage in filter(plan.__contains__, STAGES):
            inputs = {"stage": Str(stage), "structures": structures, **plan[stage]}
            step = graph.add_task(StageWorkChain, name=f"{stage}_{key}", **inputs)
            structures, reports[key][stage] = step.outputs.structures, step.outputs.report
        samples[key] = structures
    refine = {"refine": plan["refine"]} if "refine" in plan else {}
    ranked = task(outputs=_RANKED)(rank_samples)(hosts=hosts, chunks=samples, **refine)
    return {
        "samples": ranked.samples,
        "table": ranked.table,
        "summary": ranked.summary,
        "structures": task(pick_structures)(samples=ranked.samples),
        "seeds": seeds,
        "seeding": told,
        "reports": reports,
    }


restore_seeded._graph_class = DurableGraph


def _places(chunk: StructureBatchData) -> list[int]:
    """Which hosts a chunk holds; one that holds all does not say."""
    batch = chunk.batch
    places: list[int] = batch.scalars.get("host", np.arange(len(batch))).tolist()
    return places
