"""choose_sites: which of many sites protons take, as pinballs in a potential that is frozen."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.electrostatics.arrangements import Arrangements, Pool
from aiida_hpaint.science.electrostatics.branching import Search, most_nodes
from aiida_hpaint.science.electrostatics.ewald import ewald_energies
from aiida_hpaint.science.electrostatics.heuristic import exchange
from aiida_hpaint.science.electrostatics.selection import Selection
from aiida_hpaint.science.electrostatics.site_symmetry import (
    is_group,
    site_permutations,
    symmetrised,
)
from aiida_hpaint.science.settings import PinballSettings
from aiida_hpaint.science.types import FloatArray, IntArray

_COINCIDENT = 1e-3
"""Å, below which two sites are one."""


def choose_sites(
    frac_coords: FloatArray,
    energies: FloatArray,
    cell: FloatArray,
    n: int,
    settings: PinballSettings | None = None,
    permutations: IntArray | None = None,
) -> Arrangements:
    """The lowest arrangements of n protons at M sites of a frozen potential.

    The energy of a set S of sites is sum_{i in S} (-energies_i) + (sum_{i<j in S} W_ij + n w) /
    screening, where W and w are Ewald energies of unit charges in a neutralising background.
    Choosing is exact up to `settings.exact_sites` sites, as far as the search comes to its end;
    above, arrangements are found by exchanging sites, and exact only if the first bound proves it.
    Equal input gives equal output.

    Parameters
    ----------
    frac_coords : (M, 3)
        Fractional coordinates of the sites.
    energies : (M,)
        Potential energy of an electron at each, in eV; that of a proton is minus this.
    cell : (3, 3)
        Lattice vectors as rows, in Å.
    n
        Protons to place.
    settings : PinballSettings
        Screening, number of arrangements, and size of what is solved exactly.
    permutations : (G, M) integers, optional
        How the host's operations permute the sites; arrangements that they turn into each other
        are one. Without them: the operations of the sites themselves.

    Raises
    ------
    ValueError
        If there are fewer than n sites or n is below 1, if two sites coincide, if shapes do not
        fit or something is not finite, or if the permutations are not symmetries of the sites.

    Source
    ------
    L. Kahle, A. Marcolongo and N. Marzari, Phys. Rev. Mater. 2, 065405 (2018), for ions in the
    frozen electrostatic potential of their host.
    """
    settings = settings or PinballSettings()
    frac, heights, cell = _checked(frac_coords, energies, cell, n)
    if permutations is None:
        permutations = site_permutations(frac, heights, cell)
    elif np.shape(permutations)[1:] != (len(frac),) or not is_group(np.asarray(permutations)):
        raise ValueError("the permutations are not those of a group acting on these sites")
    permutations = np.unique(permutations, axis=0)
    ewald = ewald_energies(frac, cell)
    linear = ewald.own / settings.screening - heights
    selection = Selection(*symmetrised(linear, ewald.pairs / settings.screening, permutations), n)
    nodes = most_nodes(len(frac)) if len(frac) <= settings.exact_sites else 1
    return choose(selection, Pool(permutations, settings.keep), nodes)


def choose(selection: Selection, pool: Pool, nodes: int) -> Arrangements:
    """The lowest arrangements of a selection.

    Parameters
    ----------
    selection
        As symmetric as the permutations of the pool.
    pool : Pool
        Empty; says how many arrangements, and which are equivalent.
    nodes
        Relaxations of the search, at most.
    """
    fewer = 2 * selection.count <= len(selection) or selection.count == len(selection)
    # Bounds are best where few are chosen; what is left out is chosen by the same rules.
    problem = selection if fewer else selection.complement()
    if problem.count < len(problem):
        exchange(problem, pool)
    unknown, ended = Search(problem, pool, nodes).run()
    energies, chosen = (pool if fewer else pool.complement()).result()
    return Arrangements(chosen, energies, ended, float(min(unknown, energies[0])))


def _checked(
    frac_coords: FloatArray, energies: FloatArray, cell: FloatArray, n: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The input as arrays, if it makes sense."""
    frac, heights, lattice = (np.asarray(one, float) for one in (frac_coords, energies, cell))
    if frac.ndim != 2 or frac.shape[1] != 3 or heights.shape != frac.shape[:1]:
        raise ValueError(
            f"coordinates have the shape {frac.shape} and energies {heights.shape}: "
            "give (M, 3) and (M,)"
        )
    if lattice.shape != (3, 3) or not abs(np.linalg.det(lattice)) > 0:
        raise ValueError(f"{lattice.tolist()} is not a cell: give three independent vectors")
    if not (np.isfinite(frac).all() and np.isfinite(heights).all()):
        raise ValueError("coordinates or energies of sites are not finite")
    if not 1 <= n <= len(frac):
        raise ValueError(f"cannot choose {n} of {len(frac)} sites: n must be 1 to {len(frac)}")
    _check_apart(frac, lattice)
    return frac, heights, lattice


def _check_apart(frac: FloatArray, cell: FloatArray) -> None:
    shifts = frac[:, None] - frac
    distances = np.linalg.norm((shifts - np.rint(shifts)) @ cell, axis=-1)
    first, second = np.nonzero(np.triu(distances < _COINCIDENT, 1))
    if len(first):
        raise ValueError(
            f"sites {first[0]} and {second[0]} are {distances[first[0], second[0]]:.1e} Å apart: "
            "give each site once"
        )
