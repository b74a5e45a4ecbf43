"""How much sampling and relaxation changed a cell, in numbers and in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import FloatArray

__all__ = [
    "ENERGY_FIXED_CELL",
    "SAMPLED_CELL",
    "VOLUME_CHANGE",
    "add_volume_changes",
    "describe_cell_change",
    "has_changed_cells",
    "has_sampled_cells",
    "is_same_cell",
    "measure_strain",
    "name_cell_change",
    "note_sampled_cells",
]

VOLUME_CHANGE = "volume_change"
"""Scalar of samples whose cells changed: change of the volume from that of the host, per cent."""

SAMPLED_CELL = "sampled_cell"
"""Metadata of a sample whose cell was sampled with its sites: `volume_change` from the cell that
was searched, per cent, and `start`, the diffusion time from which it was denoised."""

ENERGY_FIXED_CELL = "energy_fixed_cell"
"""Scalar of samples whose cells relaxed: energy in eV before they did."""

_NOTE = (
    "Its cell was sampled with its sites (sampling.cell free, from time {start:g}), which changed "
    "the volume by {change:+.1f} %. What supposes the cell of the host was left out: H in "
    "geometric positions, symmetric arrangements beside the samples, the search, and hosts put "
    "back as measured"
)

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


def note_sampled_cells(
    samples: StructureBatch, hosts: StructureBatch, start: float
) -> StructureBatch:
    """Say in the metadata of samples how much the sampling changed their cells.

    Parameters
    ----------
    samples
        Samples in cells of their own.
    hosts
        The host of each sample, row by row, in the cell that was searched.
    start
        Diffusion time from which cells were denoised.
    """
    changes = 100 * (np.linalg.det(samples.cells) / np.linalg.det(hosts.cells) - 1)
    metadata = tuple(
        {
            **entry,
            SAMPLED_CELL: {"volume_change": round(change, 3), "start": start},
            "notes": [*(entry.get("notes") or ()), _NOTE.format(start=start, change=change)],
        }
        for entry, change in zip(samples.metadata, changes.tolist(), strict=True)
    )
    return replace(samples, metadata=metadata)


def has_sampled_cells(samples: StructureBatch) -> bool:
    """Return whether the cell of any sample was sampled with its sites."""
    return any(SAMPLED_CELL in entry for entry in samples.metadata)


def name_cell_change(samples: StructureBatch) -> str:
    """Return what was done to cells: 'sampled', 'relaxed', or both."""
    relaxed = "max_stress" in samples.scalars and np.isfinite(samples.scalars["max_stress"]).any()
    if not has_sampled_cells(samples):
        return "relaxed"
    return "sampled and relaxed" if relaxed else "sampled"


def has_changed_cells(samples: StructureBatch) -> bool:
    """Return whether any stage of the history sampled cells or let them relax."""
    cells = [(record.get("settings") or {}).get("cell", "fixed") for record in samples.history]
    return any(cell in ("shape", "volume", "free") for cell in cells)


def add_volume_changes(samples: StructureBatch, hosts: StructureBatch) -> StructureBatch:
    """Add the scalar `volume_change` (per cent) where cells changed; NaN without a rank.

    Parameters
    ----------
    samples
        Ranked samples in the cells of their hosts, but for the strain.
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.
    """
    if not has_changed_cells(samples):
        return samples
    rows = hosts.find_host_rows()
    before = hosts.cells[[rows[host] for host in samples.host_indices.tolist()]]
    ratios = np.abs(np.linalg.det(samples.cells) / np.linalg.det(before))
    changes = np.where(samples.scalars["rank"] >= 0, 100 * (ratios - 1), np.nan)
    return samples.with_scalars(**{VOLUME_CHANGE: changes})
