"""Formulas as text are counted as pymatgen counts them, and those of CIFs besides."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from aiida_hpaint.science.structures.budget.formula_text import (
    has_only_water,
    parse_formula,
    read_formula,
)

ELEMENTS = ("H", "C", "N", "O", "Mg", "Si", "Ca", "Fe", "Co")


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("H2 Mg O2", {"H": 2, "Mg": 1, "O": 2}),
        ("Mg (O H)2", {"Mg": 1, "O": 2, "H": 2}),
        ("Mg 2+, 2(H O -)", {"Mg": 1, "O": 2, "H": 2}),
        ("Ca S O4 . 2H2 O", {"Ca": 1, "S": 1, "O": 6, "H": 4}),
        ("{[Zn(C8H4O4)].3H2O}n", {"Zn": 1, "C": 8, "H": 10, "O": 7}),
        ("(C8 H4 Zn)n, n(H2 O)", {"C": 8, "H": 6, "Zn": 1, "O": 1}),
        ("Cu Al (O4 F) H5", {"Cu": 1, "Al": 1, "O": 4, "F": 1, "H": 5}),
        ("C12 H10 N2 2+, 2(Cl O4 1-), .5(C H4 O)", None),
        ("D2 O", {"H": 2, "O": 1}),
        ("Na.35 (Al1.6 Mg.4) F6", {"Na": 0.35, "Al": 1.6, "Mg": 0.4, "F": 6}),
        ("MgO.5H2O", {"Mg": 1, "O": 6, "H": 10}),
        ("Mg1.9Fe0.1SiO4", {"Mg": 1.9, "Fe": 0.1, "Si": 1, "O": 4}),
    ],
)
def test_formulas_of_cifs_are_read(text: str, counts: dict[str, float] | None) -> None:
    expected = counts or {"C": 12.5, "H": 12, "N": 2, "Cl": 2, "O": 8.5}
    assert parse_formula(text) == pytest.approx(expected)


def test_a_dot_has_two_readings() -> None:
    decimal, separator = read_formula("CaSO4.2H2O")
    assert decimal == pytest.approx({"Ca": 1, "S": 1, "O": 5.2, "H": 2})
    assert separator == pytest.approx({"Ca": 1, "S": 1, "O": 6, "H": 4})
    assert read_formula("C6 H6 x 2(H2 O)") == [{"C": 6, "H": 10, "O": 2}]
    assert read_formula("2x(H2 O)") == [{"H": 4, "O": 2}]
    assert len(read_formula("Na.35 (Al1.6 Mg.4) F6")) == 1


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("CaSO~4~.2H~2~O", {"Ca": 1, "S": 1, "O": 6, "H": 4}),
        ("Cu^2+^ SO~4~^2-^ . 5H~2~O", {"Cu": 1, "S": 1, "O": 9, "H": 10}),
        ("CaSO\u2084\u00b72H\u2082O", {"Ca": 1, "S": 1, "O": 6, "H": 4}),
        ("Fe<sub>2</sub>O<sub>3</sub>", {"Fe": 2, "O": 3}),
        ("CA H4 O6 S", {"Ca": 1, "H": 4, "O": 6, "S": 1}),
    ],
)
def test_typeset_formulas_and_capitals_are_read(text: str, counts: dict[str, float]) -> None:
    assert counts in [pytest.approx(one) for one in read_formula(text)]


def test_elements_that_are_there_no_times_are_none() -> None:
    """The dot of Na0.8CoO2 may also begin a part: `Na0 . 8CoO2`."""
    assert read_formula("Na0.8CoO2") == [{"Na": 0.8, "Co": 1, "O": 2}, {"Co": 8, "O": 16}]


def test_capitals_are_elements_or_several() -> None:
    assert read_formula("CU O") == [{"C": 1, "U": 1, "O": 1}, {"Cu": 1, "O": 1}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cu 2+, S O4 2-, 5(H2 O)", True),
        ("CuSO4.5H2O", True),
        ("K Al (S O4)2 (D2 O)12", True),
        ("H2 O", True),
        ("C2 H2 O4, 2(H2 O)", False),
        ("H10 Cu O9 S", False),
        ("Mg (O H)2", False),
        ("Ca C O3", False),
        ("poly", False),
    ],
)
def test_formulas_that_have_h_in_water_only(text: str, expected: bool) -> None:
    assert has_only_water(text) == expected


@pytest.mark.parametrize(
    "text", ["C6 H6, x(H2 O)", "Al2O3.xH2O", "Ca3 Co2-xMnxO6", "Ca3 Co2 -x Mn x O6"]
)
def test_an_unknown_number_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="does not say how many x are"):
        read_formula(text)


@given(
    st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 40), min_size=1), st.integers(2, 9)
)
def test_brackets_agree_with_pymatgen(counts: dict[str, int], factor: int) -> None:
    inner = " ".join(f"{element}{count}" for element, count in counts.items())
    text = f"Na2 ({inner}){factor}"
    expected = Composition(text).get_el_amt_dict()
    assert parse_formula(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["poly", "", "H2 Xx", "(H2 O", "H2 O)", "H2 O 3 4", "?"])
def test_what_is_no_formula_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="formula"):
        parse_formula(text)
