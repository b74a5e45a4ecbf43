"""Elements from type symbols and labels: the known ones are read, the others asked for."""

from __future__ import annotations

import pytest
from ase.data import chemical_symbols
from hypothesis import example, given
from hypothesis import strategies as st

from aiida_hpaint.science.structures.reading.site_elements import (
    TypeSymbol,
    choose_element,
    list_readings,
    parse_type_symbol,
)

COMMON = [s for s in chemical_symbols[1:97] if s not in ("Ho", "Os", "W", "Am")]


@given(
    symbol=st.sampled_from(chemical_symbols[1:]),
    charge=st.integers(1, 7),
    sign=st.sampled_from("+-"),
    form=st.sampled_from(["{s}{c}{g}", "{s}{g}{c}"]),
)
@example("Nh", 2, "+", "{s}{c}{g}")
@example("Nh", 4, "+", "{s}{c}{g}")
def test_types_with_charges(symbol: str, charge: int, sign: str, form: str) -> None:
    (found,) = parse_type_symbol(form.format(s=symbol, c=charge, g=sign))
    assert found.symbol == symbol
    assert found.charge == (charge if sign == "+" else -charge)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("O", [TypeSymbol("O")]),
        ("CL", [TypeSymbol("Cl")]),
        ("C1", [TypeSymbol("C")]),
        ("D", [TypeSymbol("D")]),
        ("O-", [TypeSymbol("O", charge=-1)]),
        ("Fe2.5+", [TypeSymbol("Fe", charge=2.5)]),
        ("OH2", [TypeSymbol("O", hydrogens=2)]),
        ("OH-", [TypeSymbol("O", hydrogens=1)]),
        ("OH1-", [TypeSymbol("O", hydrogens=1)]),
        ("O2-(H2O)", [TypeSymbol("O", hydrogens=2)]),
        ("N3-(NH4)", [TypeSymbol("N", hydrogens=4)]),
        ("O2-(H2)", []),
        ("NH4+", [TypeSymbol("N", hydrogens=4)]),
        ("nh4+", [TypeSymbol("N", hydrogens=4)]),
        ("Nh4", [TypeSymbol("Nh")]),
        ("OH", [TypeSymbol("O", hydrogens=1)]),
        ("O-H", [TypeSymbol("O", hydrogens=1)]),
        ("Wat", [TypeSymbol("O", hydrogens=2)]),
        ("H2O", [TypeSymbol("O", hydrogens=2)]),
        ("H3O", [TypeSymbol("O", hydrogens=3)]),
        ("NH4", [TypeSymbol("N", hydrogens=4)]),
        ("0.75Mg + 0.25Fe", [TypeSymbol("Mg", 0.75), TypeSymbol("Fe", 0.25)]),
        ("0.5Fe2+, 0.5Mg2+", [TypeSymbol("Fe", 0.5, 2), TypeSymbol("Mg", 0.5, 2)]),
        ("Mg0.75Fe0.25", [TypeSymbol("Mg", 0.75), TypeSymbol("Fe", 0.25)]),
        ("0.6Si", [TypeSymbol("Si", 0.6)]),
    ],
)
def test_types_of_all_kinds(text: str, expected: list[TypeSymbol]) -> None:
    assert parse_type_symbol(text) == expected


@pytest.mark.parametrize("text", ["X", "M", "Si/Al", "AA", "Fe,Mg", "?", "", "0.5Q", "Dum", "H H"])
def test_types_that_are_none(text: str) -> None:
    assert parse_type_symbol(text) == []


@given(symbol=st.sampled_from(COMMON), number=st.integers(1, 99), suffix=st.sampled_from("AB'*"))
def test_common_elements_need_no_formula(symbol: str, number: int, suffix: str) -> None:
    for label in (symbol, f"{symbol}{number}", f"{symbol}{number}{suffix}", f"{symbol}({number})"):
        assert choose_element(label).symbol == symbol


@pytest.mark.parametrize(
    ("label", "symbol"),
    [
        *((label, "O") for label in ("O-H", "O-H1", "OH1", "Oh", "Ow", "OW1", "O1W", "O_w", "Oa")),
        *((label, "O") for label in ("Wat", "Wat2", "WatOW", "WatII*", "H2O", "Aq1", "OSi1")),
        *((label, "O") for label in ("OIII", "O(h1)", "H3O", "OU2")),
        *((label, "H") for label in ("Hw1", "Hh", "H(W)", "HOh1", "H1A")),
        *((label, "N") for label in ("NH4", "NH41", "NH")),
        ("CaM2", "Ca"),
        ("FeMe", "Fe"),
        ("SiT", "Si"),
        ("MG1", "Mg"),
        ("NaI", "Na"),
        ("D2", "D"),
        ("DZW2*", "D"),
    ],
)
def test_labels_of_databases(label: str, symbol: str) -> None:
    found = choose_element(label)
    assert found.symbol == symbol
    assert found.is_plain


@pytest.mark.parametrize(
    ("label", "first", "second"),
    [
        ("W1", "W", "O"),
        ("Ho1", "Ho", "H"),
        ("No1", "No", "N"),
        ("Og1", "Og", "O"),
        ("Nh1", "Nh", "N"),
        ("Cn1", "Cn", "C"),
        ("Os2", "Os", "O"),
        ("Am1", "Am", "N"),
        ("CA1", "Ca", "C"),
        ("SI2", "Si", "S"),
        ("HO1", "Ho", "H"),
    ],
)
def test_labels_that_can_mean_two_elements(label: str, first: str, second: str) -> None:
    assert choose_element(label).symbol is None
    assert list_readings(label)[0] == first
    assert second in list_readings(label)
    for symbol in (first, second):
        found = choose_element(label, {symbol, "K"})
        assert found.symbol == symbol
        assert found.is_plain is (symbol == first)
    both = {first, second}
    assert choose_element(label, both, [label, f"{second}2", f"{second}1"]).symbol == first
    assert choose_element(label, both, [label, f"{first}9", f"{label[:2]}7x"]).symbol in (
        first,
        None,
    )


def test_elements_that_the_formula_lacks_are_asked_for() -> None:
    assert choose_element("Y1", {"Al", "O"}).symbol is None
    assert choose_element("Cd1", {"C", "O"}).symbol == "C"
    assert choose_element("Cd1", {"C", "Cd"}).symbol == "Cd"


def test_numbered_hydrogens_of_an_oxygen_are_no_water() -> None:
    others = ["O3w", "H1O3w", "H2O3w", "Na1"]
    assert choose_element("H2O3w", {"H", "O", "Na"}, others).symbol == "H"
    assert choose_element("H1O3w", {"H", "O", "Na"}, others).symbol == "H"
    assert choose_element("H2O1", {"H", "O", "Na"}, ["H2O1", "Na1"]).symbol == "O"


@pytest.mark.parametrize("label", ["M1", "T1", "Ts1", "A", "X", "Dum1", "vac", "?", "1", "Q1", ""])
def test_labels_that_name_no_element(label: str) -> None:
    assert choose_element(label).symbol is None
    assert choose_element(label, {"O", "Si"}).symbol is None


@pytest.mark.parametrize(("label", "charge"), [("Fe3+M1", 3), ("O2-", -2), ("Fe2", None)])
def test_charges_in_labels(label: str, charge: float | None) -> None:
    assert choose_element(label).charge == charge
