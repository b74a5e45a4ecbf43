"""Isotopes of the H to insert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aiida_hpaint.science.structures import read_hosts
from aiida_hpaint.science.structures.isotopes import choose_isotope

BRUCITE = Path(__file__).parents[3] / "examples" / "hosts" / "brucite.cif"


@pytest.mark.parametrize(
    ("formula", "isotope", "is_said"),
    [
        ("D2 Mg O2", "D", True),
        ("(ND4)2 SO4", "D", True),
        ("D2 O", "D", True),
        ("D H Mg O2", "", True),
        ("H2 O2 TE", "", False),
        ("DY O2", "", False),
        ("LI O D", "D", True),
    ],
)
def test_isotopes_of_a_formula(formula: str, isotope: str, is_said: bool) -> None:
    host = replace(read_hosts(BRUCITE), metadata=({"formula": formula},))
    found, note = choose_isotope(host)
    assert found == isotope
    assert bool(note) == is_said
