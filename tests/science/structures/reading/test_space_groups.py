"""Names of space groups: every spelling of a setting leads to it."""

from __future__ import annotations

import re

import gemmi
import numpy as np
import pytest
import spglib

from aiida_hpaint.science.structures.reading.operations import from_gemmi, same_operations
from aiida_hpaint.science.structures.reading.space_groups import (
    describe_settings,
    find_settings,
    list_settings,
    parse_hall,
    split_symbol,
)
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations

STANDARD = list(gemmi.spacegroup_table_itb())


def names(text: str) -> list[str]:
    """The settings of the best reading of a symbol."""
    tiers = find_settings(split_symbol(text))
    return [setting.name for setting in tiers[0]] if tiers else []


@pytest.mark.parametrize("group", STANDARD, ids=lambda group: group.xhm())
def test_every_setting_is_found_by_its_symbol(group: gemmi.SpaceGroup) -> None:
    without_spaces = group.xhm().replace(" ", "")
    brackets = re.sub(r"(?<=[2346])([1-5])(?=[ /]|$)", r"(\1)", group.hm)
    for text in (group.xhm(), without_spaces, group.xhm().upper(), f" {group.xhm()} "):
        assert names(text) == [group.xhm()]
    assert group.xhm() in names(brackets)


@pytest.mark.parametrize("hall", range(1, 531, 7))
def test_full_symbols_of_spglib_are_known(hall: int) -> None:
    kind = spglib.get_spacegroup_type(hall)
    assert kind is not None
    found = [each for tier in find_settings(split_symbol(kind.international_full)) for each in tier]
    oracle = spglib.get_symmetry_from_database(hall)
    assert oracle is not None
    expected = SymmetryOperations(np.eye(3), oracle["rotations"], oracle["translations"])
    groups = [parse_hall(each.hall) for each in found]
    assert any(
        same_operations(from_gemmi(np.eye(3), group), expected)
        for group in groups
        if group is not None
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("P2(1)/n", ["P 1 21/n 1"]),
        ("P 2(1) 2(1) 2(1)", ["P 21 21 21"]),
        ("P12(1)/c1", ["P 1 21/c 1"]),
        ("P6<sub>3</sub>/mmc", ["P 63/m m c"]),
        ("P2<SUB>1</SUB>/c", ["P 1 21/c 1"]),
        ("P6₃/m", ["P 63/m"]),
        ("P2~1~/c", ["P 1 21/c 1"]),
        ("P 1̄", ["P -1"]),
        ("P \u22121", ["P -1"]),
        ("C2/c (No. 15)", ["C 1 2/c 1"]),
        ("C2/c (15)", ["C 1 2/c 1"]),
        ("P3bar m1", ["P -3 m 1"]),
        ("I4bar2d", ["I -4 2 d"]),
        (r"F d \bar{3} c:2", ["F d -3 c:2"]),
        (r"$R\overline{3}c$ (hexagonal axes)", ["R -3 c:H"]),
        ("I 2/a", ["I 1 2/a 1"]),
        ("P 1 21/c 1:b1", ["P 1 21/c 1"]),
        ("P m 3 m", ["P m -3 m"]),
        ("Ia3d", ["I a -3 d"]),
        ("C m c e", ["C m c a"]),
        ("P 4/n 2/m 2/m (origin choice 2)", ["P 4/n m m:2"]),
        ("P 4/n 21/m 2/m", ["P 4/n m m:1", "P 4/n m m:2"]),
        ("P -3 2/m 1", ["P -3 m 1"]),
        ("F 4/m -3 2/m", ["F m -3 m"]),
        ("F d -3 m Z", ["F d -3 m:2"]),
        ("F d -3 m S", ["F d -3 m:1"]),
        ("F d 3 m :1", ["F d -3 m:1"]),
        ("P n -3 n O2", ["P n -3 n:2"]),
        ("R -3 m", ["R -3 m:H", "R -3 m:R"]),
        ("R -3 m h", ["R -3 m:H"]),
        ("R -3 c (hexagonal axes)", ["R -3 c:H"]),
        ("I 41/a c d %var1%", ["I 41/a c d:1", "I 41/a c d:2"]),
        ("C -1", ["C -1"]),
        ("P 21/b", ["P 1 1 21/b", "P 21/b 1 1"]),
        ("Xmc21", []),
        ("P x y z", []),
        ("", []),
    ],
)
def test_common_spellings(text: str, expected: list[str]) -> None:
    assert names(text) == expected


def test_the_number_beside_a_symbol_is_kept() -> None:
    assert split_symbol("C2/c (No. 15)").number == 15
    assert split_symbol("C2/c").number is None


def test_settings_by_number_are_those_of_the_tables() -> None:
    for number in (1, 14, 62, 129, 166, 225):
        oracle = [group.xhm() for group in STANDARD if group.number == number]
        assert [setting.name for setting in list_settings(number)] == oracle
    assert describe_settings(list_settings(14)).endswith(", ...")


@pytest.mark.parametrize(
    ("hall", "size"),
    [("-P 2yn", 4), ("-P2ybc", 4), ('-R 3 2"c', 36), (" P 1", 1), ("-F 4 2 3", 192)],
)
def test_hall_symbols(hall: str, size: int) -> None:
    group = parse_hall(hall)
    assert group is not None
    assert len(group) == size


@pytest.mark.parametrize("hall", ["Xmc21", "", "?", "-P 2yq"])
def test_what_is_no_hall_symbol(hall: str) -> None:
    assert parse_hall(hall) is None
