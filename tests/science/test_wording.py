"""Numbers in sentences."""

from __future__ import annotations

import pytest

from aiida_hpaint.science.wording import format_count


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
