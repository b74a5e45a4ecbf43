"""File names made of labels that strangers chose."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures import make_safe_name, make_safe_names


@given(st.lists(st.text()))
def test_names_are_plain_and_different(labels: list[str]) -> None:
    names = make_safe_names(labels)
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_-]*", name) for name in names)
    assert len({name.lower() for name in names}) == len(labels)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("Mg(OH)2", "Mg_OH_2"),
        ("../../etc/passwd", "etc_passwd"),
        ("mp-1265", "mp-1265"),
        ("--help", "help"),
        ("水", "structure"),
        ("", "structure"),
        ("a" * 300, "a" * 80),
    ],
)
def test_labels_become_names(label: str, name: str) -> None:
    assert make_safe_name(label) == name


def test_taken_names_are_avoided() -> None:
    assert make_safe_name("MgO", {"mgo", "MgO_2"}) == "MgO_3"
    assert make_safe_names(["a", "A", "a_2", "a"]) == ["a", "A_2", "a_2_2", "a_3"]
