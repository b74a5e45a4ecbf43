"""Tables of answers: what valence an atom is expected to have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from aiida_hpaint.science.report.geometry import ValenceRow, is_protonated, list_valences
from aiida_hpaint.science.structures import from_ase
from aiida_hpaint.science.structures.insertion import remove_inserted
from aiida_hpaint.science.structures.writing.crystal import describe_crystal

FLAT = {
    # Bond lengths of crystals (Å), all sites in a plane: an atom, the one it is bonded to, the
    # length and the direction (degrees) of the bond.
    "formamide": [("N", 0, 1.33, 0), ("O", 0, 1.23, 125), ("H", 0, 1.10, 245)],
    "urea": [("N", 0, 1.34, 0), ("N", 0, 1.34, 120), ("O", 0, 1.26, 240)],
    "formamidinium": [("N", 0, 1.31, 0), ("N", 0, 1.31, 125), ("H", 0, 1.09, 242)],
    "guanidinium": [("N", 0, 1.325, 0), ("N", 0, 1.325, 120), ("N", 0, 1.325, 240)],
}
RING = [(0.0, 1.106), (1.09, 0.304), (0.748, -0.985), (-0.638, -0.985), (-1.119, 0.301)]
"""Imidazole, Å: N1, C2, N3, C4, C5. Those of pyrazole are as long within 0.03 Å."""


@pytest.mark.parametrize(
    ("symbol", "neighbours", "expected"),
    [
        ("N", [1, 1, 1, 1], True),
        ("N", [6, 1, 1, 1], True),
        ("N", [6, 6, 6, 6], False),
        ("N", [27, 1, 1, 1], False),
        ("N", [6, 1, 1], False),
        ("O", [1, 1, 1], True),
        ("O", [14, 14, 14], False),
        ("C", [1, 1, 1, 1], False),
    ],
)
def test_ammonium_and_hydronium_have_one_bond_more(
    symbol: str, neighbours: list[int], expected: bool
) -> None:
    assert is_protonated(symbol, neighbours) is expected


def make_flat(name: str) -> Atoms:
    """Return carbon with its neighbours, two H on each N."""
    atoms = Atoms("C", positions=[[0.0, 0.0, 0.0]])
    for symbol, _, length, angle in FLAT[name]:
        atoms += Atoms(symbol, positions=[atoms.positions[0] + length * point(angle)])
        end = atoms.positions[-1].copy()
        for turn in (60, -60) if symbol == "N" else ():
            atoms += Atoms("H", positions=[end + 1.02 * point(angle + turn)])
    return atoms


def make_azole(symbols: str, carriers: Sequence[int]) -> Atoms:
    """Return a ring of five with an H on some of its atoms."""
    ring = np.array([[*position, 0.0] for position in RING])
    outwards = ring / np.linalg.norm(ring, axis=1)[:, None]
    lengths = np.array([1.02 if symbol == "N" else 1.08 for symbol in symbols])
    hydrogens = (ring + lengths[:, None] * outwards)[list(carriers)]
    return Atoms(list(symbols) + ["H"] * len(carriers), positions=[*ring, *hydrogens])


def point(angle: float) -> np.ndarray:
    return np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0.0])


def list_rows(atoms: Atoms, symbol: str = "N") -> list[ValenceRow]:
    atoms = atoms.copy()
    atoms.set_cell(np.diag([14.0, 15.0, 16.0]))
    atoms.pbc = True
    atoms.center()
    crystal = describe_crystal(from_ase([atoms]))
    return [row for row in list_valences(crystal) if row.label.rstrip("0123456789") == symbol]


@pytest.mark.parametrize(
    "atoms",
    [
        *(pytest.param(make_flat(name), id=name) for name in FLAT),
        *(pytest.param(molecule(name), id=name) for name in ("CH3CONH2", "CH3NO2", "C4H4NH")),
        pytest.param(make_azole("NCNCC", (0, 1, 3, 4)), id="imidazole"),
        pytest.param(make_azole("NCNCC", (0, 1, 2, 3, 4)), id="imidazolium"),
        pytest.param(make_azole("NNCCC", (0, 2, 3, 4)), id="pyrazole"),
        *(pytest.param(molecule(name), id=name) for name in ("C5H5N", "H3CNH2", "C2H6NH")),
    ],
)
def test_no_nitrogen_of_a_right_molecule_is_off(atoms: Atoms) -> None:
    rows = list_rows(atoms)
    assert rows
    assert not any(row.is_off for row in rows)


@pytest.mark.parametrize("name", ["formamide", "urea", "guanidinium"])
def test_nitrogen_with_a_short_bond_lacks_h_or_has_too_many(name: str) -> None:
    atoms = make_flat(name)
    carrier = int(np.flatnonzero(atoms.numbers == 7)[0])
    own = np.flatnonzero(atoms.get_distances(carrier, range(len(atoms))) < 1.1)
    own = own[own != carrier]
    bare = atoms[[site for site in range(len(atoms)) if site not in own]]
    assert any(row.is_off for row in list_rows(bare))
    atoms.positions[own] += 0.2 * (atoms.positions[carrier] - atoms.positions[own])
    assert any(row.is_off for row in list_rows(atoms))


def bind_zinc(atoms: Atoms, direction: np.ndarray) -> Atoms:
    """Return a molecule with Zn 2.1 Å from its N."""
    place = atoms.positions[atoms.numbers == 7][0] + 2.1 * direction / np.linalg.norm(direction)
    bound: Atoms = atoms.copy()
    bound.append("Zn")
    bound.positions[-1] = place
    return bound


def test_amines_may_be_bonded_to_metals_and_azoles_that_are_carry_no_h() -> None:
    amine = molecule("H3CNH2")
    nitrogen = int(np.flatnonzero(amine.numbers == 7)[0])
    bonds = amine.get_distances(nitrogen, range(len(amine)), vector=True)
    near = (np.linalg.norm(bonds, axis=1) < 1.6) & (np.arange(len(amine)) != nitrogen)
    units = bonds[near] / np.linalg.norm(bonds[near], axis=1)[:, None]
    assert not any(row.is_off for row in list_rows(bind_zinc(amine, -units.sum(axis=0))))
    azole = make_azole("NCNCC", (1, 3, 4))
    assert not any(row.is_off for row in list_rows(bind_zinc(azole, np.array([0, 1.0, 0]))))
    carrying = bind_zinc(azole, np.array([0, 0.6, 0.8]))
    carrying += Atoms("H", positions=[azole.positions[0] + [0, 0.62, -0.82]])
    assert any(row.is_off for row in list_rows(carrying))


def test_nitrogen_between_single_and_double_bonds_is_expected_to_have_three_to_four() -> None:
    assert {(row.expected, row.most) for row in list_rows(make_flat("urea"))} == {(3.0, 4.0)}
    assert {(row.expected, row.most) for row in list_rows(molecule("C3H9N"))} == {(3.0, None)}
    assert {(row.expected, row.most) for row in list_rows(molecule("CH3NO2"), "O")} == {(2.0, None)}


@pytest.mark.parametrize(("angle", "is_wrong"), [(116.5, True), (122.0, False)])
def test_h_on_a_ring_that_was_measured_without_it_is_off(angle: float, is_wrong: bool) -> None:
    """Pyridine with an H on its N: the angle at N as measured says whether it belongs there."""
    ring = molecule("C5H5N")
    nitrogen = int(np.flatnonzero(ring.numbers == 7)[0])
    near = np.argsort(ring.get_distances(nitrogen, range(len(ring))))[1:3]
    outwards = 2 * ring.positions[nitrogen] - ring.positions[near].sum(axis=0)
    outwards /= np.linalg.norm(outwards)
    ring += Atoms("H", positions=[ring.positions[nitrogen] + 1.02 * outwards])
    ring.set_cell(np.diag([14.0, 15.0, 16.0]))
    ring.pbc = True
    ring.center()
    answer = from_ase([ring])
    answer = replace(answer, inserted=answer.numbers == 1)
    # The two C turn about N in the plane of the ring until the angle is the measured one.
    bonds = ring.get_distances(nitrogen, near, vector=True)
    middle = -outwards
    aside = bonds - (bonds @ middle)[:, None] * middle
    aside /= np.linalg.norm(aside, axis=1)[:, None]
    half, lengths = np.radians(angle / 2), np.linalg.norm(bonds, axis=1)[:, None]
    frac = answer.frac_coords.copy()
    turned = lengths * (np.cos(half) * middle + np.sin(half) * aside)
    frac[near] = (ring.positions[nitrogen] + turned) @ np.linalg.inv(answer.cells[0])
    host = remove_inserted(replace(answer, frac_coords=frac))
    rows = list_valences(describe_crystal(answer, host), host)
    assert [row.is_off for row in rows if row.label.startswith("N")] == [is_wrong]
    assert not any(row.is_off for row in list_valences(describe_crystal(answer)))
