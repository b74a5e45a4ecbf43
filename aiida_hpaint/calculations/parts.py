"""The calcfunctions that take a chunk apart by hosts, and put it together again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import List

from aiida_hpaint.calculations.functions import alike
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.sample_origin import GENERATED

__all__ = ["join_parts", "take_hosts"]


@calcfunction
def take_hosts(structures: StructureBatchData, hosts: List) -> StructureBatchData:
    """The structures of some hosts, in their order; each has the scalar `host`."""
    batch = structures.batch
    places = batch.host_indices
    rows = np.flatnonzero(np.isin(places, hosts.get_list()))
    return StructureBatchData(batch.with_scalars(host=places)[rows])


@calcfunction
def join_parts(structures: StructureBatchData, **parts: StructureBatchData) -> StructureBatchData:
    """What became of all parts of some structures, in the order of one part.

    Samples stand where they stood. Samples that were drawn for hosts are ordered by host, and
    proposals follow after all of them.
    """
    return StructureBatchData(joined(structures.batch, [parts[key].batch for key in sorted(parts)]))


def joined(structures: StructureBatch, parts: Sequence[StructureBatch]) -> StructureBatch:
    """See `join_parts`."""
    together = concatenate(alike(parts))
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
