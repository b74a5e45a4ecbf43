"""The WorkGraph that restores hosts from maxima of their potentials."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import AbstractCode, Bool, Dict
from aiida_workgraph import dynamic, get_current_graph, namespace, task

from aiida_hpaint.calculations.starting_points import collect_starting_points
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.durable import durable_graph
from aiida_hpaint.workflows.restore.chunks import RANKED, STAGE_PLAN, rank_chunks, run_stages
from aiida_hpaint.workflows.restore.starting_points import StartingPointsWorkChain

__all__ = ["restore_from_peaks"]

_PEAK_SEARCH = namespace(settings=Dict, pw=AbstractCode, pp=AbstractCode, options=Dict)


@durable_graph(
    outputs=namespace(
        **RANKED,
        starting_points=dynamic(StructureBatchData),
        peak_search_reports=dynamic(Dict),
    )
)
def restore_from_peaks(
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    singles: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    peak_search: Annotated[dict[str, Any], _PEAK_SEARCH],
    plan: Annotated[dict[str, Any], namespace(**STAGE_PLAN)],
) -> dict[str, Any]:
    """Place the sites to insert at maxima of the hosts' potentials, relax, and rank.

    Parameters
    ----------
    hosts
        All hosts with the sites to insert.
    chunks
        The same hosts, split by `split_hosts`.
    singles
        The same hosts one by one, in their order.
    peak_search
        `RestoreHydrogenSettings`, codes of pw.x and pp.x, and options of their jobs.
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
    search_reports: dict[str, Any] = {}
    starting_points: dict[str, Any] = {}
    results: dict[str, Any] = {}
    alone = [singles[key] for key in sorted(singles)]
    for key, chunk in chunks.items():
        found: dict[str, Any] = {}
        for index in chunk.batch.host_indices.tolist():
            name = f"host_{index:05d}"
            step = graph.add_task(
                StartingPointsWorkChain, name=f"search_{name}", host=alone[index], **peak_search
            )
            found[name] = step.outputs.starting_points
            search_reports[name] = step.outputs.report
        collect = task(collect_starting_points)
        to_refine = Bool("sample" in plan)
        starting_points[key] = collect(to_refine=to_refine, starting_points=found).result
        results[key] = run_stages(plan, key, starting_points[key])
    return {
        **rank_chunks(plan, hosts, results),
        "starting_points": starting_points,
        "peak_search_reports": search_reports,
    }
