"""The restore WorkGraph that begins with maxima of potentials instead of random noise."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import AbstractCode, Bool, Dict, SinglefileData, StructureData
from aiida_workgraph import dynamic, get_current_graph, namespace, task

from aiida_hpaint.calculations.starting_points import collect_starting_points
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.durable import durable_graph
from aiida_hpaint.workflows.restore.chunks import (
    REPORTS,
    STAGE_PLAN,
    rank_chunks,
    run_stages,
)
from aiida_hpaint.workflows.restore.starting_points import StartingPointsWorkChain

__all__ = ["PEAK_SEARCH", "restore_from_peaks"]

PEAK_SEARCH = namespace(settings=Dict, pw=AbstractCode, pp=AbstractCode, options=Dict)
_PLAN = namespace(**STAGE_PLAN)


@durable_graph(
    outputs=namespace(
        samples=StructureBatchData,
        table=SinglefileData,
        summary=Dict,
        structures=dynamic(StructureData),
        starting_points=dynamic(StructureBatchData),
        peak_search_reports=dynamic(Dict),
        reports=REPORTS,
    )
)
def restore_from_peaks(
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    singles: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    peak_search: Annotated[dict[str, Any], PEAK_SEARCH],
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
    peak_search
        `RestoreHydrogenSettings`, codes of pw.x and pp.x and options of their jobs.
    plan
        As for `restore`. Without `sample` the starting points themselves are scored and relaxed;
        with it a generator samples around them.

    Returns
    -------
    mapping
        `structures`, `samples`, `table`, `summary` and `reports`: as for `restore`;
        `starting_points` of each chunk; `peak_search_reports`: the report of the
        StartingPointsWorkChain of each host.
    """
    graph = get_current_graph()
    told: dict[str, Any] = {}
    starting_points: dict[str, Any] = {}
    chunk_results: dict[str, Any] = {}
    alone = [singles[key] for key in sorted(singles)]
    for key, chunk in chunks.items():
        found: dict[str, Any] = {}
        for place in _places(chunk):
            name = f"host_{place:05d}"
            step = graph.add_task(
                StartingPointsWorkChain, name=f"search_{name}", host=alone[place], **peak_search
            )
            found[name], told[name] = step.outputs.starting_points, step.outputs.report
        refined = Bool("sample" in plan)
        starting_points[key] = task(collect_starting_points)(
            to_refine=refined, starting_points=found
        ).result
        chunk_results[key] = run_stages(plan, key, starting_points[key])
    return {
        **rank_chunks(plan, hosts, chunk_results),
        "starting_points": starting_points,
        "peak_search_reports": told,
    }


def _places(chunk: StructureBatchData) -> list[int]:
    """Which hosts a chunk holds; one that holds all does not say."""
    batch = chunk.batch
    places: list[int] = batch.host_indices.tolist()
    return places
