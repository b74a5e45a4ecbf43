from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS, FIRE
from hydrides import palladium_hydride
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.relaxation.optimizers import Bfgs, Fire

pytestmark = pytest.mark.numerics

CASES = [(Bfgs(), BFGS), (Fire(), FIRE)]
STEPS = 25


def ase_trajectory(atoms, optimizer, fixed):
    atoms = atoms.copy()
    atoms.calc = EMT()
    atoms.set_constraint(FixAtoms(np.flatnonzero(fixed)))
    trajectory = [atoms.positions.copy()]
    run = optimizer(atoms, logfile=None)
    run.attach(lambda: trajectory.append(atoms.positions.copy()))
    run.run(fmax=1e-9, steps=STEPS)
    return np.array(trajectory[1:])


def our_trajectories(structures, optimizer, fixed):
    """All structures at once, each with its own calculator."""
    structures = [atoms.copy() for atoms in structures]
    for atoms in structures:
        atoms.calc = EMT()
    free = [~mask for mask in fixed]
    counts = np.array([mask.sum() for mask in free])
    state = optimizer.init(counts)
    trajectory = [[atoms.positions.copy() for atoms in structures]]
    for _ in range(STEPS):
        forces = [a.get_forces()[m] for a, m in zip(structures, free, strict=True)]
        state, moves = optimizer.step(state, np.concatenate(forces))
        parts = np.split(moves, np.cumsum(counts)[:-1])
        for atoms, mask, move in zip(structures, free, parts, strict=True):
            atoms.positions[mask] += move
        trajectory.append([atoms.positions.copy() for atoms in structures])
    return trajectory


@pytest.mark.parametrize(("ours", "theirs"), CASES)
def test_trajectories_equal_those_of_ase(ours, theirs):
    structures = [palladium_hydride(seed, hydrogens) for seed, hydrogens in enumerate((1, 2, 4))]
    fixed = [atoms.numbers != 1 for atoms in structures]
    fixed[2][:2] = False
    trajectory = our_trajectories(structures, ours, fixed)
    for index, atoms in enumerate(structures):
        expected = ase_trajectory(atoms, theirs, fixed[index])
        actual = np.array([frame[index] for frame in trajectory])
        np.testing.assert_allclose(actual[: len(expected)], expected, atol=1e-8)


@pytest.mark.parametrize("optimizer", [Bfgs(), Fire()])
@settings(max_examples=20)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_structures_do_not_feel_each_other(optimizer, sizes, seed):
    counts = np.array(sizes)
    forces = np.random.default_rng(seed).normal(size=(3, counts.sum(), 3))
    state = optimizer.init(counts)
    together = []
    for force in forces:
        state, moves = optimizer.step(state, force)
        together.append(moves)
    chosen = int(np.argmax(counts))
    sites = slice(counts[:chosen].sum(), counts[: chosen + 1].sum())
    alone = optimizer.init(counts[[chosen]])
    for force, expected in zip(forces, together, strict=True):
        alone, moves = optimizer.step(alone, force[sites])
        np.testing.assert_allclose(moves, expected[sites], atol=1e-12)


@pytest.mark.parametrize("optimizer", [Bfgs(), Fire()])
def test_leaving_and_joining_changes_nothing_for_those_who_stay(optimizer):
    rng = np.random.default_rng(1)
    counts = np.array([2, 3, 1])
    first, second = rng.normal(size=(6, 3)), rng.normal(size=(6, 3))
    state, _ = optimizer.step(optimizer.init(counts), first)
    _, expected = optimizer.step(state, second)
    kept = optimizer.select(state, np.array([2, 0]))
    joined = optimizer.join(kept, optimizer.init(np.array([2])))
    _, moves = optimizer.step(joined, np.concatenate([second[5:], second[:2], second[:2]]))
    np.testing.assert_allclose(moves[:3], np.concatenate([expected[5:], expected[:2]]), atol=1e-12)


@pytest.mark.parametrize("optimizer", [Bfgs(), Fire()])
def test_no_step_is_longer_than_allowed(optimizer):
    counts = np.array([3, 2])
    state = optimizer.init(counts)
    for seed in range(5):
        forces = 1e3 * np.random.default_rng(seed).normal(size=(5, 3))
        state, moves = optimizer.step(state, forces)
        assert np.linalg.norm(moves, axis=1).max() <= optimizer.max_step + 1e-12


@pytest.mark.parametrize("optimizer", [Bfgs(), Fire()])
def test_no_force_no_step(optimizer):
    state = optimizer.init(np.array([2, 0]))
    for _ in range(3):
        state, moves = optimizer.step(state, np.zeros((2, 3)))
        np.testing.assert_array_equal(moves, 0.0)
