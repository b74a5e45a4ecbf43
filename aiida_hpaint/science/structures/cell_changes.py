"""How much a relaxation changed a cell, in numbers and in words."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import FloatArray

__all__ = [
    "ENERGY_FIXED_CELL",
    "VOLUME_CHANGE",
    "add_volume_changes",
    "describe_cell_change",
    "has_relaxed_cells",
    "is_same_cell",
    "measure_strain",
]

VOLUME_CHANGE = "volume_change"
"""Scalar of samples whose cells relaxed: change of the volume from that of the host, per cent."""

ENERGY_FIXED_CELL = "energy_fixed_cell"
"""Scalar of samples whose cells relaxed: energy in eV before they did."""

_ROUNDING = 1e-5
"""Strain up to which two cells differ by the rounding of a file."""


def measure_strain(before: FloatArray, after: FloatArray) -> float:
    """Return the largest relative change of a length, along any direction, between two cells.

    Parameters
    ----------
    before, after : (3, 3) floats
        Lattice vectors as rows, in Å; a rotation does not matter.
    """
    stretches = np.linalg.svd(np.linalg.solve(before, after), compute_uv=False)
    return float(np.abs(stretches - 1).max())


def is_same_cell(before: FloatArray, after: FloatArray, tolerance: float = _ROUNDING) -> bool:
    """Return whether no length differs by more than a relative tolerance between two cells."""
    return np.array_equal(before, after) or measure_strain(before, after) <= tolerance


def describe_cell_change(before: FloatArray, after: FloatArray) -> str:
    """Return as text what became of lengths, angles and volume; those that stayed are left out.

    Examples
    --------
    "a 3.150 -> 3.171, b 3.150 -> 3.171, c 4.770 -> 4.652 Å, volume -1.2 %"
    """
    from pymatgen.core import Lattice

    old, new = Lattice(before), Lattice(after)
    lengths = [
        f"{name} {x:.3f} -> {y:.3f}"
        for name, x, y in zip("abc", old.abc, new.abc, strict=True)
        if abs(x - y) >= 5e-4
    ]
    angles = [
        f"{name} {x:.2f} -> {y:.2f}"
        for name, x, y in zip(("alpha", "beta", "gamma"), old.angles, new.angles, strict=True)
        if abs(x - y) >= 5e-3
    ]
    parts = [
        ", ".join(lengths) + " Å" if lengths else "",
        ", ".join(angles) + "°" if angles else "",
        f"volume {100 * (new.volume / old.volume - 1):+.1f} %",
    ]
    return ", ".join(part for part in parts if part)


def has_relaxed_cells(samples: StructureBatch) -> bool:
    """Return whether any stage of the history let cells relax."""
    cells = [(record.get("settings") or {}).get("cell", "fixed") for record in samples.history]
    return any(cell in ("shape", "volume", "free") for cell in cells)


def add_volume_changes(samples: StructureBatch, hosts: StructureBatch) -> StructureBatch:
    """Add the scalar `volume_change` (per cent) where cells relaxed; NaN without a rank.

    Parameters
    ----------
    samples
        Ranked samples in the cells of their hosts, but for the strain.
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.
    """
    if not has_relaxed_cells(samples):
        return samples
    rows = hosts.find_host_rows()
    before = hosts.cells[[rows[host] for host in samples.host_indices.tolist()]]
    ratios = np.abs(np.linalg.det(samples.cells) / np.linalg.det(before))
    changes = np.where(samples.scalars["rank"] >= 0, 100 * (ratios - 1), np.nan)
    return samples.with_scalars(**{VOLUME_CHANGE: changes})
