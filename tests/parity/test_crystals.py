"""The crystals are what the comparison promises."""

from __future__ import annotations

import numpy as np

from .crystals import load_cases


def test_fifty_crystals_of_all_sizes() -> None:
    cases = load_cases()
    assert len(cases) == 50
    assert {len(case.numbers) for case in cases} == set(range(1, 21))


def test_one_atom_cells_skewed_cells_and_ties_are_among_them() -> None:
    cases = load_cases()
    assert sum(len(case.numbers) == 1 for case in cases) >= 5
    angles = [np.abs(np.corrcoef(case.cell)[np.triu_indices(3, 1)]).max() for case in cases]
    assert max(angles) > 0.9
    assert sum(case.gap < 1e-9 for case in cases) >= 10
    assert sum(case.gap > 1e-5 for case in cases) >= 10
