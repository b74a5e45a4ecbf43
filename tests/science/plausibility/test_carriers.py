from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.plausibility.carriers import (
    find_carriers,
    find_shared,
)
from aiida_hpaint.science.plausibility.contacts import Contacts, find_contacts
from aiida_hpaint.science.structures import read_hosts, remove_sites
from aiida_hpaint.science.structures.batch import StructureBatch

REFERENCES = Path(__file__).parents[3] / "examples" / "references"


def contacts_in_a_box(numbers: list[int], positions: object) -> Contacts:
    coords = np.asarray(positions, dtype=float) / 15
    inserted = np.array(numbers) == 1
    box = StructureBatch(("x",), np.eye(3)[None] * 15, [len(numbers)], numbers, coords, inserted)
    return find_contacts(box, np.array([0]))


def test_water_beside_a_metal_carries_its_hydrogen() -> None:
    contacts = contacts_in_a_box(
        [19, 8, 1, 1], [[5, 7.6, 5], [5, 5, 5], [5.76, 5.59, 5], [4.24, 5.59, 5]]
    )
    carriers = find_carriers(contacts)
    assert carriers.tolist() == [[1, 1]]
    assert np.bincount(carriers[0], minlength=4).tolist() == [0, 2, 0, 0]


def test_hydride_is_carried_by_the_nearest_metal_and_stray_hydrogen_by_nothing() -> None:
    contacts = contacts_in_a_box([3, 1, 1], [[5, 5, 5], [6.6, 5, 5], [11, 11, 11]])
    assert find_carriers(contacts).tolist() == [[0, -1]]


def test_molecular_hydrogen_does_not_carry_itself() -> None:
    assert find_carriers(contacts_in_a_box([1, 1], [[5, 5, 5], [5.74, 5, 5]])).tolist() == [
        [-1, -1]
    ]


@pytest.mark.parametrize(("short", "both"), [(1.0, False), (1.15, True)])
def test_short_hydrogen_bonds_share_their_hydrogen(short: float, both: bool) -> None:
    contacts = contacts_in_a_box([8, 1, 8], [[5, 5, 5], [5 + short, 5, 5], [7.4, 5, 5]])
    assert find_carriers(contacts).tolist() == [[0]]
    assert find_shared(contacts).tolist() == [[[True, False, both]]]


def test_each_oxygen_of_brucite_carries_one() -> None:
    _, brucite = remove_sites(read_hosts(REFERENCES / "brucite.cif"), "H")
    carriers = find_carriers(find_contacts(brucite, np.array([0])))
    counts = np.bincount(carriers[0], minlength=brucite.n_sites)
    assert counts[brucite.numbers == 8].tolist() == [1, 1]
    assert counts.sum() == 2
