"""Numbers in sentences."""

from __future__ import annotations

import pytest

from aiida_hpaint.science.wording import format_count, list_by_label


@pytest.mark.parametrize(
    ("number", "words", "expected"),
    [
        (0, ("record",), "0 records"),
        (1, ("record",), "1 record"),
        (2, ("record",), "2 records"),
        (1, ("H is", "H are"), "1 H is"),
        (4, ("H is", "H are"), "4 H are"),
    ],
)
def test_what_is_counted_agrees_with_its_number(
    number: int, words: tuple[str, ...], expected: str
) -> None:
    assert format_count(number, *words) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"C1": 3, "C7": 1, "C8": 1, "C9": 1, "C10": 1}, "C1 3, C7 to C10 1 each"),
        ({"C1": 1, "C2": 1, "C3": 1, "N4": 1}, "C1 1, C2 1, C3 1, N4 1"),
        ({f"C{n}": 1 + (n > 4) for n in range(1, 10)}, "C1 to C4 1 each, C5 to C9 2 each"),
        ({"Ow": 2, "OH": 1, "O01": 1, "C1A": 1, "C2A": 1}, "Ow 2, OH 1, O01 1, C1A 1, C2A 1"),
        ({}, ""),
    ],
)
def test_many_labels_in_a_row_are_given_by_their_ends(
    counts: dict[str, int], expected: str
) -> None:
    assert list_by_label(counts) == expected
