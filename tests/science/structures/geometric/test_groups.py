"""H of molecules whose structures are known come back from their other bonds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule
from ase.collections import g2
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.structures.geometric import find_geometric_groups
from aiida_hpaint.science.structures.geometric.bonds import Bonds, Neighbour
from aiida_hpaint.science.structures.geometric.counts import count_by_bonds, count_room
from aiida_hpaint.science.structures.geometric.directions import find_directions

RADICALS = {
    *("C2H3", "C2H5", "C3H7", "C3H9C", "CCH", "CH", "CH3", "CH3CH2O", "CH3CO", "CH3O", "CH3S"),
    *("CH2_s1A1d", "CH2_s3B1d", "H2COH", "HCO"),
}
MOLECULES = sorted(
    name for name in g2.names if {"C", "H"} <= set(molecule(name).symbols) and name not in RADICALS
)

TURN = Rotation.from_euler("xyz", [0.4, 1.1, -0.7]).as_matrix()


def make_molecule(name: str) -> Atoms:
    atoms = molecule(name)
    atoms.set_cell(np.diag([14.0, 15.0, 16.0]))
    atoms.pbc = True
    atoms.center()
    atoms.positions = (atoms.positions - atoms.cell.sum(0) / 2) @ TURN + 0.4
    return atoms


def find_true_parents(atoms: Atoms) -> np.ndarray:
    lengths = atoms.get_all_distances(mic=True)
    heavy = np.flatnonzero(atoms.numbers != 1)
    return heavy[lengths[np.ix_(atoms.numbers == 1, heavy)].argmin(1)]


def find_groups(atoms: Atoms):
    return find_geometric_groups(
        atoms.cell.array,
        atoms.numbers,
        atoms.get_scaled_positions(wrap=False),
        atoms.numbers == 1,
        find_true_parents(atoms),
    )


@pytest.mark.parametrize("name", MOLECULES)
def test_fixed_positions_are_those_of_the_molecule(name: str) -> None:
    atoms = make_molecule(name)
    for group in find_groups(atoms):
        if group.directions.is_fixed:
            placed = atoms.positions[group.parent] + group.length * group.directions.choices[0]
            errors = np.linalg.norm(placed[:, None] - atoms.positions[group.sites], axis=-1)
            assert errors.min(axis=1).max() < 0.25


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("C6H6", 6),
        ("isobutene", 2),
        ("C2H2", 2),
        ("C3H4_C3v", 1),
        ("C4H4NH", 5),
        ("HCN", 1),
        ("C3H8", 2),
    ],
)
def test_as_many_are_fixed_as_bonds_decide(name: str, count: int) -> None:
    groups = find_groups(make_molecule(name))
    assert sum(len(group.sites) for group in groups if group.directions.is_fixed) == count


@pytest.mark.parametrize("name", ["CH3CH2OH", "CH3OCH3", "CH3CN", "CH3CONH2", "H3CNH2"])
def test_groups_that_turn_have_the_lengths_and_angles_of_the_molecule(name: str) -> None:
    atoms = make_molecule(name)
    turning = [group for group in find_groups(atoms) if group.directions.axis is not None]
    assert turning
    for group in turning:
        rng = np.random.default_rng(0)
        drawn = [group.directions.draw(rng, turned) for turned in (False, True)]
        for directions in np.concatenate(drawn):
            placed = group.length * directions
            true = atoms.positions[group.sites] - atoms.positions[group.parent]
            axis = group.directions.axis
            assert np.allclose(placed @ axis, (true @ axis).mean(), atol=0.15)
            apart = [np.linalg.norm(each[0] - each[1]) for each in (placed, true)]
            assert np.isclose(*apart, atol=0.15)


@pytest.mark.parametrize(
    ("name", "errors"),
    [("C2H6", 1.0), ("CH3CH2OH", 0.2), ("C3H8", 0.2), ("isobutane", 0.2), ("CH3OCH3", 0.2)],
)
def test_methyl_groups_are_staggered(name: str, errors: float) -> None:
    atoms = make_molecule(name)
    for group in find_groups(atoms):
        if group.directions.axis is not None:
            assert group.directions.is_free == (name == "C2H6")
            directions = group.directions.draw(np.random.default_rng(1))[0]
            placed = atoms.positions[group.parent] + group.length * directions
            apart = np.linalg.norm(placed[:, None] - atoms.positions[group.sites], axis=-1)
            assert apart.min(axis=1).max() < errors


def test_an_amine_has_two_choices_and_an_amide_none() -> None:
    amine = make_molecule("C2H6NH")
    groups = {int(amine.numbers[group.parent]): group for group in find_groups(amine)}
    assert groups[7].directions.choices.shape == (2, 1, 3)
    true = amine.positions[groups[7].sites[0]] - amine.positions[groups[7].parent]
    true /= np.linalg.norm(true)
    assert (groups[7].directions.choices[:, 0] @ true).max() > np.cos(np.radians(20))
    amide = make_molecule("CH3CONH2")
    nitrogen = [g for g in find_groups(amide) if amide.numbers[g.parent] == 7]
    assert nitrogen[0].directions.is_fixed


@pytest.mark.parametrize("name", ["NH3", "CH4", "CH3OH", "H2O"])
def test_h_of_oxygen_and_of_atoms_without_other_bonds_stays_open(name: str) -> None:
    atoms = make_molecule(name)
    parents = {group.parent for group in find_groups(atoms)}
    assert all(atoms.numbers[parent] == 6 for parent in parents)
    assert len(parents) == (name == "CH3OH")


def test_positions_follow_the_orientation_and_the_images_of_atoms() -> None:
    atoms = make_molecule("C5H5N")
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array @ TURN)
    turned.positions = atoms.positions @ TURN
    moved = turned.get_scaled_positions(wrap=False)
    moved[[0, 3]] += [[1, 0, -1], [0, 2, 0]]
    turned.set_scaled_positions(moved)
    for here, there in zip(find_groups(atoms), find_groups(turned), strict=True):
        assert np.allclose(here.directions.choices @ TURN, there.directions.choices, atol=1e-9)


def test_a_methyl_group_on_a_metal_and_a_metallocene_ring_differ() -> None:
    methyl = make_molecule("CH3Cl")
    methyl.numbers[methyl.numbers == 17] = 78
    assert len(find_groups(methyl)[0].sites) == 3
    ring = make_molecule("C6H6")
    centre = ring.positions[:6].mean(0)
    normal = np.cross(*(ring.positions[:2] - centre))
    ring.append("Cr")
    ring.positions[-1] = centre + 1.65 * normal / np.linalg.norm(normal)
    for group in find_groups(ring):
        assert abs(group.directions.choices[0, 0] @ normal) < 1e-6


@pytest.mark.parametrize("name", MOLECULES)
def test_counts_are_right_where_bonds_decide(name: str) -> None:
    atoms = make_molecule(name)
    frac, known = atoms.get_scaled_positions(wrap=False), atoms.numbers != 1
    bonds = Bonds.find(atoms.cell.array, atoms.numbers, frac, known)
    true = np.bincount(find_true_parents(atoms), minlength=len(atoms))
    for site in np.flatnonzero(np.isin(atoms.numbers, (6, 7))).tolist():
        count = count_by_bonds(int(atoms.numbers[site]), bonds.list_neighbours(site))
        assert count in (None, true[site])


@pytest.mark.parametrize(
    ("lengths", "angle", "count"),
    [
        ((1.34, 1.50), 124, 1),  # propene
        ((1.41, 1.56), 113, None),  # ethyl groups whose atoms librate
        ((1.42, 1.47), 112, None),
        ((1.53, 1.53), 112, 2),
        ((1.31, 1.31), 180, 0),  # allene
        ((1.51, 1.51), 178, None),  # a chain whose atoms are on averaged positions
    ],
)
def test_bonds_that_libration_shortens_leave_the_number_open(
    lengths: tuple[float, float], angle: float, count: int | None
) -> None:
    turn = np.radians(angle)
    directions = np.array([[1.0, 0, 0], [np.cos(turn), np.sin(turn), 0]])
    neighbours = [
        Neighbour(6, direction, length, np.zeros((0, 3)))
        for direction, length in zip(directions, lengths, strict=True)
    ]
    assert count_by_bonds(6, neighbours) == count


FLAT = np.array([[0.5, np.sqrt(0.75), 0], [0.5, -np.sqrt(0.75), 0]])
TETRAHEDRAL = np.array([[1, 2.828, 0], [1, -1.414, 2.449], [1, -1.414, -2.449]]) / 3


@pytest.mark.parametrize(
    ("number", "length", "beyond", "turns"),
    [
        (6, 1.34, FLAT, False),  # amide
        (7, 1.41, FLAT, True),  # hydrazide: N-N is a single bond
        (5, 1.41, FLAT, False),  # aminoborane
        (16, 1.60, TETRAHEDRAL, True),  # sulfonamide
        (6, 1.40, TETRAHEDRAL, True),  # amine whose C librates
    ],
)
def test_nh2_is_flat_beside_double_bonds_and_else_turns(
    number: int, length: float, beyond: np.ndarray, turns: bool
) -> None:
    neighbour = Neighbour(number, np.array([1.0, 0, 0]), length, beyond)
    directions = find_directions(7, [neighbour], 2)
    assert directions is not None
    assert directions.choices.shape[1:] == (2, 3)
    assert (directions.axis is not None) == turns


def test_nh_of_a_sulfonamide_is_flat_and_that_of_an_amine_is_not() -> None:
    carbon = Neighbour(6, np.array([-0.5, np.sqrt(0.75), 0]), 1.46, TETRAHEDRAL)
    other = [
        Neighbour(n, np.array([1.0, 0, 0]), x, TETRAHEDRAL) for n, x in ((16, 1.62), (6, 1.47))
    ]
    assert [len(find_directions(7, [carbon, each], 1).choices) for each in other] == [1, 2]


@pytest.mark.parametrize(
    ("others", "count"),
    [
        (((6, 1.34, [-0.5, 0.866, 0]), (6, 1.34, [-0.5, -0.866, 0]), (30, 2.0, [1, 0, 0])), 0),
        (((6, 1.47, [1, 0, 0]), (6, 1.47, [-0.33, 0.94, 0]), (30, 2.1, [-0.33, -0.47, 0.82])), 1),
        (((6, 1.34, [1, 0, 0]), (6, 1.46, [-0.5, 0.866, 0])), 1),  # amide
        (((6, 1.49, [1, 0, 0]), (6, 1.49, [-0.33, 0.94, 0])), 2),  # ammonium
        (((6, 1.49, [1, 0, 0]),), 3),
        (((6, 1.15, [1, 0, 0]),), 0),  # nitrile
        ((), 4),
    ],
)
def test_nitrogen_has_room_for_what_its_other_bonds_leave(
    others: tuple[tuple[int, float, list[float]], ...], count: int
) -> None:
    none = np.zeros((0, 3))
    neighbours = [Neighbour(n, np.array(way), length, none) for n, length, way in others]
    assert count_room(neighbours) == count


def test_the_h_of_a_carborane_points_away_from_the_cage() -> None:
    turns = 2 * np.pi * np.arange(5) / 5
    height = 1 / np.sqrt(5) - 1  # of the neighbours below the corner of an icosahedron of radius 1
    ring = np.array(
        [2 / np.sqrt(5) * np.cos(turns), 2 / np.sqrt(5) * np.sin(turns), [height] * 5]
    ).T
    ring /= np.linalg.norm(ring, axis=1, keepdims=True)
    neighbours = [Neighbour(5, way, 1.71, np.zeros((0, 3))) for way in ring]
    assert count_by_bonds(6, neighbours) is None
    directions = find_directions(6, neighbours, 1)
    assert directions is not None
    assert np.allclose(directions.choices, [[[0, 0, 1]]])
    rings = [replace(one, number=6) for one in neighbours]  # of two orientations, overlapping
    assert find_directions(6, rings, 1) is None


@pytest.mark.parametrize(("beyond", "count"), [(FLAT, 2), (TETRAHEDRAL, None)])
def test_a_methyl_group_that_libration_brings_near_is_no_double_bond(
    beyond: np.ndarray, count: int | None
) -> None:
    neighbour = Neighbour(6, np.array([1.0, 0, 0]), 1.34, beyond)
    assert count_by_bonds(6, [neighbour]) == count


@pytest.mark.parametrize("count", [1, 2])
def test_atoms_that_overlap_decide_nothing(count: int) -> None:
    near = [np.array([1.0, 0, 0]), np.array([np.cos(0.1), np.sin(0.1), 0])]
    bonds = [Neighbour(6, direction, 1.5, np.zeros((0, 3))) for direction in near]
    assert find_directions(6, bonds, count) is None
