"""Valences that C lacks beside metals: rings bonded as a whole, and bonds of single atoms."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms

from aiida_hpaint.science.structures import StructureBatch, from_ase
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.findings import Findings
from aiida_hpaint.science.structures.budget.plausible_sites import place_missing
from aiida_hpaint.science.structures.budget.valences import (
    find_bond_valences,
    find_lacking_valences,
)

RINGS = {
    "ferrocene": ("Fe", [(5, 1.40, 1.65), (5, 1.40, -1.65)]),
    "ruthenocene": ("Ru", [(5, 1.43, 1.82), (5, 1.43, -1.82)]),
    "titanocene": ("Ti", [(5, 1.41, 2.05), (5, 1.41, -2.05)]),
    "dibenzenechromium": ("Cr", [(6, 1.42, 1.61), (6, 1.42, -1.61)]),
}
"""A metal with rings of C about its axis: number of atoms, C-C and distance from the metal, Å."""


def make_sandwich(name: str) -> StructureBatch:
    metal, rings = RINGS[name]
    positions = [[0.0, 0.0, 0.0]]
    for count, length, height in rings:
        turns = 2 * np.pi * np.arange(count) / count
        radius = length / (2 * np.sin(np.pi / count))
        positions += [[radius * np.cos(t), radius * np.sin(t), height] for t in turns]
    return enclose(Atoms(f"{metal}C{len(positions) - 1}", positions=positions))


def enclose(atoms: Atoms) -> StructureBatch:
    atoms.set_cell([12.0, 13.0, 14.0])
    atoms.pbc = True
    atoms.center()
    return from_ase([atoms])


@pytest.mark.parametrize("name", RINGS)
def test_carbon_of_rings_that_a_metal_is_bonded_to_lacks_one_h(name: str) -> None:
    host = make_sandwich(name)
    findings = Findings("H", CellContent.from_host(host))
    count = host.n_sites - 1
    lacking = [findings.lacking[f"C{number + 1}"] for number in range(count)]
    assert lacking == pytest.approx([1.0] * count, abs=0.25)
    by_site, notes = place_missing(findings, count, {})
    assert set(by_site.values()) == {1}
    assert not any("speak against" in note for note in notes)
    # Without H on half of them it is implausible.
    _, notes = place_missing(findings, count // 2, {})
    assert any("speak against" in note for note in notes)
    # Bonds to the metal have no valence of their own, so that it has no sum.
    assert find_bond_valences(findings.cell).to_anions[0] == 0


def test_carbon_with_a_bond_of_its_own_to_a_metal_lacks_three() -> None:
    axes = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) / np.sqrt(3)
    tetramethyllead = enclose(Atoms("PbC4", positions=[np.zeros(3), *(2.24 * axes)]))
    cell = CellContent.from_host(tetramethyllead)
    lacking = find_lacking_valences(cell)
    assert list(lacking.values()) == pytest.approx([3.0] * 4, abs=0.35)
    assert find_bond_valences(cell).to_anions[0] == pytest.approx(4.0, abs=1.0)
