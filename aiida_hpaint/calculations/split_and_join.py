"""Calcfunctions that split batches by searched cells and hosts, and join the parts again."""

from __future__ import annotations

from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Int, List, Str

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.chunks import chunk_by_sites
from aiida_hpaint.science.structures.joining import join_in_order
from aiida_hpaint.science.structures.primitive import choose_searches

__all__ = ["choose_cells", "join_parts", "split_hosts", "take_hosts"]


@calcfunction
def choose_cells(
    hosts: StructureBatchData, cell: Str, max_sites: Int
) -> dict[str, StructureBatchData]:
    """Return the hosts in the cells that they are searched in, in chunks as `split_hosts` does.

    A host that is searched in two cells is in two chunks; see
    `aiida_hpaint.science.structures.primitive.choose_searches`.
    """
    numbered = hosts.batch.with_scalars(host=np.arange(len(hosts)))
    setting: Any = cell.value
    chunks = [
        search[rows]
        for search in choose_searches(numbered, setting)
        for rows in chunk_by_sites(search, max_sites.value)
    ]
    return {f"chunk_{i:04d}": StructureBatchData(chunk) for i, chunk in enumerate(chunks)}


@calcfunction
def split_hosts(hosts: StructureBatchData, max_sites: Int) -> dict[str, StructureBatchData]:
    """Split hosts into chunks of at most `max_sites` sites, as `chunk_0000` and so on.

    A larger host has a chunk of its own. Each host gets its index as the scalar `host`.
    """
    numbered = hosts.batch.with_scalars(host=np.arange(len(hosts)))
    chunks = chunk_by_sites(numbered, max_sites.value)
    return {f"chunk_{i:04d}": StructureBatchData(numbered[rows]) for i, rows in enumerate(chunks)}


@calcfunction
def take_hosts(structures: StructureBatchData, hosts: List) -> StructureBatchData:
    """Return the structures of the hosts with these indices, in their order."""
    batch = structures.batch
    rows = np.flatnonzero(np.isin(batch.host_indices, hosts.get_list()))
    return StructureBatchData(batch.with_scalars(host=batch.host_indices)[rows])


@calcfunction
def join_parts(structures: StructureBatchData, **parts: StructureBatchData) -> StructureBatchData:
    """Join the results of the parts that structures were split into; see `join_in_order`."""
    return StructureBatchData(
        join_in_order(structures.batch, [parts[key].batch for key in sorted(parts)])
    )
