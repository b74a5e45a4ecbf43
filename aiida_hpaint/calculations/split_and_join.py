"""Calcfunctions that split batches by hosts, and join the parts again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Int, List

from aiida_hpaint.calculations.failures import fill_missing_scalars
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.chunks import chunk_by_sites
from aiida_hpaint.science.structures.sample_origin import GENERATED

__all__ = ["join_in_order", "join_parts", "split_hosts", "take_hosts"]


@calcfunction
def split_hosts(hosts: StructureBatchData, max_sites: Int) -> dict[str, StructureBatchData]:
    """Chunks of whole hosts with at most `max_sites` sites each: `chunk_0000` and so on.

    Each host gets the scalar `host`, its place among all hosts.
    """
    numbered = hosts.batch.with_scalars(host=np.arange(len(hosts)))
    chunks = chunk_by_sites(numbered, max_sites.value)
    return {f"chunk_{i:04d}": StructureBatchData(numbered[rows]) for i, rows in enumerate(chunks)}


@calcfunction
def take_hosts(structures: StructureBatchData, hosts: List) -> StructureBatchData:
    """Return the structures of some hosts in their order, each with the scalar `host`."""
    batch = structures.batch
    places = batch.host_indices
    rows = np.flatnonzero(np.isin(places, hosts.get_list()))
    return StructureBatchData(batch.with_scalars(host=places)[rows])


@calcfunction
def join_parts(structures: StructureBatchData, **parts: StructureBatchData) -> StructureBatchData:
    """Join the results of all parts of some structures, in the order of one part.

    Samples stand where they stood. Samples that were drawn for hosts are ordered by host, and
    proposals follow after all of them.
    """
    return StructureBatchData(
        join_in_order(structures.batch, [parts[key].batch for key in sorted(parts)])
    )


def join_in_order(structures: StructureBatch, parts: Sequence[StructureBatch]) -> StructureBatch:
    """See `join_parts`."""
    together = concatenate(fill_missing_scalars(parts))
    rows = {key: row for row, key in enumerate(_keys(together))}
    if sorted(rows) == sorted(_keys(structures)):
        return together[[rows[key] for key in _keys(structures)]]
    places = structures.host_indices.tolist()
    order = {host: place for place, host in enumerate(dict.fromkeys(places))}
    of_host = np.array([order[host] for host in together.scalars["host"].tolist()])
    origin = together.scalars.get("origin", np.full(len(together), GENERATED))
    return together[np.lexsort((of_host, origin != GENERATED))]


def _keys(batch: StructureBatch) -> list[tuple[int, int]]:
    numbers = batch.scalars.get("sample", np.full(len(batch), -1))
    return list(zip(batch.host_indices.tolist(), numbers.tolist(), strict=True))
