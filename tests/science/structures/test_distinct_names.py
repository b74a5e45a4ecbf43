"""Names that tell structures of equal names apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures.distinct_names import make_distinct


def test_folders_come_first_and_then_numbers() -> None:
    assert make_distinct(["a", "b"], ["x", "x"]) == ["a", "b"]
    assert make_distinct(["h", "h", "i"], ["x", "y", "y"]) == ["x/h", "y/h", "i"]
    assert make_distinct(["h", "h"], ["", "x"]) == ["h", "x/h"]
    assert make_distinct(["h", "h"], ["a/x", "b/x"]) == ["a/x/h", "b/x/h"]
    assert make_distinct(["h", "h"], ["x", "/x"]) == ["x/h", "/x/h"]
    assert make_distinct(["h", "h"]) == ["h", "h-2"]
    assert make_distinct(["h", "h", "h"], ["x", "y", "x"]) == ["x/h", "y/h", "x/h-2"]
    assert make_distinct(["h", "h-2", "h"]) == ["h", "h-2", "h-3"]


def test_what_stands_for_the_same_keeps_its_name() -> None:
    assert make_distinct(["h", "h", "h"], owners=[0, 1, 0]) == ["h", "h-2", "h"]


def test_folders_cannot_write_to_terminals() -> None:
    assert make_distinct(["h", "h"], ["\x1b[2J", "x"]) == ["\\x1b[2J/h", "x/h"]


_NAMES = st.sampled_from(["h", "h-2", "x/h", "h-3", "i"])
_FOLDERS = st.sampled_from(["", "x", "a/x", "b/x", "/x"])


@given(st.lists(st.tuples(_NAMES, _FOLDERS), max_size=8))
def test_all_names_differ_and_those_that_did_stay(pairs: list[tuple[str, str]]) -> None:
    names = [name for name, _ in pairs]
    found = make_distinct(names, [folder for _, folder in pairs])
    assert len(set(found)) == len(found)
    for name, new in zip(names, found, strict=True):
        assert new == name if names.count(name) == 1 else name in new
