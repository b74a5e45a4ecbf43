"""Sampling that the walltime cuts short goes on from what it had."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import StructureBatch

SETTINGS = SamplingSettings(samples=2, steps=20, corrector_steps=0, redraws=0, device="cpu", seed=5)


class Clock:
    """A second passes with every step of every host."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    from aiida_hpaint.science.diffusion.sampling import generation
    from aiida_hpaint.science.diffusion.sampling import time_limit as timed

    clock = Clock()

    def generate(
        hosts: StructureBatch, settings: Any, *, tick: Any, **options: Any
    ) -> StructureBatch:
        def step(fraction: float) -> None:
            clock.now += len(hosts)
            tick(fraction)

        return generation.generate(hosts, settings, tick=step, **options)

    monkeypatch.setattr(timed, "generate", generate)
    return clock


@pytest.fixture
def hosts(brucite: StructureBatch) -> StructureBatch:
    five = replace(brucite[[0] * 5], labels=tuple("abcde"))
    stretch = np.linspace(1.0, 1.02, 5)[:, None, None]
    return replace(five, cells=five.cells * stretch)


def until(hosts: StructureBatch, seconds: float, clock: Clock) -> StructureBatch:
    from aiida_hpaint.science.diffusion import generate_until

    return generate_until(hosts, SETTINGS, clock.now + seconds, clock=clock)


def test_with_enough_time_nothing_is_different(hosts: StructureBatch, clock: Clock) -> None:
    from aiida_hpaint.science.diffusion import generate

    whole = generate(hosts, SETTINGS)
    found = until(hosts, 1000, clock)
    assert found.scalars["host"].tolist() == whole.scalars["host"].tolist()
    np.testing.assert_array_equal(found.frac_coords, whole.frac_coords)


# Twenty steps: a host takes 20 s, all of them 100 s.
@pytest.mark.parametrize(("seconds", "jobs"), [(30, 5), (95, 2)])
def test_what_is_done_in_time_is_what_one_job_draws(
    hosts: StructureBatch, clock: Clock, seconds: float, jobs: int
) -> None:
    from aiida_hpaint.science.diffusion import generate

    left = hosts.with_scalars(host=np.arange(5))
    parts: list[StructureBatch] = []
    while len(left):
        began = clock.now
        made = until(left, seconds, clock)
        assert len(made) > 0
        assert clock.now - began < seconds + 5
        places = left.scalars["host"]
        parts.append(made.with_scalars(host=places[made.scalars["host"]]))
        left = left[np.flatnonzero(~np.isin(places, parts[-1].scalars["host"]))]
    assert len(parts) <= jobs
    assert len(parts) > 1
    hosts_of = np.concatenate([part.scalars["host"] for part in parts])
    assert hosts_of.tolist() == np.repeat(np.arange(5), 2).tolist()
    coords = np.concatenate([part.frac_coords for part in parts])
    np.testing.assert_allclose(coords, generate(hosts, SETTINGS).frac_coords, atol=1e-6)


def test_where_no_host_fits_it_is_over_in_time(hosts: StructureBatch, clock: Clock) -> None:
    assert len(until(hosts, 19, clock)) == 0
    assert clock.now < 19 + 5


@pytest.mark.parametrize("seconds", [27, 65, 75, 95])
def test_rows_of_one_host_are_done_together(
    hosts: StructureBatch, clock: Clock, seconds: float
) -> None:
    guesses = hosts.with_scalars(host=[0, 0, 0, 1, 1])
    rows = np.unique(until(guesses, seconds, clock).scalars["host"]).tolist()
    assert rows in ([], [0, 1, 2], [0, 1, 2, 3, 4])


def test_a_job_without_time_returns_an_empty_batch(
    hosts: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint import __version__
    from aiida_hpaint.calculations.jobs import WALLTIME_VARIABLE, run_stage_job
    from aiida_hpaint.data.structure_batch import hash_content

    monkeypatch.setenv(WALLTIME_VARIABLE, "-1")
    settings = {**SETTINGS.model_dump(mode="json"), "symmetry": {"wyckoff": 2}}
    found = run_stage_job(hosts, "sample", settings, {"version": __version__})["structures"]
    assert isinstance(found, StructureBatch)
    assert len(found) == 0
    assert hash_content(found)
