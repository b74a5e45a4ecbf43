from __future__ import annotations

import numpy as np
import pytest
from ase.geometry import get_distances
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from potentials import cosines, fractions, host_of, ions
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Lattice, Structure
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.electrostatics import (
    NEAR_ATOM,
    NEAR_SITE,
    PotentialGrid,
    Sites,
    find_maxima,
    find_sites,
)
from aiida_hpaint.science.electrostatics.interpolation import FourierSeries
from aiida_hpaint.science.settings import PeaksSettings
from aiida_hpaint.science.structures import add_sites

FCC = 2.04 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
HEXAGONAL = np.array([[3.1, 0, 0], [-1.55, 1.55 * 3**0.5, 0], [0, 0, 4.7]])
TRICLINIC = np.array([[4.0, 0.3, -0.2], [1.1, 5.0, 0.4], [-0.7, 0.9, 6.0]])
THREE = np.array([[0.1, 0.2, 0.3], [0.55, 0.7, 0.4], [0.3, 0.8, 0.9]])

edges = arrays(float, 3, elements=st.floats(3.0, 7.0))
shears = arrays(int, 3, elements=st.integers(-2, 2))
tops = arrays(float, 3, elements=st.floats(0.0, 1.0))


def between(cell: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(n, m) Å, by ASE."""
    if not len(left) or not len(right):
        return np.empty((len(left), len(right)))
    found = get_distances(np.atleast_2d(left) @ cell, np.atleast_2d(right) @ cell, cell, pbc=True)
    return np.asarray(found[1])


def assert_same_sites(cell: np.ndarray, left: Sites, right: Sites, moved: np.ndarray) -> None:
    """Equal but for their order; `moved` are the coordinates on the left as the right has them."""
    assert len(left) == len(right)
    distances = between(cell, moved, right.frac_coords)
    partners = distances.argmin(1)
    assert sorted(partners) == list(range(len(right)))
    np.testing.assert_allclose(distances.min(1), 0, atol=1e-3)
    np.testing.assert_allclose(left.energies, right.energies[partners], atol=1e-5)


@given(edges, shears, tops, st.integers(0, 1000))
def test_a_maximum_is_found_where_it_is(
    lengths: np.ndarray, shear: np.ndarray, top: np.ndarray, seed: int
) -> None:
    skew = np.array([[1, 0, 0], [shear[0], 1, 0], [shear[1], shear[2], 1]])
    cell = skew @ np.diag(lengths) @ Rotation.random(random_state=seed).as_matrix()
    grid = cosines(cell, (12, 15, 20), top, (1.0, 1.3, 0.8))
    sites = find_sites(grid, host_of(cell, [top + 0.5]))
    assert len(sites) == 1
    assert between(cell, sites.frac_coords, top[None]).max() < 1e-4
    assert (sites.frac_coords >= 0).all()
    assert (sites.frac_coords < 1).all()
    np.testing.assert_allclose(sites.energies, 3.1)


@pytest.mark.parametrize("top", [(0.0, 0.0, 0.0), (0.0, 0.5, 0.999), (1 - 1e-12, 0.25, 0.0)])
def test_maxima_on_the_boundary_are_found_once(top: tuple[float, ...]) -> None:
    grid = cosines(HEXAGONAL, (10, 10, 16), np.array(top), (1.0, 1.0, 1.0))
    points = find_maxima(grid)
    assert points.shape == (1, 3)
    assert (points < 1).all()
    assert between(HEXAGONAL, points, np.array([top])).max() < 1e-4


@given(tops, st.integers(0, 1000), st.permutations([0, 1, 2]))
@settings(max_examples=15)
def test_sites_move_with_the_crystal(shift: np.ndarray, seed: int, axes: list[int]) -> None:
    shape = (24, 28, 36)
    there = find_sites(ions(TRICLINIC, THREE, (1, 1, 2), shape), host_of(TRICLINIC, THREE))
    cell = (TRICLINIC @ Rotation.random(random_state=seed).as_matrix())[axes]
    frac = (THREE + shift)[:, axes]
    grid = ions(cell, frac, (1, 1, 2), [shape[axis] for axis in axes])
    moved = (there.frac_coords + shift)[:, axes]
    assert_same_sites(cell, there, find_sites(grid, host_of(cell, frac)), moved)


@pytest.mark.parametrize(
    "skew", [((1, 0, 0), (2, 1, 0), (0, -1, 1)), ((0, 1, 0), (1, 1, 1), (1, 0, 0))]
)
def test_sites_do_not_depend_on_the_choice_of_cell(skew: tuple[tuple[int, ...], ...]) -> None:
    other = np.array(skew) @ FCC
    frac = np.array([[0.1, 0.2, 0.3]])
    there = find_sites(ions(FCC, frac, [1], (24, 24, 24)), host_of(FCC, frac))
    turned = frac @ np.linalg.inv(skew)
    sites = find_sites(ions(other, turned, [1], (24, 48, 36)), host_of(other, turned))
    assert_same_sites(other, there, sites, there.frac_coords @ np.linalg.inv(skew))


def test_ions_on_a_cubic_lattice_leave_the_octahedra_and_tetrahedra() -> None:
    frac = np.array([[0.1, 0.2, 0.3]])
    sites = find_sites(ions(FCC, frac, [1], (24, 24, 24)), host_of(FCC, frac))
    assert sites.orbits.tolist() == [0, 1, 1]
    assert len(sites.permutations) == 48
    wanted = frac + np.array([[0.5, 0.5, 0.5], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]])
    assert between(FCC, sites.frac_coords, wanted).min(1).max() < 1e-6


def test_energies_are_those_of_ewald_sums() -> None:
    frac, probe = np.array([0.1, 0.2, 0.3]), 0.01
    sites = find_sites(ions(FCC, frac[None], [2], (24, 24, 24), 0.3), host_of(FCC, [frac]))

    def energy(place: np.ndarray, charge: float) -> float:
        structure = Structure(Lattice(FCC), ["Li", "H"], [frac, place])
        structure.add_oxidation_state_by_site([2.0, charge])
        return float(EwaldSummation(structure, acc_factor=12).total_energy)

    felt = [-(energy(at, probe) - energy(at, -probe)) / (2 * probe) for at in sites.frac_coords]
    assert felt[0] - felt[1] > 1
    np.testing.assert_allclose(
        sites.energies - sites.energies[0], np.array(felt) - felt[0], atol=2e-3
    )


def test_permutations_are_a_group_of_isometries() -> None:
    frac = np.array([[0.0, 0.0, 0.0], [1 / 3, 2 / 3, 0.5]])
    grid = ions(HEXAGONAL, frac, (1, 1), (24, 24, 36))
    sites = find_sites(grid, host_of(HEXAGONAL, frac))
    assert len(sites) > 2
    rows = {tuple(row) for row in sites.permutations.tolist()}
    assert tuple(range(len(sites))) in rows
    for left in sites.permutations:
        assert sorted(left) == list(range(len(sites)))
        assert all(tuple(left[right]) in rows for right in sites.permutations)
        apart = between(HEXAGONAL, sites.frac_coords, sites.frac_coords)
        np.testing.assert_allclose(apart[np.ix_(left, left)], apart, atol=1e-5)


def test_orbits_are_what_the_permutations_connect() -> None:
    frac = np.array([[0.0, 0.0, 0.0], [1 / 3, 2 / 3, 0.5]])
    sites = find_sites(ions(HEXAGONAL, frac, (1, 1), (24, 24, 36)), host_of(HEXAGONAL, frac))
    for site, orbit in enumerate(sites.orbits):
        members = np.flatnonzero(sites.orbits == orbit)
        assert sorted(set(sites.permutations[:, site])) == members.tolist()
        assert len(set(sites.energies[members])) == 1
    assert (np.diff(sites.energies) <= 0).all()
    assert (np.diff(sites.orbits) >= 0).all()


def test_operations_that_the_potential_lacks_are_left_out() -> None:
    frac = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    cell = 4.0 * np.eye(3)
    grid = ions(cell, frac, (1.0, 1.5), (24, 24, 24))
    same = find_sites(grid, host_of(cell, frac, (3, 3)))
    known = find_sites(grid, host_of(cell, frac, (3, 11)))
    assert len(same.permutations) == len(known.permutations) == 48
    np.testing.assert_array_equal(same.orbits, known.orbits)


def test_points_of_a_plateau_are_one_maximum_also_across_the_boundary() -> None:
    values = np.zeros((8, 9, 10))
    values[np.ix_([7, 0, 1], [8, 0, 1], [4, 5, 6])] = 1.0
    points = find_maxima(PotentialGrid(np.diag([4.0, 4.5, 5.0]), values))
    assert len(points) == 1
    assert between(np.diag([4.0, 4.5, 5.0]), points, np.array([[0, 0, 0.5]])).max() < 0.6


def test_a_plateau_below_a_peak_is_no_maximum() -> None:
    values = np.zeros((8, 9, 10))
    values[2:5, 2:5, 2:5] = 1.0
    values[5, 3, 3] = 2.0
    assert len(find_maxima(PotentialGrid(4 * np.eye(3), values))) == 1


def test_a_constant_potential_has_no_sites() -> None:
    grid = PotentialGrid(4 * np.eye(3), np.full((6, 6, 6), 2.5))
    sites = find_sites(grid, host_of(grid.cell, [[0, 0, 0]]))
    assert len(sites) == 0
    assert sites.frac_coords.shape == (0, 3)
    assert sites.permutations.shape[1] == 0
    assert dict(sites.dropped) == {NEAR_ATOM: 0, NEAR_SITE: 0}


def test_a_line_of_equal_maxima_is_one_site() -> None:
    cell = 4 * np.eye(3)
    grid = cosines(cell, (12, 12, 12), np.zeros(3), (1.0, 1.0, 0.0))
    points = find_maxima(grid)
    assert len(points) == 1
    np.testing.assert_allclose(points[0, :2], 0, atol=1e-9)


def test_maxima_on_atoms_are_dropped_and_counted() -> None:
    frac = np.array([[0.1, 0.2, 0.3]])
    grid = ions(FCC, frac, [-1], (24, 24, 24))
    sites = find_sites(grid, host_of(FCC, frac))
    assert sites.dropped[NEAR_ATOM] == 1
    assert (between(FCC, sites.frac_coords, frac) >= 0.7).all()


@given(st.floats(0.6, 3.5))
@settings(max_examples=15)
def test_no_two_sites_are_closer_than_they_may(distance: float) -> None:
    wanted = PeaksSettings(min_between=distance)
    frac = np.array([[0.0, 0.0, 0.0], [1 / 3, 2 / 3, 0.5]])
    grid = ions(HEXAGONAL, frac, (1, 1), (24, 24, 36))
    everything = find_sites(grid, host_of(HEXAGONAL, frac))
    sites = find_sites(grid, host_of(HEXAGONAL, frac), wanted)
    apart = between(HEXAGONAL, sites.frac_coords, sites.frac_coords)
    assert apart[np.triu_indices(len(sites), 1)].min(initial=np.inf) >= distance - 1e-6
    assert (len(sites) == len(everything)) == (sites.dropped[NEAR_SITE] == 0)


def test_a_pair_that_is_too_close_becomes_the_site_between() -> None:
    cell, half = 5 * np.eye(3), 0.15 / 5
    x, y, z = np.moveaxis(2 * np.pi * fractions((30, 30, 30)), -1, 0)
    # along z two maxima beside the mirror at 1/2
    steep = 1 / (4 * np.cos(2 * np.pi * half))
    grid = PotentialGrid(cell, np.cos(x) + np.cos(y) - np.cos(z) - steep * np.cos(2 * z))
    assert len(find_maxima(grid)) == 2
    sites = find_sites(grid, host_of(cell, [[0.5, 0.5, 0.0]]))
    np.testing.assert_allclose(sites.frac_coords, [[0, 0, 0.5]], atol=1e-9)
    pair = find_sites(grid, host_of(cell, [[0.5, 0.5, 0.0]]), PeaksSettings(min_between=0.2))
    assert pair.orbits.tolist() == [0, 0]
    np.testing.assert_allclose(sorted(pair.frac_coords[:, 2]), [0.5 - half, 0.5 + half], atol=1e-4)


def test_sites_to_insert_do_not_count_as_atoms() -> None:
    grid = cosines(HEXAGONAL, (12, 12, 16), np.array([0.2, 0.3, 0.4]), (1.0, 1.0, 1.0))
    host = host_of(HEXAGONAL, [[0.7, 0.8, 0.9]])
    there = find_sites(grid, host)
    np.testing.assert_array_equal(
        find_sites(grid, add_sites(host, "H:2")).frac_coords, there.frac_coords
    )


def test_what_does_not_fit_together_is_refused() -> None:
    grid = PotentialGrid(FCC, np.zeros((4, 4, 4)))
    with pytest.raises(ValueError, match="the host that the potential was computed for"):
        find_sites(grid, host_of(HEXAGONAL, [[0, 0, 0]]))
    host = host_of(FCC, [[0, 0, 0]])
    with pytest.raises(ValueError, match="2 structures for one potential"):
        find_sites(grid, host[[0, 0]])
    with pytest.raises(ValueError, match="an atom has no position"):
        find_sites(grid, host_of(FCC, [[np.nan, 0, 0]]))


def test_energies_at_sites_are_those_of_the_series() -> None:
    grid = ions(TRICLINIC, THREE, (1, 1, 2), (24, 28, 36))
    sites = find_sites(grid, host_of(TRICLINIC, THREE))
    found = FourierSeries.through(grid.values).expand(sites.frac_coords)
    np.testing.assert_allclose(found.values, sites.energies, atol=1e-9)
    np.testing.assert_allclose(found.gradients, 0, atol=1e-3)
