from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pinballs import random_sites
from pymatgen.analysis.ewald import EwaldSummation
from pymatgen.core import Structure
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.electrostatics.ewald import COULOMB, compute_ewald_energies

pytestmark = pytest.mark.numerics

seeds = st.integers(0, 10**6)
few = settings(max_examples=15, deadline=None)


def total(ewald, charges):
    """Energy of charges by their pairs, each neutralised by its own background."""
    pairs = charges @ ewald.pairs @ charges / 2
    return pairs + (charges**2).sum() * ewald.own


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("charged", [True, False])
def test_energy_is_that_of_pymatgen(seed, charged):
    frac, _, cell = random_sites(seed, 6, volume=9.0)
    charges = np.array([1, 1, 2, 1, 1, 3]) if charged else np.array([1, -1, 2, -2, 1, -1])
    structure = Structure(cell, ["H"] * 6, frac, site_properties={"charge": charges})
    structure.add_oxidation_state_by_site(charges.tolist())
    expected = EwaldSummation(structure, acc_factor=14).total_energy
    assert total(compute_ewald_energies(frac, cell), charges) == pytest.approx(expected, abs=1e-5)


def test_pairs_are_what_pymatgen_says_of_two_charges():
    frac, _, cell = random_sites(3, 5, volume=9.0)
    ewald = compute_ewald_energies(frac, cell)
    for first, second in [(0, 1), (2, 4), (3, 0)]:
        two = Structure(cell, ["H+", "H+"], frac[[first, second]])
        expected = EwaldSummation(two, acc_factor=14).total_energy
        assert ewald.pairs[first, second] + 2 * ewald.own == pytest.approx(expected, abs=1e-5)


def test_a_charge_alone_in_a_cube():
    # The Madelung constant of the simple cubic lattice in its background.
    ewald = compute_ewald_energies(np.array([[0.3, 0.1, 0.7]]), 4.0 * np.eye(3))
    assert ewald.own == pytest.approx(-2.837297479 / 2 * COULOMB / 4.0, rel=1e-9)
    assert ewald.pairs.tolist() == [[0.0]]


@pytest.mark.parametrize(
    ("frac", "charges", "distance", "madelung"),
    [
        # Rock salt, 8 ions; caesium chloride, 2 ions.
        (
            np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) / 2,
            np.array([(-1) ** (i + j + k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]),
            0.5,
            1.7475645946,
        ),
        (np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), np.array([1, -1]), 0.75**0.5, 1.7626747731),
    ],
)
def test_madelung_constants(frac, charges, distance, madelung):
    energy = total(compute_ewald_energies(frac, 5.0 * np.eye(3)), charges)
    ions = len(charges) / 2
    assert energy == pytest.approx(-madelung * COULOMB / (5.0 * distance) * ions, rel=1e-9)


@few
@given(seeds)
def test_rotation_translation_and_permutation_change_nothing(seed):
    generator = np.random.default_rng(seed)
    frac, _, cell = random_sites(seed, 5)
    before = compute_ewald_energies(frac, cell)
    turned = cell @ Rotation.random(random_state=seed).as_matrix().T
    order = generator.permutation(5)
    images = generator.integers(-3, 4, size=(5, 3))
    after = compute_ewald_energies((frac + generator.random(3) + images)[order], turned)
    np.testing.assert_allclose(after.pairs, before.pairs[np.ix_(order, order)], atol=1e-9)
    assert after.own == pytest.approx(before.own, abs=1e-9)


@few
@given(seeds)
def test_another_cell_of_the_same_lattice_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    frac, _, cell = random_sites(seed, 4)
    change = np.eye(3, dtype=int)
    for _ in range(2):
        first, second = generator.permutation(3)[:2]
        change[first] += generator.integers(-2, 3) * change[second]
    before = compute_ewald_energies(frac, cell)
    after = compute_ewald_energies(frac @ np.linalg.inv(change), change @ cell)
    np.testing.assert_allclose(after.pairs, before.pairs, atol=1e-9)
    assert after.own == pytest.approx(before.own, abs=1e-9)


@few
@given(seeds, st.sampled_from([(2, 1, 1), (1, 3, 1), (2, 1, 2)]))
def test_supercells_cost_as_much_as_their_cells(seed, repeats):
    frac, _, cell = random_sites(seed, 3)
    offsets = np.stack(np.meshgrid(*map(np.arange, repeats), indexing="ij"), -1).reshape(-1, 3)
    many = ((frac + offsets[:, None]) / repeats).reshape(-1, 3)
    once = total(compute_ewald_energies(frac, cell), np.ones(3))
    more = total(
        compute_ewald_energies(many, cell * np.array(repeats)[:, None]), np.ones(len(many))
    )
    assert more == pytest.approx(len(offsets) * once, abs=1e-8)


def test_long_thin_cells():
    cell = np.diag([1.5, 2.0, 40.0])
    frac = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.1, 0, 0.01]])
    expected = EwaldSummation(Structure(cell, ["H+"] * 3, frac), acc_factor=14).total_energy
    assert total(compute_ewald_energies(frac, cell), np.ones(3)) == pytest.approx(
        expected, abs=1e-5
    )


def test_charges_close_to_each_other_repel_as_if_they_were_alone():
    frac = np.array([[0, 0, 0], [0.001, 0, 0]])
    ewald = compute_ewald_energies(frac, 10.0 * np.eye(3))
    assert ewald.pairs[0, 1] - 2 * ewald.own == pytest.approx(COULOMB / 0.01, rel=1e-6)
