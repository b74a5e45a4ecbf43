from __future__ import annotations

import numpy as np
import pytest
from pinballs import grid_sites, random_sites

from aiida_hpaint.science.electrostatics.ewald import compute_ewald_energies
from aiida_hpaint.science.electrostatics.site_symmetry import (
    find_site_permutations,
    is_group,
    symmetrise_energies,
)

pytestmark = pytest.mark.numerics


def test_random_sites_have_none():
    frac, energies, cell = random_sites(0, 7)
    assert find_site_permutations(frac, energies, cell).tolist() == [list(range(7))]


def test_a_grid_has_translations_and_the_operations_of_its_cell():
    frac, energies, cell = grid_sites((2, 2, 2))
    # As permutations of 8 sites only: 8 translations times 48 operations, many of which agree.
    permutations = find_site_permutations(frac, energies, cell)
    assert is_group(permutations)
    assert len(permutations) == 48
    frac, energies, cell = grid_sites((3, 3, 3))
    assert len(find_site_permutations(frac, energies, cell)) == 27 * 48


def test_energies_break_symmetry():
    frac, energies, cell = grid_sites((3, 3, 3))
    energies[0] = 1.0
    permutations = find_site_permutations(frac, energies, cell)
    assert len(permutations) == 48
    assert (permutations[:, 0] == 0).all()


def test_permutations_keep_distances():
    frac, energies, cell = grid_sites((2, 3, 4))
    pairs = compute_ewald_energies(frac, cell).pairs
    for moved in find_site_permutations(frac, energies, cell):
        np.testing.assert_allclose(pairs[np.ix_(moved, moved)], pairs, atol=1e-9)


def test_averages_are_symmetric():
    frac, energies, cell = grid_sites((2, 2, 3))
    permutations = find_site_permutations(frac, energies, cell)
    generator = np.random.default_rng(0)
    frac = frac + 3e-4 * generator.normal(size=frac.shape)
    energies = energies + 1e-3 * generator.normal(size=len(frac))
    pairs = compute_ewald_energies(frac, cell).pairs
    single, double = symmetrise_energies(energies, pairs, permutations)
    for moved in permutations:
        np.testing.assert_allclose(single[moved], single, atol=1e-12)
        np.testing.assert_allclose(double[np.ix_(moved, moved)], double, atol=1e-12)
    assert np.abs(double - pairs).max() < 0.2


def test_sites_that_are_not_alike():
    frac, energies, cell = random_sites(0, 4, spread=0.0)
    pairs = compute_ewald_energies(frac, cell).pairs
    swap = np.array([[0, 1, 2, 3], [1, 0, 2, 3]])
    with pytest.raises(ValueError, match="not alike"):
        symmetrise_energies(energies, pairs, swap)
    with pytest.raises(ValueError, match=r"differ by 3 eV"):
        symmetrise_energies(np.array([0.0, 3.0, 0.0, 0.0]), np.zeros((4, 4)), swap)


@pytest.mark.parametrize(
    "rows", [[[0, 0, 1]], [[0, 1, 2], [1, 2, 0]], [[0, 1, 5]], [[0, 1, 2], [1, 0, 2], [0, 2, 1]]]
)
def test_not_a_group(rows):
    assert not is_group(np.array(rows))
