from __future__ import annotations

import pytest
from pymatgen.core import Composition

from aiida_hpaint.science.plausibility.charge_balance import find_charge_balances
from aiida_hpaint.science.structures.oxidation_states import find_common_states


def commonest(composition: dict[str, int], element: str = "H", n_max: int = 12) -> int:
    return find_charge_balances(composition, element, n_max)[0].count


@pytest.mark.parametrize(
    ("host", "missing"),
    [
        ({"Mg": 1, "O": 2}, 2),
        ({"Al": 4, "O": 8}, 4),
        ({"Na": 4, "Al": 4}, 16),
        ({"Mg": 2}, 4),
        ({"K": 2, "S": 2}, 2),
        ({"Sr": 2, "Cl": 2, "O": 2}, 2),
        ({"Mg": 1, "O": 1}, 0),
        ({"Ca": 1, "O": 2, "H": 2}, 0),
    ],
)
def test_the_commonest_assignment_has_the_number_of_a_known_crystal(
    host: dict[str, int], missing: int
) -> None:
    assert commonest(host, n_max=16) == missing


def test_every_assignment_is_neutral_and_ordered_by_weight() -> None:
    found = find_charge_balances({"Fe": 2, "O": 4}, "H", 8)
    for one in found:
        charge = sum(one.states[s] * n for s, n in {"Fe": 2, "O": 4}.items())
        assert charge + one.added * one.count == pytest.approx(0)
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)


def test_neutral_hosts_agree_with_pymatgen() -> None:
    for formula in ("Al2O3", "MgAl2O4", "LiFePO4", "BaTiO3", "NaCl"):
        composition = Composition(formula)
        best = find_charge_balances({e.symbol: int(n) for e, n in composition.items()}, "H", 0)[0]
        assert dict(best.states) == composition.oxi_state_guesses()[0]


def test_lithium_is_counted_like_hydrogen() -> None:
    assert commonest({"Co": 1, "O": 2}, "Li", 4) in (1, 2)
    assert {one.count for one in find_charge_balances({"Fe": 1, "P": 1, "O": 4}, "Li", 2)} >= {0, 1}


def test_an_alloy_has_no_assignment() -> None:
    assert find_charge_balances({"Cu": 1, "Zn": 1}, "H", 0) == []
    assert find_charge_balances({"Xe": 1}, "H", 4) == []


def test_states_are_shares_of_ions() -> None:
    shares = find_common_states("Fe")
    assert 0 not in shares
    assert max(shares, key=lambda state: shares[state]) == 3
    assert sum(shares.values()) <= 1


def test_states_in_words() -> None:
    assert find_charge_balances({"Mg": 1, "O": 2}, "H", 2)[0].text("H") == "Mg2+ O2- H1+"
