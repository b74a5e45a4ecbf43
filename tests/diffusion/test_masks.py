from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.diffusion.masks import MaskSettings, draw_mask

species = st.lists(st.sampled_from([1, 6, 8, 12]), min_size=1, max_size=12).map(np.array)


@given(species, st.integers(0, 1000), st.sampled_from(["task", "uniform"]))
def test_something_is_always_hidden(numbers: np.ndarray, seed: int, kind: str) -> None:
    settings = MaskSettings(kind=kind)
    mask = draw_mask(numbers, settings, np.random.default_rng(seed))
    assert mask.any()
    if kind == "task" and len(numbers) > 1:
        assert not mask.all()


def test_the_focus_is_hidden_as_a_whole_most_of_the_time() -> None:
    numbers = np.array([12, 8, 8, 1, 1])
    rng = np.random.default_rng(0)
    drawn = np.array([draw_mask(numbers, MaskSettings(), rng) for _ in range(2000)])
    share = (drawn == (numbers == 1)).all(1).mean()
    assert 0.8 < share < 0.88


def test_uniform_masks_keep_a_fifth_known() -> None:
    rng = np.random.default_rng(1)
    settings = MaskSettings(kind="uniform")
    drawn = np.array([draw_mask(np.full(20, 6), settings, rng) for _ in range(500)])
    assert abs(drawn.mean() - 0.8) < 0.02
