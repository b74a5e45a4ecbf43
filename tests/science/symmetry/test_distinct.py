from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.evaluation.equivalence import find_closest_distances, find_host_symmetry
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry.distinct import DistinctArrangements
from aiida_hpaint.science.symmetry.group import SymmetryGroup

Read = Callable[[str], StructureBatch]


def empty(crystal: StructureBatch, tolerance: float) -> tuple[SymmetryGroup, DistinctArrangements]:
    known = ~crystal.inserted
    kinds, frac = crystal.numbers[known], crystal.frac_coords[known]
    group = SymmetryGroup.of(crystal.cells[0], kinds, frac, 0.05)
    numbers = crystal.numbers[crystal.inserted]
    return group, DistinctArrangements(group, numbers, group.enter(frac), kinds, tolerance)


@given(st.integers(0, 10_000))
@settings(max_examples=20)
@pytest.mark.parametrize("name", ["brucite", "diaspore"])
def test_images_repeat_and_what_is_moved_farther_does_not(
    reference: Read, name: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    crystal = reference(name)
    group, distinct = empty(crystal, 0.1)
    frac = rng.random((int(crystal.inserted.sum()), 3))
    assert distinct.add(frac) is None
    image = group.images(frac)[rng.integers(len(group))][rng.permutation(len(frac))]
    assert distinct.find(image + rng.integers(-1, 2, 3)) == 0
    moved = frac + rng.normal(0, 0.03, frac.shape)
    symmetry = find_host_symmetry(crystal)
    numbers = crystal.numbers[crystal.inserted]
    left, right = group.leave(frac), group.leave(moved)
    distance = find_closest_distances(symmetry, numbers, left, right).max()
    # The oracle takes the smallest sum of squares, so its largest distance may be larger.
    if distance < 0.099:
        assert distinct.find(moved) == 0
    if distinct.find(moved) is None:
        assert distance > 0.099
