from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.diffusion.training.masks import MaskSettings, draw_mask, draw_times

species = st.lists(st.sampled_from([1, 6, 8, 12]), min_size=1, max_size=12).map(np.array)
kinds = st.sampled_from(["task", "uniform", "td", "none"])


@given(species, st.integers(0, 1000), kinds)
def test_something_is_always_noisy(numbers: np.ndarray, seed: int, kind: str) -> None:
    settings = MaskSettings(kind=kind)
    rng = np.random.default_rng(seed)
    mask = draw_mask(numbers, settings, rng)
    times = draw_times(mask, settings, rng)
    assert mask.any()
    assert times.shape == (mask.sum(),)
    assert ((times >= 0) & (times <= 1)).all()
    if kind == "task" and len(numbers) > 1:
        assert not mask.all()
    if kind in ("td", "none"):
        assert mask.all()
    assert len(np.unique(times)) <= (2 if kind == "td" else 1)


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


def test_td_puts_a_fifth_of_the_sites_at_epsilon() -> None:
    rng = np.random.default_rng(2)
    settings = MaskSettings(kind="td")
    times = np.array([draw_times(np.ones(20, dtype=bool), settings, rng) for _ in range(500)])
    at_epsilon = times == settings.t_replace
    assert abs(at_epsilon.mean() - settings.p_replace) < 0.02
    others = np.ma.masked_array(times, at_epsilon)
    assert (others.max(1) == others.min(1)).all()
    assert abs(others.mean() - 0.5) < 0.05
