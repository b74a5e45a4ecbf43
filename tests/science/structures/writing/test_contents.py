"""Formulas of new blocks are those of the formula units of the source."""

from __future__ import annotations

from collections import Counter

import gemmi
import pytest

from aiida_hpaint.science.structures.writing.contents import edit_formula


@pytest.mark.parametrize(
    ("units", "formula", "written"),
    [(2.0, "C2 H6 O6", "2"), (None, "C H3 O3", "4"), (3.0, "C H3 O3", "4")],
)
def test_the_units_of_a_source_without_formula(
    units: float | None, formula: str, written: str
) -> None:
    block = gemmi.cif.Block("oxalic")
    assert edit_formula(block, Counter(C=4, H=12, O=12), ["H"], units) == ()
    assert gemmi.cif.as_string(block.find_value("_chemical_formula_sum")) == formula
    assert block.find_value("_cell_formula_units_Z") == written
