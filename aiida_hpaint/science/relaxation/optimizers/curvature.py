"""Second derivatives that an optimiser begins with, from distances alone.

A stretched O-H bond pulls back a hundred times as hard as a hydrogen bond. An optimiser that
begins with one curvature for all has to learn that from its steps, half of which it needs for
nothing else. The force constants that Lindh et al. (Chem. Phys. Lett. 241, 423 (1995)) give for the
stretches of molecules tell the stiff directions from the soft ones before the first step. In place
of their bends and torsions each pair also resists, weakly, what moves it sideways.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from ase.units import Bohr, Hartree

from aiida_hpaint.science.relaxation.ragged import list_site_indices

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.evaluator import Structures
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

CUTOFF = 4.0
"""Å; farther pairs have force constants below 0.01 eV/Å²."""

STRETCH = 0.45 * Hartree / Bohr**2
"""Force constant of a pair at its reference distance, eV/Å² (Lindh et al., eq. 3)."""

DECAY = np.array([[1.0, 0.3949, 0.3949], [0.3949, 0.28, 0.28], [0.3949, 0.28, 0.28]]) / Bohr**2
"""By rows of the periodic table (1, 2, others), 1/Å² (their table 1)."""

REFERENCE = np.array([[1.35, 2.10, 2.53], [2.10, 2.87, 3.40], [2.53, 3.40, 3.40]]) * Bohr
"""Reference distances by rows, Å (their table 1)."""

SIDEWAYS = 0.05
"""Resistance to sideways moves, as a share of that to stretching."""

SOFTEST = 5.0
"""Smallest curvature, eV/Å²: a softer start would take the longest step that is allowed."""

_STIFFEST_EXPONENT = 1.0
"""Sites that overlap are not stiffer than e times the reference."""


def estimate_hessians(structures: Structures, moving: BoolArray) -> tuple[FloatArray, ...]:
    """Estimate the second derivatives of the energy by the moving sites.

    Parameters
    ----------
    structures
        S structures.
    moving : (N,)
        Sites that move, by structure the m of each.

    Returns
    -------
    S symmetric positive definite arrays (3 m, 3 m), in eV/Å².
    """
    # Imports torch, which whoever only submits jobs does not need.
    from aiida_hpaint.science.relaxation.potentials.pairs import find_pairs

    counts = structures.counts
    pairs = find_pairs(structures.positions, structures.cells, counts, CUTOFF)
    first, second = pairs.first.numpy(), pairs.second.numpy()
    constants = _compute_constants(structures.numbers, first, second, pairs.vectors.numpy())
    starts = np.cumsum(counts) - counts
    of_pair = np.repeat(np.arange(len(counts)), counts)[first]
    ends = np.searchsorted(of_pair, np.arange(len(counts) + 1))
    hessians = []
    for one in range(len(counts)):
        sites = list_site_indices(counts, np.array([one]))
        chosen = slice(ends[one], ends[one + 1])
        hessians.append(
            _assemble(
                constants[chosen],
                first[chosen] - starts[one],
                second[chosen] - starts[one],
                moving[sites],
            )
        )
    return tuple(hessians)


def _compute_constants(
    numbers: IntArray, first: IntArray, second: IntArray, vectors: FloatArray
) -> FloatArray:
    """Return the (E, 3, 3) matrices of force constants of pairs, eV/Å²."""
    rows = np.searchsorted([2, 10], numbers)
    lengths = np.linalg.norm(vectors, axis=1)
    kinds = rows[first], rows[second]
    exponents = np.minimum(DECAY[kinds] * (REFERENCE[kinds] ** 2 - lengths**2), _STIFFEST_EXPONENT)
    directions = vectors / lengths[:, None]
    shapes = directions[:, :, None] * directions[:, None, :] + SIDEWAYS * np.eye(3)
    constants: FloatArray = STRETCH * np.exp(exponents)[:, None, None] * shapes
    return constants


def _assemble(
    constants: FloatArray, first: IntArray, second: IntArray, moving: BoolArray
) -> FloatArray:
    """Return the second derivatives by the m moving sites, with no eigenvalue below `SOFTEST`."""
    size = int(moving.sum())
    place = np.where(moving, np.cumsum(moving) - 1, -1)
    blocks = np.zeros((size, size, 3, 3))
    own = moving[first]
    np.add.at(blocks, (place[first[own]], place[first[own]]), constants[own])
    both = own & moving[second]
    np.add.at(blocks, (place[first[both]], place[second[both]]), -constants[both])
    hessian = blocks.transpose(0, 2, 1, 3).reshape(3 * size, 3 * size)
    values, vectors = np.linalg.eigh((hessian + hessian.T) / 2)
    result: FloatArray = (vectors * np.maximum(values, SOFTEST)) @ vectors.T
    return result
