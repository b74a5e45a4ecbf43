from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.counting.stability import StabilityWindow, find_stability_windows


def test_a_kink_is_a_window() -> None:
    found = find_stability_windows({0: 0.0, 1: -6.0, 2: -12.0, 3: -13.0}, reference=-3.0)
    assert set(found) == {0, 2, 3}
    assert (found[2].low, found[2].high) == pytest.approx((-3.0, 2.0))
    assert (found[0].low, found[3].high) == (-inf, inf)


def test_one_number_is_always_stable() -> None:
    assert find_stability_windows({3: -1.0}, 0.0) == {3: StabilityWindow(-inf, inf)}
    assert find_stability_windows({}, 0.0) == {}


def test_the_share_of_a_range() -> None:
    window = StabilityWindow(-1.0, 0.5)
    assert window.width == 1.5
    assert window.overlap(-2.0, 0.0) == 0.5
    assert window.overlap(-0.5, -0.5) == 1.0
    assert window.overlap(0.5, 0.5) == 0.0


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=8), st.floats(-8, 8))
def test_the_window_that_holds_mu_has_the_lowest_grand_potential(
    values: list[float], mu: float
) -> None:
    energies = dict(enumerate(values))
    found = find_stability_windows(energies, reference=0.0)
    grand = {n: energy - n * mu for n, energy in energies.items()}
    holds = [n for n, window in found.items() if window.low <= mu <= window.high]
    assert grand[holds[0]] == pytest.approx(min(grand.values()), abs=1e-6)
    edges = [edge for window in found.values() for edge in (window.low, window.high)]
    assert np.all(np.array(edges[1:]) >= np.array(edges[:-1]))
