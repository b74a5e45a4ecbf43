"""A graph with a graph inside, as benchmarks and validations have it."""

from __future__ import annotations

from typing import Annotated, Any

from aiida_workgraph import dynamic, namespace

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.durable import durable_graph
from aiida_hpaint.workflows.restore.graph import RESTORE_PLAN, restore


@durable_graph(outputs=namespace(samples=StructureBatchData))
def outer(
    hosts: StructureBatchData,
    chunks: Annotated[dict[str, Any], dynamic(StructureBatchData)],
    plan: Annotated[dict[str, Any], RESTORE_PLAN],
) -> dict[str, Any]:
    found = restore(hosts=hosts, chunks=chunks, plan=plan)
    return {"samples": found.samples}
