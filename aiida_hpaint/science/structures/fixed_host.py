"""What samples were while their hosts were fixed, which is kept when hosts relax, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import RELAXED
from aiida_hpaint.science.types import FloatArray

__all__ = [
    "FIXED_HOST",
    "HELD",
    "get_comparable_energy",
    "get_fixed_sites",
    "keeps_host",
    "put_back",
    "record_fixed_host",
]

FIXED_HOST = "fixed_host"
"""Metadata of a sample whose host relaxed, with what it was before: `frac_coords` of its inserted
sites, `energy` (eV), `max_force` (eV/Å, on these sites), `status`, and name of the `potential`."""

HELD = "held"
"""Metadata of a sample whose host was put back: `reasons`, and the `energy` that it had (eV)."""


def record_fixed_host(samples: StructureBatch) -> StructureBatch:
    """Return samples whose metadata say what they are before their hosts relax.

    Those that are not relaxed, and those that say so already, stay as they are.
    """
    relaxed = np.isin(samples.scalars["status"], [status.value for status in RELAXED])
    names = [(entry.get("model") or {}).get("name") for entry in samples.history]
    potential = next((name for name in reversed(names) if name), None)
    metadata = list(samples.metadata)
    for index in np.flatnonzero(relaxed).tolist():
        if FIXED_HOST not in metadata[index]:
            record = {**_describe(samples[index]), "potential": potential}
            metadata[index] = {**metadata[index], FIXED_HOST: record}
    return replace(samples, metadata=tuple(metadata))


def _describe(one: StructureBatch) -> dict[str, Any]:
    return {
        "frac_coords": one.frac_coords[one.inserted].tolist(),
        "energy": float(one.scalars["energy"][0]),
        "max_force": float(one.scalars["max_force"][0]),
        "status": str(one.scalars["status"][0]),
    }


def get_fixed_sites(one: StructureBatch) -> FloatArray | None:
    """Return the (m, 3) fractional coordinates of inserted sites while the host was fixed."""
    record = one.metadata[0].get(FIXED_HOST)
    return np.array(record["frac_coords"], dtype=np.float64) if record else None


def get_comparable_energy(reference: StructureBatch, sample: StructureBatch) -> float:
    """Return the energy of a relaxed reference in eV: in its fixed host, if the sample is held."""
    record = reference.metadata[0].get(FIXED_HOST)
    if record and HELD in sample.metadata[0]:
        return float(record["energy"])
    return float(reference.scalars["energy"][0])


def keeps_host(one: StructureBatch) -> bool:
    """Return whether the host of an answer was put back, or never relaxed by what is recorded."""
    stages = [entry for entry in one.history if entry.get("stage") != "score"]
    moved = {(entry.get("settings") or {}).get("moving") for entry in stages} - {None}
    return HELD in one.metadata[0] or moved == {"inserted"}


def put_back(one: StructureBatch, host: StructureBatch, held: Mapping[str, Any]) -> StructureBatch:
    """Return a sample as it was while its host was fixed.

    Parameters
    ----------
    one
        A sample in the cell of its host, a batch of one, with the metadata `FIXED_HOST`.
    host
        Its host before the restoration.
    held
        What its metadata say under `HELD`.
    """
    record: Mapping[str, Any] = one.metadata[0][FIXED_HOST]
    coords = one.frac_coords.copy()
    coords[~one.inserted] = host.frac_coords[~host.inserted]
    coords[one.inserted] = record["frac_coords"]
    known = {name: [record[name]] for name in ("energy", "max_force", "status")}
    if "max_stress" in one.scalars:
        known["max_stress"] = [np.nan]
    if "ranked_by" in one.scalars:  # a second potential has no energy in the fixed host
        known["ranked_by"] = [record["potential"]]
    metadata = {**one.metadata[0], HELD: dict(held)}
    back = replace(one, frac_coords=coords, cells=host.cells, metadata=(metadata,))
    return back.with_scalars(**known)
