"""Results of parts of a batch, put together as one run would have given them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.sample_origin import GENERATED

__all__ = ["NOT_RELAXED", "fill_missing_scalars", "join_in_order"]

NOT_RELAXED: Mapping[str, float | int] = {
    "energy": np.nan,
    "energy_sampled": np.nan,
    "max_force": np.nan,
    "steps": 0,
}
"""Scalars that relaxations add, and their values for samples that were not relaxed."""

_FROM_OTHER_STAGES: Mapping[str, float | int | str] = {
    "energy_scored": np.nan,
    "origin": GENERATED,
    "parent": -1,
    "draws": 0,
    "same_as": -1,
    "round": 0,
    "found": 0,
    "repeats": 0,
}
"""Scalars that other stages add, and their values for samples of failed jobs."""

_UNKNOWN: Mapping[str, float | int] = {"f": np.nan, "i": -1, "b": False}
"""Values of any other scalar, by the kind of its numpy type."""


def fill_missing_scalars(
    batches: Sequence[StructureBatch], required: Mapping[str, float | int] | None = None
) -> list[StructureBatch]:
    """Give each batch the scalars of all others; samples of failed jobs lack some.

    Parameters
    ----------
    required
        Scalars that each batch gets even if none has them, and their values.
    """
    kinds = {n: values.dtype.kind for batch in batches for n, values in batch.scalars.items()}
    known = {**NOT_RELAXED, **_FROM_OTHER_STAGES}
    values = {name: known.get(name, _UNKNOWN.get(kind, "")) for name, kind in kinds.items()}
    values |= {name: value for name, value in (required or {}).items() if name not in kinds}
    return [
        batch.with_scalars(
            **{
                name: np.full(len(batch), value)
                for name, value in values.items()
                if name not in batch.scalars
            }
        )
        for batch in batches
    ]


def join_in_order(structures: StructureBatch, parts: Sequence[StructureBatch]) -> StructureBatch:
    """Join the results of parts of some structures, ordered as the result of one job would be.

    Parameters
    ----------
    structures
        All structures. If they are samples, the results have their order. If they are hosts, the
        results are ordered by host, with symmetric proposals after all samples of the generator.
    parts
        Results of the parts, in any order.
    """
    together = concatenate(fill_missing_scalars(parts))
    rows = {key: row for row, key in enumerate(_keys(together))}
    if sorted(rows) == sorted(_keys(structures)):
        return together[[rows[key] for key in _keys(structures)]]
    hosts = dict.fromkeys(structures.host_indices.tolist())
    order = {host: position for position, host in enumerate(hosts)}
    by_host = np.array([order[host] for host in together.scalars["host"].tolist()])
    origin = together.scalars.get("origin", np.full(len(together), GENERATED))
    added = together.scalars.get("round", np.zeros(len(together))) > 0
    return together[np.lexsort((by_host, (origin != GENERATED) | added))]


def _keys(batch: StructureBatch) -> list[tuple[int, int]]:
    """Return host index and number of each sample; the number of a host is -1."""
    numbers = batch.scalars.get("sample", np.full(len(batch), -1))
    return list(zip(batch.host_indices.tolist(), numbers.tolist(), strict=True))
