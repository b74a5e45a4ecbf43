"""Tables of answers: what valence an atom is expected to have."""

from __future__ import annotations

import pytest

from aiida_hpaint.science.report.geometry import is_protonated


@pytest.mark.parametrize(
    ("symbol", "neighbours", "expected"),
    [
        ("N", [1, 1, 1, 1], True),
        ("N", [6, 1, 1, 1], True),
        ("N", [6, 6, 6, 6], False),
        ("N", [27, 1, 1, 1], False),
        ("N", [6, 1, 1], False),
        ("O", [1, 1, 1], True),
        ("O", [14, 14, 14], False),
        ("C", [1, 1, 1, 1], False),
    ],
)
def test_ammonium_and_hydronium_have_one_bond_more(
    symbol: str, neighbours: list[int], expected: bool
) -> None:
    assert is_protonated(symbol, neighbours) is expected
