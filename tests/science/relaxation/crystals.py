"""Crystals built in code, and how the tests hand them over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms
from ase.spacegroup import crystal

from aiida_hpaint.science.relaxation.potentials import PotentialCard
from aiida_hpaint.science.structures import StructureBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

EMT_CARD = PotentialCard(
    name="emt", package="ase", package_version="3", model="emt", sha256="0" * 64, device="cpu"
)


def brucite() -> Atoms:
    """Mg(OH)2: Catti et al. 1995, 5 sites."""
    return crystal(
        ["Mg", "O", "H"],
        [(0, 0, 0), (1 / 3, 2 / 3, 0.2203), (1 / 3, 2 / 3, 0.4130)],
        spacegroup=164,
        cellpar=[3.15, 3.15, 4.77, 90, 90, 120],
        primitive_cell=True,
    )


def magnesium_hydride() -> Atoms:
    """MgH2 in the rutile structure: 6 sites."""
    return crystal(
        ["Mg", "H"],
        [(0, 0, 0), (0.304, 0.304, 0)],
        spacegroup=136,
        cellpar=[4.517, 4.517, 3.02, 90, 90, 90],
    )


def sodium_alanate() -> Atoms:
    """NaAlH4: Hauback et al. 2003, 24 sites in the conventional cell."""
    return crystal(
        ["Na", "Al", "H"],
        [(0, 0.25, 0.125), (0, 0.25, 0.625), (0.2372, 0.3869, 0.5456)],
        spacegroup=88,
        setting=2,
        cellpar=[5.021, 5.021, 11.346, 90, 90, 90],
    )


def rattled(atoms: Atoms, amplitude: float, seed: int) -> Atoms:
    """The hydrogens moved at random, everything else in place."""
    result = atoms.copy()
    moves = np.random.default_rng(seed).normal(0, amplitude, (len(atoms), 3))
    result.positions += np.where((atoms.numbers == 1)[:, None], moves, 0.0)
    return result


def batch_of(structures: Sequence[Atoms], hosts: Sequence[int] | None = None) -> StructureBatch:
    """Samples in which all hydrogens are inserted."""
    numbers = np.concatenate([atoms.numbers for atoms in structures])
    frac = [atoms.cell.scaled_positions(atoms.positions) for atoms in structures]
    batch = StructureBatch(
        labels=tuple(atoms.get_chemical_formula() for atoms in structures),
        cells=np.array([atoms.cell[:] for atoms in structures]),
        site_counts=np.array([len(atoms) for atoms in structures]),
        numbers=numbers,
        frac_coords=np.concatenate(frac),
        inserted=numbers == 1,
        scalars={"status": np.array(["sampled"] * len(structures))},
    )
    owners = np.arange(len(structures)) if hosts is None else np.asarray(hosts)
    return batch.with_scalars(host=owners)


def arguments(structures: Sequence[Atoms]) -> tuple[Any, Any, Any, Any]:
    """What `Potential.evaluate` takes."""
    return (
        np.concatenate([atoms.numbers for atoms in structures]),
        np.concatenate([atoms.positions for atoms in structures]),
        np.array([atoms.cell[:] for atoms in structures]),
        np.array([len(atoms) for atoms in structures]),
    )
