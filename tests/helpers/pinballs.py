"""Sites to choose from, and choices made by others."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp

from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem


def random_sites(seed, count, volume=5.0, apart=0.5, spread=3.0):
    """(count, 3) sites in a skewed cell of `volume` Å³ a site, energies (eV) and the cell."""
    generator = np.random.default_rng(seed)
    cell = np.eye(3) + 0.15 * generator.normal(size=(3, 3))
    cell *= np.cbrt(volume * count / abs(np.linalg.det(cell)))
    points = np.empty((0, 3))
    while len(points) < count:
        point = generator.random(3)
        shifts = points - point
        distances = np.linalg.norm((shifts - np.rint(shifts)) @ cell, axis=1)
        if distances.min(initial=np.inf) > apart:
            points = np.vstack([points, point])
    return points, spread * generator.random(count), cell


def grid_sites(shape, spacing=1.5):
    """Sites on a grid, all of energy zero, and the cell."""
    axes = [np.arange(size) / size for size in shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    return points, np.zeros(len(points)), spacing * np.diag(np.array(shape, float))


def by_brute_force(problem: QuadraticProblem):
    """Energies (all, ascending) and sets of every choice."""
    sets = np.array(list(combinations(range(len(problem)), problem.count)))
    energies = []
    for one in sets:
        pairs = sum(problem.pairs[a, b] for a, b in combinations(one, 2))
        energies.append(problem.constant + problem.linear[one].sum() + pairs)
    order = np.argsort(energies, kind="stable")
    return np.array(energies)[order], sets[order]


def by_highs(problem: QuadraticProblem, time_limit=120.0):
    """The lowest energy by HiGHS: products of binaries as variables of their own."""
    size, count = len(problem), problem.count
    first, second = np.triu_indices(size, 1)
    pairs = len(first)
    number = np.arange(pairs)
    rows = np.zeros((size + 1, size + pairs))
    rows[0, :size] = 1
    rows[1 + first, size + number] = 1
    rows[1 + second, size + number] = 1
    rows[1 + np.arange(size), np.arange(size)] = -(count - 1)
    sums = np.zeros(size + 1)
    sums[0] = count
    below = np.zeros((2 * pairs, size + pairs))
    below[number, size + number] = below[pairs + number, size + number] = 1
    below[number, first] = below[pairs + number, second] = -1
    result = milp(
        np.concatenate([problem.linear, problem.pairs[first, second]]),
        constraints=[LinearConstraint(rows, sums, sums), LinearConstraint(below, -np.inf, 0)],
        integrality=np.repeat([1, 0], [size, pairs]),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 1e-9, "time_limit": time_limit},
    )
    return problem.constant + result.fun if result.status == 0 else np.nan
