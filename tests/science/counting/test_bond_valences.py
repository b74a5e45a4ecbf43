from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.counting.bond_valences import (
    Bonds,
    find_missing_valences,
    rate_agreement,
)
from aiida_hpaint.science.plausibility.charge_balance import find_charge_balances
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.bond_lengths import find_bond_length, has_parameters


def test_rock_salt_has_full_valences(rock_salt: StructureBatch) -> None:
    balance = find_charge_balances({"Mg": 1, "O": 1}, "H", 0)[0]
    sums = Bonds.from_host(rock_salt).sum_valences(balance)
    assert sums == pytest.approx([2, 2], abs=0.2)
    assert rate_agreement(Bonds.from_host(rock_salt), balance) > 0.5


def test_each_oxygen_of_brucite_lacks_one_unit(brucite_host: StructureBatch) -> None:
    bonds = Bonds.from_host(brucite_host)
    balance = find_charge_balances({"Mg": 1, "O": 2}, "H", 2)[0]
    lacking = find_missing_valences(bonds, balance)
    assert sorted(lacking) == [1, 2]
    assert list(lacking.values()) == pytest.approx([1, 1], abs=0.2)
    assert rate_agreement(bonds, balance) > 0.8


def test_bond_lengths_agree_with_brown_and_altermatt() -> None:
    # Acta Crystallogr. B 41, 244 (1985); computed cells are a little larger.
    for cation, state, published in (
        ("Al", 3, 1.651),
        ("Si", 4, 1.624),
        ("Mg", 2, 1.693),
        ("Fe", 2, 1.734),
        ("Fe", 3, 1.759),
        ("P", 5, 1.617),
    ):
        assert find_bond_length(cation, state, "O") == pytest.approx(published, abs=0.035)


def test_elements_without_parameters_are_known() -> None:
    assert has_parameters({"Mg", "O"})
    assert not has_parameters({"Pt", "Cl"})


@settings(max_examples=10)
@given(seed=st.integers(0, 1000))
def test_rotations_order_and_images_do_not_matter(seed: int) -> None:
    from aiida_hpaint.science.structures import read_hosts

    from .conftest import HOSTS

    host = read_hosts(HOSTS / "diaspore.cif")
    rng = np.random.default_rng(seed)
    order = rng.permutation(host.n_sites)
    frac = host.frac_coords[order] + rng.integers(-2, 3, (host.n_sites, 3)) + rng.random(3)
    turn = Rotation.random(random_state=seed).as_matrix()
    other = StructureBatch(
        host.labels, host.cells @ turn, host.site_counts, host.numbers[order], frac,
        host.inserted[order],
    )  # fmt: skip
    balance = find_charge_balances({"Al": 4, "O": 8}, "H", 4)[0]
    expected = Bonds.from_host(host).sum_valences(balance)[order]
    np.testing.assert_allclose(Bonds.from_host(other).sum_valences(balance), expected, atol=1e-8)
