from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk, make_supercell
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.evaluation.duplicates import find_duplicates
from aiida_hpaint.science.evaluation.equivalence import find_closest_distances, find_host_symmetry
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate

Make = Callable[..., StructureBatch]


def one_by_one(samples: StructureBatch, tolerance: float) -> list[int]:
    """What find_duplicates does, without any short cut."""
    symmetry = find_host_symmetry(samples[0])
    numbers = samples[0].numbers[samples[0].inserted]
    kept, found = [], []
    for index, sample in enumerate(samples):
        frac = sample.frac_coords[sample.inserted]
        near = [find_closest_distances(symmetry, numbers, other, frac).max() for other in kept]
        if any(distance < tolerance for distance in near):
            found.append(index)
        else:
            kept.append(frac)
    return found


def samples_of(
    name: str, seed: int, inserted: list[int], noise: float, skew: bool = False
) -> StructureBatch:
    """Samples around few arrangements and their images, some within the tolerance of others."""
    rng = np.random.default_rng(seed)
    atoms = bulk(name)
    if skew:
        atoms = make_supercell(atoms, [[1, 0, 0], [2, 1, 0], [1, 3, 1]])
    cell = np.array(atoms.cell)
    host = StructureBatch(
        (name,),
        cell[None],
        [len(atoms) + len(inserted)],
        [*atoms.numbers, *inserted],
        np.concatenate([atoms.get_scaled_positions(), np.zeros((len(inserted), 3))]),
        np.arange(len(atoms) + len(inserted)) >= len(atoms),
    )
    symmetry = find_host_symmetry(host)
    centres = rng.random((3, len(inserted), 3))
    batches = []
    for _ in range(8):
        images = symmetry.images(centres[rng.integers(3)])
        frac = images[rng.integers(len(images))]
        frac = frac + (rng.normal(0, noise, frac.shape) @ np.linalg.inv(cell))
        if len(set(inserted)) == 1:
            frac = rng.permutation(frac)
        coords = host.frac_coords.copy()
        coords[host.inserted] = frac + rng.integers(-1, 2, frac.shape)
        batches.append(host.with_coords(coords))
    return concatenate(batches)


@pytest.mark.parametrize("inserted", [[1], [1, 1], [1, 1, 1], [1, 3, 1, 3]])
@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.12, 0.2]), st.booleans())
@settings(max_examples=12)
def test_short_cuts_change_nothing(
    inserted: list[int], seed: int, noise: float, skew: bool
) -> None:
    samples = samples_of("Mg", seed, inserted, noise, skew)
    found = find_duplicates(samples, np.arange(len(samples)), 0.3)
    assert found == one_by_one(samples, 0.3)


def test_some_are_found_and_some_are_not() -> None:
    samples = samples_of("Fe", 3, [1, 1], 0.1)
    found = find_duplicates(samples, np.arange(len(samples)), 0.3)
    assert 0 < len(found) < len(samples) - 1


def test_the_farthest_site_counts() -> None:
    cell = np.diag([20.0, 20.0, 20.0])
    pair = StructureBatch(("x",), cell[None], [2], [1, 1], np.zeros((2, 3)), [True, True])
    here = pair.with_coords(np.array([[0.0, 0, 0], [0.5, 0, 0]]))
    near = pair.with_coords(np.array([[0.35 / 20, 0, 0], [0.5, 0, 0]]))
    both = concatenate([here, near])
    assert find_duplicates(both, np.arange(2), 0.34) == []
    assert find_duplicates(both, np.arange(2), 0.36) == [1]


def test_only_members_are_compared(brucite: Make) -> None:
    samples = concatenate([brucite(), brucite(), brucite()])
    assert find_duplicates(samples, np.array([0, 2]), 0.3) == [2]
    assert find_duplicates(samples, np.array([1]), 0.3) == []
    assert find_duplicates(samples, np.array([], dtype=int), 0.3) == []
