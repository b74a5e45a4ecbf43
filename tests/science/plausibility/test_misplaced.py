from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from aiida_hpaint.science.plausibility.carriers import find_carriers, find_shared
from aiida_hpaint.science.plausibility.contacts import find_contacts
from aiida_hpaint.science.plausibility.misplaced import count_misplaced
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import write_parents


def make_sample(cell: np.ndarray, numbers: list[int], cart: np.ndarray) -> StructureBatch:
    frac = cart @ np.linalg.inv(cell)
    return StructureBatch(("x",), cell[None], [len(numbers)], numbers, frac, np.array(numbers) == 1)


def make_oxygens(*hydrogens: tuple[float, float]) -> StructureBatch:
    """Two O 2.5 Å apart along x, in a wide cell, and H in their plane."""
    numbers = [8, 8] + [1] * len(hydrogens)
    cart = np.array([[0, 0, 0], [2.5, 0, 0], *([x, y, 0] for x, y in hydrogens)], dtype=float)
    return make_sample(np.eye(3) * 12, numbers, cart + 3)


WATER_AND_OXIDE = make_oxygens((-0.97, 0.0), (0.24, 0.94))
HYDROXIDES = make_oxygens((-0.97, 0.0), (3.47, 0.0))


def test_which_hydrogen_is_at_which_atom_does_not_matter() -> None:
    both = concatenate([HYDROXIDES, WATER_AND_OXIDE]).with_scalars(host=[0, 0])
    assert count_misplaced(write_parents(both, [[0, 1]] * 2)).tolist() == [0, 1]
    assert count_misplaced(write_parents(both, [[1, 0]] * 2)).tolist() == [0, 1]
    assert count_misplaced(write_parents(both, [[0, 0]] * 2)).tolist() == [1, 0]


def test_hydrogen_in_a_void_takes_no_place() -> None:
    assert count_misplaced(write_parents(make_oxygens((-3.0, 0.0)), [[0]])).tolist() == [1]


def test_unknown_parents_ask_for_nothing() -> None:
    assert count_misplaced(HYDROXIDES).tolist() == [-1]
    assert count_misplaced(write_parents(HYDROXIDES, [[1, -1]])).tolist() == [0]
    unplaced = HYDROXIDES.with_coords(np.full((4, 3), np.nan))
    assert count_misplaced(write_parents(unplaced, [[0, 1]])).tolist() == [-1]


def test_the_hydrogen_of_a_symmetric_bond_counts_for_either_atom() -> None:
    middle = make_oxygens((1.25, 0.0))
    for parent in (0, 1):
        assert count_misplaced(write_parents(middle, [[parent]])).tolist() == [0]
    transferred = make_oxygens((1.45, 0.0))
    assert count_misplaced(write_parents(transferred, [[0]])).tolist() == [1]


@given(st.integers(0, 10_000))
def test_places_are_filled_as_an_assignment_fills_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = [8, 8, 7, 26, 1, 1, 1, 1]
    cell = np.diag([3.5, 3.0, 4.0]) + rng.normal(0, 0.3, (3, 3))
    sample = make_sample(cell, numbers, rng.random((8, 3)) @ cell)
    parents = rng.integers(0, 4, 4)
    contacts = find_contacts(sample, np.array([0]))
    carried = find_carriers(contacts)[0][:, None] == np.arange(8)
    takes = (find_shared(contacts)[0] | carried)[:, parents]
    rows, columns = linear_sum_assignment(-takes.astype(float))
    filled = int(takes[rows, columns].sum())
    assert count_misplaced(write_parents(sample, [parents])).tolist() == [4 - filled]
    order = rng.permutation(4)
    shuffled = write_parents(sample, [parents[order]])
    assert count_misplaced(shuffled).tolist() == [4 - filled]
