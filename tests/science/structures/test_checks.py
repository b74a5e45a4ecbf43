"""What makes a structure unfit as a host, each with structure, site, value and remedy."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ase.data import covalent_radii
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from aiida_hpaint.science.structures import (
    HostError,
    HostLimits,
    HostProblem,
    StructureBatch,
    add_sites,
    check_hosts,
    concatenate,
    find_problems,
    separate_usable_hosts,
)
from aiida_hpaint.science.structures.checks import find_overlapping_pairs


def changed(one: StructureBatch, **fields: Any) -> StructureBatch:
    return replace(one, **fields)


def moved(one: StructureBatch, site: int, coords: list[float]) -> StructureBatch:
    frac_coords = one.frac_coords.copy()
    frac_coords[site] = coords
    return one.with_coords(frac_coords)


def test_a_good_host_passes_as_it_is(rock_salt: StructureBatch) -> None:
    assert check_hosts(rock_salt) is rock_salt
    assert check_hosts(add_sites(rock_salt, "H:4")).insert_counts.tolist() == [4]


def test_close_sites_are_named_with_their_distance(rock_salt: StructureBatch) -> None:
    host = moved(rock_salt, 5, [0.0, 0.98, 0.02])
    message = r"MgO, site 1 \(Mg\): it is 0.119 Å from site 6 \(O\). Remove one of them"
    with pytest.raises(HostError, match=message):
        check_hosts(host)


def test_several_close_pairs_are_counted(rock_salt: StructureBatch) -> None:
    host = moved(moved(rock_salt, 5, [0.0, 0.0, 0.05]), 6, [0.0, 0.05, 0.0])
    with pytest.raises(HostError, match="and 2 more pairs are too close"):
        check_hosts(host)


def test_bonds_of_hydrogen_are_no_overlaps() -> None:
    molecule = StructureBatch(
        labels=("H2",),
        cells=np.eye(3)[None] * 4,
        site_counts=np.array([2]),
        numbers=np.array([1, 1]),
        frac_coords=np.array([[0.0, 0, 0], [0.74 / 4, 0, 0]]),
        inserted=np.zeros(2, dtype=np.bool_),
    )
    check_hosts(molecule)


@given(seed=st.integers(0, 2**32), skew=st.floats(0, 30), sites=st.integers(1, 12))
def test_pairs_are_those_that_pymatgen_finds(seed: int, skew: float, sites: int) -> None:
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(1.5, 6, 3)) + np.tril(rng.uniform(-skew, skew, (3, 3)), -1)
    numbers, coords = rng.integers(1, 96, sites), rng.uniform(-2, 2, (sites, 3))
    limits = HostLimits()
    pairs = find_overlapping_pairs(coords, numbers, cell, limits)
    radii = covalent_radii[numbers]
    structure = Structure(Lattice(cell), ["H"] * sites, coords)
    centers, others, _, distances = structure.get_neighbor_list(2.5, exclude_self=True)
    expected: dict[tuple[int, int], float] = {}
    for i, j, distance in zip(centers, others, distances, strict=True):
        if i <= j and distance < max(0.5, 0.4 * (radii[i] + radii[j])):
            key = (int(i), int(j))
            expected[key] = min(distance, expected.get(key, np.inf))
    assert {(i, j): d for i, j, d in pairs} == pytest.approx(expected)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (np.zeros((3, 3)), "it has no cell"),
        (np.full((3, 3), np.nan), "its cell is not a number"),
        (np.diag([4.2, 4.2, 0.3]), "its shortest lattice vector is 0.3 Å"),
        ([[4.2, 0, 0], [4.2, 1e-3, 0], [0, 0, 4.2]], r"its cell is flat \(volume 0.0176 Å³"),
    ],
)
def test_cells_that_span_nothing_are_refused(
    rock_salt: StructureBatch, cell: Any, message: str
) -> None:
    with pytest.raises(HostError, match=f"MgO: {message}"):
        check_hosts(changed(rock_salt, cells=np.array([cell])))


def test_a_host_with_unplaced_sites_is_refused(rock_salt: StructureBatch) -> None:
    message = r"MgO, site 3 \(Mg\): its position is nan 0.5 0.5. Give it a position"
    with pytest.raises(HostError, match=message):
        check_hosts(moved(rock_salt, 2, [np.nan, 0.5, 0.5]))
    with pytest.raises(HostError, match="its position is inf 0 0"):
        check_hosts(moved(rock_salt, 2, [np.inf, 0, 0]))


def test_numbers_without_element_are_refused(rock_salt: StructureBatch) -> None:
    numbers = np.array([12, 0, 12, 12, 8, 8, 8, 119])
    with pytest.raises(HostError) as caught:
        check_hosts(changed(rock_salt, numbers=numbers))
    assert [problem.site for problem in caught.value.problems] == ["site 2 (X)", "site 8 (X)"]
    assert "atomic number 119" in str(caught.value)


def test_a_host_without_sites_is_refused(rock_salt: StructureBatch) -> None:
    empty = changed(
        rock_salt,
        site_counts=np.array([0]),
        numbers=np.zeros(0),
        frac_coords=np.zeros((0, 3)),
        inserted=np.zeros(0),
    )
    for host in (empty, changed(rock_salt, inserted=np.ones(8, dtype=bool))):
        with pytest.raises(HostError, match="it has no host site"):
            check_hosts(host)


def test_crowded_cells_are_refused(rock_salt: StructureBatch) -> None:
    assert len(add_sites(rock_salt, {"H": 21})) == 1
    with pytest.raises(
        HostError, match=r"22 inserted sites cannot fit .* \(at most 21\)"
    ) as caught:
        add_sites(rock_salt, {"H": 22}, HostLimits(volume_per_inserted=3.5))
    assert "74.09 Å³" in str(caught.value)
    with pytest.raises(HostError, match=r"cell of 7.409e\+07 Å³ holds 8 sites only. Give .* in Å"):
        check_hosts(changed(rock_salt, cells=rock_salt.cells * 100))
    small = changed(rock_salt, cells=rock_salt.cells * 0.6)
    with pytest.raises(HostError, match=r"8 sites cannot fit into 16 Å³ \(at most 6\)"):
        check_hosts(small)


@pytest.mark.parametrize(
    ("lattice", "species", "coords"),
    [
        (
            Lattice.tetragonal(3.0, 4.2),
            ["V", "H", "H"],
            [[0, 0, 0], [0.5, 0, 0.25], [0, 0.5, 0.25]],
        ),
        (Lattice.cubic(2.87), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        (Lattice.cubic(3.57), ["C"] * 2, [[0, 0, 0], [0.25, 0.25, 0.25]]),
        (Lattice.hexagonal(2.456, 6.696), ["C"] * 2, [[0, 0, 0.25], [1 / 3, 2 / 3, 0.25]]),
        (Lattice.cubic(5.65), ["N", "N"], [[0, 0, 0], [0.112, 0.112, 0.112]]),
        (Lattice.rhombohedral(13.8, 12.0), ["Bi", "Se"], [[0.4, 0.4, 0.4], [0, 0, 0]]),
    ],
)
def test_real_crystals_pass(lattice: Lattice, species: list[str], coords: list[Any]) -> None:
    numbers = [Structure(lattice, [s], [[0, 0, 0]])[0].specie.Z for s in species]
    host = StructureBatch(
        labels=("x",),
        cells=lattice.matrix[None],
        site_counts=np.array([len(species)]),
        numbers=np.array(numbers),
        frac_coords=np.array(coords),
        inserted=np.zeros(len(species), dtype=np.bool_),
    )
    check_hosts(host)


def test_all_problems_of_all_hosts_come_at_once(rock_salt: StructureBatch) -> None:
    bad_cell = changed(rock_salt, labels=("flat",), cells=np.ones((1, 3, 3)))
    overlapping = moved(changed(rock_salt, labels=("close",)), 1, [0, 0, 0.01])
    batch = concatenate([bad_cell, rock_salt, overlapping])
    with pytest.raises(HostError) as caught:
        check_hosts(batch)
    assert [problem.label for problem in caught.value.problems] == ["flat", "close"]
    assert len(str(caught.value).splitlines()) == 2
    good, problems = separate_usable_hosts(batch)
    assert good.equals(rock_salt)
    assert problems == caught.value.problems


def test_cell_and_sites_are_blamed_together(rock_salt: StructureBatch) -> None:
    host = changed(rock_salt, cells=np.zeros((1, 3, 3)), numbers=np.zeros(8))
    assert len(list(find_problems(host))) == 9


def test_the_error_survives_a_job(rock_salt: StructureBatch) -> None:
    error = HostError([HostProblem("MgO", "it is odd", "Look at it", "site 1 (Mg)")])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "MgO, site 1 (Mg): it is odd. Look at it."
    assert again.problems == error.problems
