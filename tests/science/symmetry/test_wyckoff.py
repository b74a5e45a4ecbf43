from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.symmetry.wyckoff import combine_orbits


@given(st.integers(0, 10_000))
def test_the_best_sets_are_those_of_a_search_through_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 8))
    sizes, scores = rng.integers(1, 5, size), rng.random(size)
    fit = rng.random((size, size)) < 0.7
    fit = fit & fit.T
    every = itertools.chain.from_iterable(
        itertools.combinations(range(size), k) for k in range(1, size + 1)
    )
    allowed = [
        float(scores[list(chosen)].sum())
        for chosen in every
        if sizes[list(chosen)].sum() == 6
        and all(fit[a, b] for a, b in itertools.combinations(chosen, 2))
    ]
    found = combine_orbits(sizes, scores, fit, 6, 5)
    assert [float(scores[list(chosen)].sum()) for chosen in found] == pytest.approx(
        sorted(allowed, reverse=True)[:5]
    )
