from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.plausibility.contacts import find_contacts
from aiida_hpaint.science.plausibility.rules import RULES
from aiida_hpaint.science.structures import read_hosts, remove_sites
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol

REFERENCES = Path(__file__).parents[3] / "examples" / "references"


def offences(numbers: list[int], positions: object, inserted: int = 1) -> set[str]:
    """The rules that a molecule in a large cell offends against."""
    coords = np.asarray(positions, dtype=float) / 15
    molecule = StructureBatch(
        ("x",),
        np.eye(3)[None] * 15,
        [len(numbers)],
        numbers,
        coords,
        np.array(numbers) == inserted,
    )
    contacts = find_contacts(molecule, np.array([0]))
    return {name for name, rule in RULES.items() if rule(contacts)[0]}


@pytest.mark.parametrize("path", sorted(REFERENCES.glob("*.cif")), ids=lambda path: path.stem)
def test_no_rule_drops_a_known_crystal(path: Path) -> None:
    crystal = read_hosts(path)
    for number in np.unique(crystal.numbers).tolist():
        _, reference = remove_sites(crystal, get_symbol(number))
        contacts = find_contacts(reference, np.array([0]))
        counts = {name: int(rule(contacts)[0]) for name, rule in RULES.items()}
        assert counts == dict.fromkeys(RULES, 0), get_symbol(number)


def test_hydrogen_in_a_metal_as_far_as_in_its_hydride_is_fine() -> None:
    assert offences([78, 1], [[0, 0, 0], [1.65, 0, 0]]) == set()


def test_a_bond_far_too_short() -> None:
    assert offences([57, 1], [[0, 0, 0], [1.6, 0, 0]]) == {"a bond far too short"}
    assert offences([8, 1], [[0, 0, 0], [0.7, 0, 0]]) == set()


def test_uranyl_is_not_too_short() -> None:
    assert offences([92, 8], [[0, 0, 0], [1.75, 0, 0]], inserted=8) == set()


def test_a_site_in_a_void() -> None:
    assert offences([8, 1], [[0, 0, 0], [2.6, 0, 0]]) == {"a site in a void"}
    assert offences([55, 1], [[0, 0, 0], [3.3, 0, 0]]) == set()
    assert offences([1, 9], [[0, 0, 0], [1.9, 0, 0]], inserted=9) == set()


def test_a_stray_molecule_where_there_is_anything_to_bond() -> None:
    molecule = [[5, 0, 0], [5.74, 0, 0]]
    assert offences([12, 1, 1], [[0, 0, 0], *molecule]) == {"a stray H2"}
    assert offences([18, 1, 1], [[0, 0, 0], *molecule]) == set()
    assert offences([1, 1], molecule) == set()


def test_hydrogen_has_one_full_bond() -> None:
    between = [[0, 0, 0], [1.0, 0, 0], [2.05, 0, 0]]
    assert offences([8, 1, 8], between) == {"H bonded to two anions"}
    symmetric = [[0, 0, 0], [1.14, 0, 0], [2.28, 0, 0]]
    assert offences([9, 1, 9], symmetric) == set()


@pytest.mark.parametrize(("element", "bond", "most"), [(8, 1.0, 3), (7, 1.04, 4), (16, 1.36, 3)])
def test_a_nonmetal_with_too_many_neighbours(element: int, bond: float, most: int) -> None:
    corners = bond * np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1]])
    fine = [[0, 0, 0], *corners[:most].tolist()]
    crowded = [[0, 0, 0], *corners[: most + 1].tolist()]
    assert offences([element, *[1] * most], fine) == set()
    assert offences([element, *[1] * (most + 1)], crowded) == {
        "a nonmetal with too many neighbours"
    }
