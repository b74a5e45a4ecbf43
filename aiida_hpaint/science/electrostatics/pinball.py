"""choose_sites: the sites that protons occupy in the frozen potential of their host."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.electrostatics.arrangements import Arrangements, SolutionPool
from aiida_hpaint.science.electrostatics.branch_and_bound import BranchAndBound, limit_nodes
from aiida_hpaint.science.electrostatics.ewald import compute_ewald_energies
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.electrostatics.site_symmetry import (
    find_site_permutations,
    is_group,
    symmetrise_energies,
)
from aiida_hpaint.science.electrostatics.tabu_search import run_tabu_search
from aiida_hpaint.science.settings import PinballSettings
from aiida_hpaint.science.types import FloatArray, IntArray

_COINCIDENT = 1e-3
"""Distance (Å) below which two sites coincide."""


def choose_sites(
    frac_coords: FloatArray,
    energies: FloatArray,
    cell: FloatArray,
    n: int,
    settings: PinballSettings | None = None,
    permutations: IntArray | None = None,
) -> Arrangements:
    """Find the lowest arrangements of n protons at M sites of a frozen potential.

    The energy of a set S of sites is sum_{i in S} (-energies_i) + (sum_{i<j in S} W_ij + n w) /
    screening, where W and w are Ewald energies of unit charges in a neutralising background.
    With up to `settings.exact_sites` sites the result is exact, if the search is completed; with
    more, a tabu search finds arrangements, and they are exact only if the first bound proves it.
    The same input gives the same output.

    Parameters
    ----------
    frac_coords : (M, 3)
        Fractional coordinates of the sites.
    energies : (M,)
        Potential energy of an electron at each site, in eV; that of a proton is minus this.
    cell : (3, 3)
        Lattice vectors as rows, in Å.
    n
        Number of protons.
    settings : PinballSettings
        Screening, number of arrangements, and size of problems that are solved exactly.
    permutations : (G, M) integers, optional
        Permutations of the sites by the operations of the host; arrangements that they map onto
        each other are one. Without them, the operations of the sites themselves are used.

    Raises
    ------
    ValueError
        If there are fewer than n sites or n is below 1, if two sites coincide, if shapes do not
        match or a number is not finite, or if the permutations are not symmetries of the sites.

    Source
    ------
    L. Kahle, A. Marcolongo and N. Marzari, Phys. Rev. Mater. 2, 065405 (2018), for ions in the
    frozen electrostatic potential of their host.
    """
    settings = settings or PinballSettings()
    frac, heights, cell = _check_input(frac_coords, energies, cell, n)
    if permutations is None:
        permutations = find_site_permutations(frac, heights, cell)
    elif np.shape(permutations)[1:] != (len(frac),) or not is_group(np.asarray(permutations)):
        raise ValueError("the permutations are not those of a group acting on these sites")
    permutations = np.unique(permutations, axis=0)
    ewald = compute_ewald_energies(frac, cell)
    linear = ewald.own / settings.screening - heights
    pairs = ewald.pairs / settings.screening
    problem = QuadraticProblem(*symmetrise_energies(linear, pairs, permutations), n)
    nodes = limit_nodes(len(frac)) if len(frac) <= settings.exact_sites else 1
    return find_lowest(problem, SolutionPool(permutations, settings.keep), nodes)


def find_lowest(problem: QuadraticProblem, pool: SolutionPool, nodes: int) -> Arrangements:
    """Find the lowest arrangements of a problem.

    Parameters
    ----------
    problem
        Problem with the symmetry of the permutations of the pool.
    pool : SolutionPool
        Empty pool, with the number of arrangements to find and the permutations.
    nodes
        Largest number of relaxations in the search.
    """
    # Bounds are tightest if few sites are chosen, so with more than half of them occupied the
    # problem is to choose the empty ones.
    fewer = 2 * problem.count <= len(problem) or problem.count == len(problem)
    solved = problem if fewer else problem.complement()
    if solved.count < len(solved):
        run_tabu_search(solved, pool)
    bound, completed = BranchAndBound(solved, pool, nodes).run()
    energies, chosen = (pool if fewer else pool.complement()).result()
    return Arrangements(chosen, energies, completed, float(min(bound, energies[0])))


def _check_input(
    frac_coords: FloatArray, energies: FloatArray, cell: FloatArray, n: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the input as arrays; refuse shapes, numbers and distances that make no sense."""
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
    shifts = frac[:, None] - frac
    distances = np.linalg.norm((shifts - np.rint(shifts)) @ lattice, axis=-1)
    first, second = np.nonzero(np.triu(distances < _COINCIDENT, 1))
    if len(first):
        raise ValueError(
            f"sites {first[0]} and {second[0]} are {distances[first[0], second[0]]:.1e} Å apart: "
            "give each site once"
        )
    return frac, heights, lattice
