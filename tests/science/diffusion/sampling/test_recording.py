from __future__ import annotations

import numpy as np
import pytest

from aiida_hpaint.science.diffusion.sampling import schedule
from aiida_hpaint.science.diffusion.sampling.generation import generate, generate_recorded
from aiida_hpaint.science.settings import SamplingSettings, Scheme
from aiida_hpaint.science.structures.batch import StructureBatch


def settings(scheme: Scheme = "td", record: int = 0) -> SamplingSettings:
    return SamplingSettings(
        samples=2, scheme=scheme, steps=8, resamplings=2, jump=3, device="cpu", record=record
    )


def test_every_nth_step_and_the_last_are_kept() -> None:
    assert schedule.list_recorded_steps(settings(record=3)).tolist() == [3, 6, 8]
    assert schedule.list_recorded_steps(settings(record=4)).tolist() == [4, 8]
    assert schedule.list_recorded_steps(settings(record=99)).tolist() == [8]
    assert schedule.list_recorded_steps(settings()).tolist() == [*range(1, 9)]


@pytest.mark.parametrize("scheme", ["td", "repaint"])
def test_fewer_frames_of_the_same_way(scheme: Scheme, hosts: StructureBatch) -> None:
    every, full = generate_recorded(hosts, settings(scheme, record=1))
    some, thinned = generate_recorded(hosts, settings(scheme, record=4))
    assert np.array_equal(every.frac_coords, some.frac_coords)
    kept = thinned.steps
    np.testing.assert_array_equal(thinned.times, full.times[kept - 1])
    np.testing.assert_array_equal(thinned.means, full.means[kept - 1])
    np.testing.assert_array_equal(thinned.positions, full.positions[[0, *kept]])
    assert thinned.scheme == full.scheme == scheme


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
    monkeypatch.setattr(schedule, "LARGEST_RECORDING", 1000)
    with pytest.raises(ValueError, match=r"recording 8 steps of \d+ sites .*sampling.record=\d"):
        generate_recorded(hosts, settings(record=1))
    with pytest.raises(ValueError, match=r"sampling\.record=2, or"):
        schedule.refuse_large_recording(9, settings(record=1))
    schedule.refuse_large_recording(9, settings(record=2))
