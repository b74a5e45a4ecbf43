"""The restore WorkGraph that begins with maxima of potentials instead of drawn samples."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import AbstractCode, Bool, Dict, FolderData, SinglefileData, StructureData
from aiida_workgraph import dynamic, get_current_graph, namespace, task

from aiida_hpaint.calculations.seeding import collect_seeds
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.hosts_of_samples import host_places
from aiida_hpaint.workflows.engine.durable import DurableGraph
from aiida_hpaint.workflows.restore.chunks import (
    OPTIONAL_STAGE,
    REFINE,
    REPORTS,
    STAGE,
    optional,
    rank_chunks,
    run_stages,
)
from aiida_hpaint.workflows.restore.seed import SeedWorkChain

__all__ = ["SEEDING", "restore_seeded"]

SEEDING = namespace(settings=Dict, pw=AbstractCode, pp=AbstractCode, options=Dict)
_SAMPLE = namespace(
    settings=optional(Dict),
    identity=optional(Dict),
    code=optional(AbstractCode),
    options=optional(Dict),
    model=optional(FolderData),
)
_PLAN = namespace(
    sample=_SAMPLE,
    score=OPTIONAL_STAGE,
    relax_inserted=STAGE,
    relax_all=STAGE,
    refine=REFINE,
)


@task.graph(
    outputs=namespace(
        samples=StructureBatchData,
        table=SinglefileData,
        summary=Dict,
        structures=dynamic(StructureData),
        seeds=dynamic(StructureBatchData),
        seeding=dynamic(Dict),
        reports=REPORTS,
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
    steps: dict[str, dict[str, Any]] = {}
    alone = [singles[key] for key in sorted(singles)]
    for key, chunk in chunks.items():
        found: dict[str, Any] = {}
        for place in _places(chunk):
            name = f"host_{place:05d}"
            step = graph.add_task(SeedWorkChain, name=f"seed_{name}", host=alone[place], **seeding)
            found[name], told[name] = step.outputs.seeds, step.outputs.report
        refined = Bool("sample" in plan)
        seeds[key] = task(collect_seeds)(to_refine=refined, seeds=found).result
        steps[key] = run_stages(plan, key, seeds[key])
    return {**rank_chunks(plan, hosts, steps), "seeds": seeds, "seeding": told}


restore_seeded._graph_class = DurableGraph


def _places(chunk: StructureBatchData) -> list[int]:
    """Which hosts a chunk holds; one that holds all does not say."""
    batch = chunk.batch
    places: list[int] = host_places(batch).tolist()
    return places
