"""Labels of inserted sites: after the parent, unique, and no other element."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures.writing.site_labels import (
    label_hydrogens,
    label_plainly,
    label_split_site,
)

LABELS = st.text("ABCHNOWabhow0123456789-'_", min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("parent", "symbol", "count", "expected"),
    [
        ("O1", "O", 1, ["H1"]),
        ("O1", "O", 2, ["H1A", "H1B"]),
        ("OW", "O", 2, ["HWA", "HWB"]),
        ("Ow4", "O", 2, ["HW4A", "HW4B"]),
        ("O", "O", 1, ["H"]),
        ("N", "N", 2, ["H1", "H2"]),
        ("O-H1", "O", 1, ["H1"]),
        ("O-H", "O", 1, ["H"]),
        ("Wat2", "O", 2, ["HWat2A", "HWat2B"]),
        ("C11", "C", 3, ["H11A", "H11B", "H11C"]),
    ],
)
def test_hydrogen_is_labelled_after_its_parent(
    parent: str, symbol: str, count: int, expected: list[str]
) -> None:
    assert label_hydrogens(parent, symbol, count, [parent]) == expected


def test_deuterium_is_not_named_twice() -> None:
    assert label_hydrogens("OD2", "O", 2, ["OD2"], "D") == ["D2A", "D2B"]
    assert label_hydrogens("OD2", "O", 1, ["OD2"]) == ["HD2"]


def test_a_taken_label_is_followed_by_the_element() -> None:
    assert label_hydrogens("N1", "N", 1, ["N1", "C1", "H1"]) == ["H1N"]
    assert label_hydrogens("N1", "N", 1, ["h1", "h1n"]) == ["H1N_2"]
    assert label_plainly("H", ["H1", "h2"]) == "H3"
    assert label_split_site("Mg1", ["Mg1", "Mg1_2"]) == "Mg1_3"


@given(parent=LABELS, count=st.integers(1, 30), taken=st.lists(LABELS, max_size=8))
def test_labels_are_new_and_of_hydrogen(parent: str, count: int, taken: list[str]) -> None:
    found = label_hydrogens(parent, "O", count, taken)
    assert len({label.upper() for label in found}) == count
    assert {label.upper() for label in found}.isdisjoint(label.upper() for label in taken)
    assert all(label[0] == "H" and not label[1:2].islower() for label in found)
