from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from pymatgen.core import Element, Structure
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

from aiida_hpaint.science.benchmark.analyses.fingerprints import (
    find_nearest,
    fingerprint_compositions,
    fingerprint_structure,
    read_formula,
)

FORMULAS = ("H2MgO2", "HNiO2", "H16B2N2", "H4Li8N4", "Fe2Mg", "ClNa")


def test_distances_of_compositions_are_those_of_the_earth_mover() -> None:
    numbers = [read_formula(formula) for formula in FORMULAS]
    found = cdist(*[fingerprint_compositions(numbers)] * 2, "cityblock")
    places = [[Element.from_Z(z).mendeleev_no for z in some] for some in numbers]
    expected = [[wasserstein_distance(one, other) for other in places] for one in places]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_formulas_are_read_as_pymatgen_reads_them() -> None:
    for formula in FORMULAS:
        composition = Structure.from_sites(
            [
                site
                for z in read_formula(formula)
                for site in Structure(np.eye(3), [int(z)], [[0, 0, 0]])
            ]
        ).composition
        assert composition == composition.__class__(formula)


@pytest.mark.parametrize("skew", [0.0, 1.7])
def test_average_minimum_distances_are_those_of_pymatgens_neighbours(skew: float) -> None:
    rng = np.random.default_rng(4)
    cell = np.array([[3.0, 0, 0], [skew, 4.5, 0], [0.3, -skew, 9.0]])
    frac = rng.random((6, 3)) * 3 - 1
    found = fingerprint_structure(cell, frac, 40)
    near = Structure(cell, ["O"] * 6, frac).get_all_neighbors(2 * found[-1])
    expected = np.mean([np.sort([one.nn_distance for one in of])[:40] for of in near], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_fingerprint_does_not_depend_on_the_cell() -> None:
    primitive, cubic = bulk("NaCl", "rocksalt", 5.6), bulk("NaCl", "rocksalt", 5.6, cubic=True)
    one, other = (
        fingerprint_structure(np.array(some.cell), some.get_scaled_positions())
        for some in (primitive, cubic)
    )
    np.testing.assert_allclose(one, other, rtol=1e-10)
    assert one[:6] == pytest.approx(2.8)
    distance, place = find_nearest(one[None], np.array([one + 0.5, other]), "chebyshev")
    assert (distance[0], place[0]) == (pytest.approx(0, abs=1e-9), 1)
