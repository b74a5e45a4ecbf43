"""The benchmark WorkGraph: restore hosts, relax references, and compare."""

from __future__ import annotations

from typing import Annotated, Any

from aiida.orm import Dict, SinglefileData, Str
from aiida_workgraph import dynamic, get_current_graph, namespace, task

from aiida_hpaint.calculations.benchmark import compare_restored, join_batches
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.durable import durable_graph
from aiida_hpaint.workflows.restore.chunks import STAGE
from aiida_hpaint.workflows.restore.graph import RESTORE_PLAN, restore
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = ["benchmark"]

FIXED = "relax_inserted"
"""Stage in which the host is fixed."""

_COMPARED = namespace(rows=SinglefileData, summary=Dict, table=SinglefileData)


@durable_graph(
    outputs=namespace(
        rows=SinglefileData,
        summary=Dict,
        table=SinglefileData,
        samples=StructureBatchData,
        unrelaxed=StructureBatchData,
        targets=StructureBatchData,
    )
)
def benchmark(
    complete: StructureBatchData,
    incomplete: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    starts: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    plan: Annotated[dict[str, Any], RESTORE_PLAN],
    reference_plan: Annotated[dict[str, Any], STAGE],
    settings: Dict,
) -> dict[str, Any]:
    """Restore complete structures without an element, and compare with them.

    Parameters
    ----------
    complete, incomplete
        References and hosts, as `remove_element` returns them.
    chunks
        Hosts in chunks.
    starts
        References as samples, in chunks.
    plan, reference_plan
        Settings, identity, code and options of each stage of the restoration, and of the
        relaxation of the references; `build_benchmark` makes them.
    settings
        Contents of `settings.json` of a benchmark in plain Python, and the `indices` of the
        references.

    Returns
    -------
    mapping
        `rows`, `table`, `summary`: results of `compare_restored`; `samples` and `unrelaxed`: all
        samples at the end and before any relaxation; `targets`: relaxed references.
    """
    graph = get_current_graph()
    restored = restore(hosts=incomplete, chunks=chunks, plan=plan)
    relaxed: dict[str, Any] = {}
    in_host: dict[str, Any] = {}
    for key, structures in starts.items():
        if FIXED in plan:
            inputs = {"stage": Str(FIXED), "structures": structures, **plan[FIXED]}
            step = graph.add_task(StageWorkChain, name=f"relax_{key}_in_host", **inputs)
            in_host[key] = step.outputs.structures
        inputs = {"stage": Str("relax_all"), "structures": structures, **reference_plan}
        step = graph.add_task(StageWorkChain, name=f"relax_references_{key}", **inputs)
        relaxed[key] = step.outputs.structures
    unrelaxed = task(join_batches)(chunks=restored.unrelaxed)
    targets = task(join_batches)(chunks=relaxed)
    known = {"in_host": task(join_batches)(chunks=in_host).result} if in_host else {}
    compared = task(outputs=_COMPARED)(compare_restored)(
        complete=complete,
        start=unrelaxed.result,
        samples=restored.samples,
        targets=targets.result,
        settings=settings,
        **known,
    )
    return {
        "rows": compared.rows,
        "summary": compared.summary,
        "table": compared.table,
        "samples": restored.samples,
        "unrelaxed": unrelaxed.result,
        "targets": targets.result,
    }
