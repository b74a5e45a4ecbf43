from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pinballs import by_brute_force, grid_sites, random_sites
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Structure
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.electrostatics import choose_sites, compute_ewald_energies
from aiida_hpaint.science.electrostatics.quadratic_problem import QuadraticProblem
from aiida_hpaint.science.electrostatics.site_symmetry import find_site_permutations
from aiida_hpaint.science.settings import PinballSettings

seeds = st.integers(0, 10**6)
BARE = PinballSettings(screening=1)
few = settings(max_examples=10, deadline=None)


def images(permutations, sites):
    return {tuple(one) for one in np.sort(permutations[:, sites], axis=1)}


@few
@given(seeds, st.integers(2, 10), st.sampled_from([1.0, 3.0, 80.0]), st.data())
def test_lowest_of_all(seed, size, screening, data):
    frac, energies, cell = random_sites(seed, size)
    count = data.draw(st.integers(1, size))
    found = choose_sites(frac, energies, cell, count, PinballSettings(screening=screening, keep=4))
    ewald = compute_ewald_energies(frac, cell)
    linear = -energies + ewald.own / screening
    expected, sets = by_brute_force(QuadraticProblem(linear, ewald.pairs / screening, count))
    np.testing.assert_allclose(found.energies, expected[:4], atol=2e-6)
    assert found.chosen[0].tolist() == sets[0].tolist()
    assert found.exact
    assert found.bound == pytest.approx(expected[0], abs=2e-6)


@pytest.mark.parametrize("screening", [1.0, 4.0])
def test_energy_is_that_of_pymatgen(screening):
    frac, energies, cell = random_sites(7, 12, volume=9.0)
    found = choose_sites(frac, energies, cell, 5, PinballSettings(screening=screening))
    for energy, sites in zip(found.energies, found.chosen, strict=True):
        protons = Structure(cell, ["H+"] * 5, frac[sites])
        repulsion = EwaldSummation(protons, acc_factor=14).total_energy
        assert energy == pytest.approx(repulsion / screening - energies[sites].sum(), abs=1e-5)


@few
@given(seeds)
def test_rotation_translation_and_permutation_change_nothing(seed):
    generator = np.random.default_rng(seed)
    frac, energies, cell = random_sites(seed, 10)
    before = choose_sites(frac, energies, cell, 4)
    order = generator.permutation(10)
    turned = cell @ Rotation.random(random_state=seed).as_matrix().T
    after = choose_sites((frac + generator.random(3))[order], energies[order], turned, 4)
    np.testing.assert_allclose(after.energies, before.energies, atol=2e-6)
    assert set(order[after.chosen[0]]) == set(before.chosen[0])


def test_protons_go_to_maxima_of_the_electron_energy_where_screening_is_strong():
    frac, energies, cell = random_sites(1, 20, spread=10.0)
    found = choose_sites(frac, energies, cell, 4, PinballSettings(screening=1e6, keep=1))
    assert set(found.chosen[0]) == set(np.argsort(-energies)[:4])


def test_protons_avoid_each_other_where_it_is_weak():
    frac, energies, cell = grid_sites((2, 2, 2))
    found = choose_sites(frac, energies, cell, 2, PinballSettings(keep=5))
    # Across the cube, across a face, along an edge.
    assert found.chosen.tolist() == [[0, 7], [0, 3], [0, 1]]


@pytest.mark.parametrize("given_permutations", [True, False])
def test_arrangements_are_inequivalent(given_permutations):
    frac, energies, cell = grid_sites((2, 3, 3))
    permutations = find_site_permutations(frac, energies, cell)
    chosen = choose_sites(
        frac,
        energies,
        cell,
        5,
        PinballSettings(keep=6),
        permutations if given_permutations else None,
    ).chosen
    for place, sites in enumerate(chosen):
        assert tuple(sites) == min(images(permutations, sites))
        assert all(tuple(sites) not in images(permutations, other) for other in chosen[:place])


def test_arrangements_without_the_symmetry_of_the_sites():
    frac, energies, cell = grid_sites((2, 2, 2))
    alone = np.arange(8)[None]
    found = choose_sites(frac, energies, cell, 2, PinballSettings(keep=5), alone)
    assert found.chosen[:4].tolist() == [[0, 7], [1, 6], [2, 5], [3, 4]]
    np.testing.assert_allclose(found.energies[:4], found.energies[0])


def test_sixty_sites_are_solved():
    frac, energies, cell = random_sites(11, 60)
    found = choose_sites(frac, energies, cell, 12, BARE)
    assert found.exact
    assert len(found) == 3
    assert found.bound == found.energies[0]


def test_more_than_half_of_the_sites():
    frac, energies, cell = random_sites(12, 40)
    found = choose_sites(frac, energies, cell, 33, PinballSettings(screening=1))
    assert found.exact
    ewald = compute_ewald_energies(frac, cell)
    pairs = [ewald.pairs[np.ix_(sites, sites)].sum() / 2 for sites in found.chosen]
    expected = np.array(pairs) + 33 * ewald.own - energies[found.chosen].sum(1)
    np.testing.assert_allclose(found.energies, expected)
    assert (np.diff(found.chosen, axis=1) > 0).all()


def test_degenerate_sites_are_solved():
    found = choose_sites(*grid_sites((3, 3, 4)), 9)
    assert found.exact
    assert len(found) == 3


def test_all_of_the_sites():
    frac, energies, cell = random_sites(0, 5)
    found = choose_sites(frac, energies, cell, 5)
    assert found.chosen.tolist() == [[0, 1, 2, 3, 4]]
    assert found.exact


def test_one_site():
    frac, energies, cell = random_sites(0, 5)
    found = choose_sites(frac, energies, cell, 1, PinballSettings(screening=1))
    assert found.chosen[:, 0].tolist() == np.argsort(-energies)[:3].tolist()
    own = compute_ewald_energies(frac, cell).own
    np.testing.assert_allclose(found.energies, own - np.sort(energies)[::-1][:3])


def test_many_sites_are_chosen_by_exchanges():
    frac, energies, cell = random_sites(2, 24)
    few_sites = PinballSettings(exact_sites=10)
    found = choose_sites(frac, energies, cell, 10, few_sites)
    exact = choose_sites(frac, energies, cell, 10)
    assert not found.exact
    assert exact.exact
    assert found.bound <= exact.energies[0] <= found.energies[0] + 2e-6


def test_the_same_input_gives_the_same():
    sites = grid_sites((3, 3, 4))
    first, again = (choose_sites(*sites, 8) for _ in range(2))
    np.testing.assert_array_equal(first.chosen, again.chosen)
    np.testing.assert_array_equal(first.energies, again.energies)


def test_sites_that_are_nearly_one_are_not_both_taken():
    frac, energies, cell = random_sites(4, 30)
    crowded = np.concatenate([frac, frac + 0.02 / 5.0])
    found = choose_sites(crowded, np.tile(energies, 2), cell, 8)
    assert found.exact
    assert all(len(set(sites % 30)) == 8 for sites in found.chosen)


def sites(**changes):
    frac, energies, cell = random_sites(0, 5)
    return {"frac_coords": frac, "energies": energies, "cell": cell, "n": 2} | changes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": 6}, "cannot choose 6 of 5 sites"),
        ({"n": 0}, "cannot choose 0 of 5 sites"),
        ({"energies": np.zeros(4)}, r"\(4,\)"),
        ({"energies": np.full(5, np.nan)}, "not finite"),
        ({"cell": np.ones((3, 3))}, "not a cell"),
        ({"frac_coords": np.array([[0, 0, 0], [1.0, 0, 0]] + [[0.5, 0.5, 0.5]] * 3)}, "0 and 1"),
        ({"permutations": np.zeros((1, 5), int)}, "not those of a group"),
        ({"permutations": np.arange(4)[None]}, "not those of a group"),
        ({"permutations": np.array([[0, 1, 2, 3, 4], [1, 0, 2, 3, 4]])}, "not alike"),
    ],
)
def test_bad_input(changes, message):
    with pytest.raises(ValueError, match=message):
        choose_sites(**sites(**changes))
