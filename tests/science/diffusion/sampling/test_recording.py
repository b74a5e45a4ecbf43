from __future__ import annotations

import numpy as np
import pytest

from aiida_hpaint.science.diffusion.sampling import trajectory as steps
from aiida_hpaint.science.diffusion.sampling.generation import generate, generate_recorded
from aiida_hpaint.science.settings import SamplingSettings, Way
from aiida_hpaint.science.structures.batch import StructureBatch


def settings(way: Way = "td", record: int = 0) -> SamplingSettings:
    return SamplingSettings(
        samples=2, way=way, steps=8, resamplings=2, jump=3, device="cpu", record=record
    )


def test_every_nth_step_and_the_last_are_kept() -> None:
    assert steps.kept_steps(settings(record=3)).tolist() == [3, 6, 8]
    assert steps.kept_steps(settings(record=4)).tolist() == [4, 8]
    assert steps.kept_steps(settings(record=99)).tolist() == [8]
    assert steps.kept_steps(settings()).tolist() == [*range(1, 9)]


@pytest.mark.parametrize("way", ["td", "repaint"])
def test_fewer_frames_of_the_same_way(way: Way, hosts: StructureBatch) -> None:
    every, full = generate_recorded(hosts, settings(way, record=1))
    some, thinned = generate_recorded(hosts, settings(way, record=4))
    assert np.array_equal(every.frac_coords, some.frac_coords)
    kept = thinned.steps
    np.testing.assert_array_equal(thinned.times, full.times[kept - 1])
    np.testing.assert_array_equal(thinned.means, full.means[kept - 1])
    np.testing.assert_array_equal(thinned.positions, full.positions[[0, *kept]])
    assert thinned.way == full.way == way


def test_the_history_does_not_tell_that_it_was_recorded(hosts: StructureBatch) -> None:
    plain = generate(hosts, settings())
    recorded, _ = generate_recorded(hosts, settings(record=2))
    assert "record" not in plain.history[-1]["settings"]
    assert recorded.history[-1]["settings"] == plain.history[-1]["settings"]


def test_true_means_every_step() -> None:
    assert SamplingSettings.model_validate({"record": True}).record == 1


def test_too_much_is_refused_with_a_way_on(
    hosts: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LARGEST", 1000)
    with pytest.raises(ValueError, match=r"recording 8 steps of \d+ sites .*sampling.record=\d"):
        generate_recorded(hosts, settings(record=1))
    with pytest.raises(ValueError, match=r"sampling\.record=2, or"):
        steps.refuse_large(9, settings(record=1))
    steps.refuse_large(9, settings(record=2))
