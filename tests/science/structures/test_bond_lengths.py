"""Lengths of bonds of unit valence, compared with pymatgen."""

from __future__ import annotations

import math

import pytest

from aiida_hpaint.science.structures.bond_lengths import find_bond_length


@pytest.mark.parametrize(("cation", "anion"), [("Mg", "F"), ("H", "N"), ("Cs", "I")])
def test_bonds_without_oxygen_have_the_parameters_of_pymatgen(cation: str, anion: str) -> None:
    from pymatgen.analysis.bond_valence import BV_PARAMS
    from pymatgen.core import Element

    one, two = BV_PARAMS[Element(cation)], BV_PARAMS[Element(anion)]
    root = math.sqrt(one["c"]) - math.sqrt(two["c"])
    weight = one["c"] * one["r"] + two["c"] * two["r"]
    expected = one["r"] + two["r"] - one["r"] * two["r"] * root**2 / weight
    assert find_bond_length(cation, 1, anion) == pytest.approx(expected, rel=1e-12)


def test_an_element_without_parameters_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        find_bond_length("He", 0, "F")
