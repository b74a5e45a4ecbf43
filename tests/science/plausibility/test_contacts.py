from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.plausibility.contacts import FARTHEST, HYDROGEN_BOND, find_contacts
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate


def random_sample(rng: np.random.Generator, cell: np.ndarray, numbers: list[int]) -> StructureBatch:
    inserted = np.array(numbers) == 1
    frac = rng.random((len(numbers), 3)) * 3 - 1
    return StructureBatch(("x",), cell[None], [len(numbers)], numbers, frac, inserted)


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_contacts_are_those_of_ase(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = [1, 8, 1, 55]
    cell = np.diag([2.5, 4.0, 7.0]) + rng.normal(0, 0.4, (3, 3))
    samples = concatenate([random_sample(rng, cell, numbers) for _ in range(3)])
    contacts = find_contacts(samples, np.array([0, 2]))
    for place, index in enumerate([0, 2]):
        chosen = contacts.sample == place
        ours = np.sort(contacts.distance[chosen])
        atoms = Atoms(numbers, scaled_positions=samples[index].frac_coords, cell=cell, pbc=True)
        first, second, distance = neighbor_list("ijd", atoms, 5.0)
        radii = covalent_radii[numbers]
        reach = np.maximum(FARTHEST * (radii[first] + radii[second]), HYDROGEN_BOND)
        wanted = (np.array(numbers)[first] == 1) & (distance <= reach)
        np.testing.assert_allclose(ours, np.sort(distance[wanted]), atol=1e-9)


def test_counts_of_a_chain() -> None:
    # H every 2 Å: each has two images of itself as neighbours, and no other site.
    cell = np.diag([2.0, 9.0, 9.0])
    chain = StructureBatch(("x",), cell[None], [1], [1], np.zeros((1, 3)), [True])
    contacts = find_contacts(concatenate([chain, chain]), np.arange(2))
    everything = np.ones(len(contacts.sample), dtype=bool)
    assert contacts.count(everything).tolist() == [2, 2]
    assert contacts.count_sites(everything).tolist() == [[2], [2]]
    assert contacts.distance.tolist() == pytest.approx([2, 2, 2, 2])
