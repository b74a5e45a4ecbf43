"""generate_until: samples of as many hosts as a time limit allows."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from aiida_hpaint.science.diffusion.sampling.generation import generate
from aiida_hpaint.science.diffusion.sampling.generators import Generator
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.types import IntArray

__all__ = ["generate_until"]

_MARGIN = 1.3
"""Factor on the time that a batch is expected to take: it is started if there is as much left."""

_EARLY = 0.1
"""Fraction of a batch after which only the deadline itself stops it, no longer the estimate."""


class _TooLongError(Exception):
    """A batch of hosts would end after the time limit."""


def generate_until(
    hosts: StructureBatch,
    settings: SamplingSettings,
    deadline: float,
    *,
    generator: Generator | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> StructureBatch:
    """Return the samples of `generate` for those hosts that are finished before a time limit.

    All hosts are sampled at once if the time suffices, else one half after the other, and so on
    down to single hosts. Samples do not depend on that. Their scalar `host` is the row of their
    host in `hosts`; unfinished hosts have none.

    Parameters
    ----------
    hosts, settings, generator
        As for `generate`. Rows with the same scalar `host` are finished together or not at all.
    deadline
        Value of `clock` at which to stop.
    """
    places = hosts.host_indices
    waiting = [np.array(list(dict.fromkeys(places.tolist())))]
    done: list[StructureBatch] = []
    while waiting:
        chosen = waiting.pop(0)
        rows = np.flatnonzero(np.isin(places, chosen))
        try:
            # The next job would not get farther: the first host may be late if it is alone.
            margin = _MARGIN if done or len(chosen) > 1 else 0.0
            made = _generate_within(hosts[rows], settings, deadline, margin, clock, generator)
        except _TooLongError:
            if len(chosen) == 1:
                break
            waiting[:0] = np.array_split(chosen, 2)
        else:
            done.append(made.with_scalars(host=rows[made.scalars["host"]]))
    return _order_by_host(done, hosts)


def _generate_within(
    hosts: StructureBatch,
    settings: SamplingSettings,
    deadline: float,
    margin: float,
    clock: Callable[[], float],
    generator: Generator | None,
) -> StructureBatch:
    began = clock()
    if began > deadline:
        raise _TooLongError

    def tick(fraction: float) -> None:
        now = clock()
        expected = (now - began) / max(fraction, 1e-9)
        late = fraction < _EARLY and began + margin * expected > deadline
        if fraction < 1 and (late or now > deadline):
            raise _TooLongError

    return generate(hosts, settings, generator=generator, tick=tick)


def _order_by_host(done: list[StructureBatch], hosts: StructureBatch) -> StructureBatch:
    if not done:
        nothing: IntArray = np.zeros(0, dtype=np.int64)
        return hosts[nothing].with_scalars(host=nothing, sample=nothing)
    together = concatenate(done)
    return together[np.argsort(together.scalars["host"], kind="stable")]
