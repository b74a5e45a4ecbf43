"""generate: samples for each host from a generator, such as a diffusion model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.sampling.generators import (
    Generator,
    GeneratorError,
    SampledPath,
    SampleRequest,
    Tick,
    get_generator,
    identify_generator,
    refuse_fixed_cells,
    refuse_without_trajectory,
)
from aiida_hpaint.science.diffusion.sampling.geometric_positions import (
    note_beginnings,
    sample_with_geometric,
)
from aiida_hpaint.science.diffusion.sampling.requests import (
    find_unknown,
    make_requests,
    place_sites,
    restore_order,
)
from aiida_hpaint.science.diffusion.sampling.schedule import refuse_large_recording
from aiida_hpaint.science.plausibility import count_misplaced, find_implausible_samples
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import note_sampled_cells
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.structures.trajectory import Trajectory
from aiida_hpaint.science.types import BoolArray, Progress


def generate(
    hosts: StructureBatch,
    settings: SamplingSettings,
    *,
    generator: Generator | None = None,
    numbers: Sequence[Sequence[int]] | None = None,
    progress: Progress | None = None,
    tick: Tick | None = None,
) -> StructureBatch:
    """Return `settings.samples` structures for each host, with positions for its inserted sites.

    The batch is ordered by host, then sample, and has the scalars `host`, `sample`, `status` and
    `draws`: how often the sample was drawn until its surroundings were plausible and its H where
    the budget of the host says, or `redraws` were used up. A sample depends on (generator,
    settings, seed, host, sample index) alone.

    Parameters
    ----------
    hosts
        Structures of which some or all inserted sites have no position yet; with a `start_time`
        below 1 their positions are guesses to refine.
    generator
        Generator that takes the place of the one that `settings.generator` names.
    numbers
        Indices of the samples to draw, for each host; None: those below `settings.samples`.
    progress
        Called with samples done, samples in all and a word.
    tick
        Called with the fraction of the work that is done, without redraws; more often.

    Raises
    ------
    ValueError
        If a host has no site to place, or no guess where one is needed.
    GeneratorError, CheckpointError
        If there is no such generator, or it cannot be loaded.
    """
    return _generate(hosts, settings, generator, progress, tick, 0, numbers).samples


def generate_recorded(
    hosts: StructureBatch,
    settings: SamplingSettings,
    *,
    generator: Generator | None = None,
    progress: Progress | None = None,
) -> tuple[StructureBatch, Trajectory]:
    """Return the samples of `generate`, and where their sites were every `settings.record` steps.

    Raises
    ------
    ValueError
        As `generate`, for a generator that has no trajectory, and for a recording that is too
        large.
    """
    from aiida_hpaint.science.diffusion.sampling.recording import assemble_trajectory

    made = _generate(hosts, settings, generator, progress, None, record=settings.record or 1)
    return made.samples, assemble_trajectory(made.samples, made.requests, made.paths, made.settings)


@dataclass(frozen=True)
class _Generated:
    samples: StructureBatch
    requests: list[SampleRequest]
    paths: list[SampledPath]
    settings: SamplingSettings


def _generate(
    hosts: StructureBatch,
    settings: SamplingSettings,
    generator: Generator | None,
    progress: Progress | None,
    tick: Tick | None,
    record: int,
    numbers: Sequence[Sequence[int]] | None = None,
) -> _Generated:
    named = generator is None
    if generator is None:
        generator = get_generator(settings.generator)
    else:
        settings = settings.model_copy(update={"generator": generator.name})
    _check(hosts, settings, generator, record)
    started = time.monotonic()
    device = generator.load(settings)
    settings = generator.resolve_settings(settings)
    numbers = [range(settings.samples)] * len(hosts) if numbers is None else numbers
    samples = _repeat_hosts(hosts, numbers)
    if record:
        refuse_large_recording(int(find_unknown(samples).sum()), settings)
    requests = make_requests(hosts, settings, numbers, niggli=generator.is_niggli)
    samples = note_beginnings(samples, requests)
    report = _report(progress, tick, len(requests))
    made, paths = _sample_until_accepted(generator, samples, requests, settings, record, report)
    if settings.cell == "free":
        made = note_sampled_cells(made, samples, settings.cell_start)
    made = made.with_history(
        {
            "stage": "sample",
            "version": __version__,
            "model": identify_generator(settings.generator) if named else generator.identify(),
            # Recorded or not, the samples are the same, and caching must see that they are.
            "settings": settings.model_dump(mode="json", exclude={"record"}),
            "seed": settings.seed,
            "device": device,
            "seconds": round(time.monotonic() - started, 3),
        }
    )
    return _Generated(made, requests, paths, settings)


def _repeat_hosts(hosts: StructureBatch, numbers: Sequence[Sequence[int]]) -> StructureBatch:
    """Return each host as often as samples of it are drawn."""
    indices = np.repeat(np.arange(len(hosts)), [len(each) for each in numbers])
    numbering = np.concatenate([np.array(each, dtype=np.int64) for each in numbers])
    return hosts[indices].with_scalars(host=indices, sample=numbering)


def _sample_until_accepted(
    generator: Generator,
    samples: StructureBatch,
    requests: list[SampleRequest],
    settings: SamplingSettings,
    record: int,
    tick: Tick,
) -> tuple[StructureBatch, list[SampledPath]]:
    """Sample, and draw again what is rejected, `redraws` times at most."""
    paths = _sample(generator, requests, settings, record, tick)
    made, draws = place_sites(samples, requests, paths), np.ones(len(requests), dtype=np.int64)
    again = np.arange(len(requests))
    for _ in range(settings.redraws or 0):
        again = again[_find_rejected(made[again], settings)]
        if not len(again):
            break
        # The random numbers of a sample go on where they stopped, so that the new one depends on
        # nothing but the sample itself, whichever others are rejected.
        fresh = _sample(generator, [requests[row] for row in again], settings, record, None)
        for row, path in zip(again.tolist(), fresh, strict=True):
            paths[row] = path
        made = place_sites(samples, requests, paths)
        draws[again] += 1
    statuses = np.where(made.placed, SampleStatus.SAMPLED.value, SampleStatus.NOT_A_NUMBER.value)
    return made.with_scalars(status=statuses, draws=draws), paths


def _check(
    hosts: StructureBatch, settings: SamplingSettings, generator: Generator, record: int
) -> None:
    refines = settings.start_time < 1
    for index in range(len(hosts)):
        sites = hosts.sites(index)
        if refines and not (hosts.placed[index] and hosts.inserted[sites].any()):
            raise ValueError(
                f"host '{hosts.labels[index]}' has no guess to refine: with sampling.start_time "
                f"{settings.start_time:g} its inserted sites need positions"
            )
        if not refines and hosts.placed[index]:
            raise ValueError(
                f"host '{hosts.labels[index]}' has no site to place: add sites first, "
                "for example with add_sites(hosts, 'H:4')"
            )
    if refines and not generator.can_refine:
        raise ValueError(
            f"the generator {generator.name} refines no guess: choose a diffusion model"
        )
    if record:
        refuse_without_trajectory(generator)
    recorded = settings.model_copy(update={"record": record or settings.record})
    refuse_fixed_cells(generator, recorded)


def _find_rejected(samples: StructureBatch, settings: SamplingSettings) -> BoolArray:
    """Return (S,) whether a sample is implausible, or has another distribution of H than asked."""
    rejected = find_implausible_samples(samples)
    return rejected | (count_misplaced(samples) > 0) if settings.use_parents else rejected


def _report(progress: Progress | None, tick: Tick | None, total: int) -> Tick:
    def report(fraction: float) -> None:
        if progress is not None:
            # The fraction is a quotient of whole numbers, which rounding may put below them.
            progress(int(fraction * total + 1e-6), total, "sampling")
        if tick is not None:
            tick(fraction)

    return report


def _sample(
    generator: Generator,
    requests: Sequence[SampleRequest],
    settings: SamplingSettings,
    record: int,
    tick: Tick | None,
) -> list[SampledPath]:
    """Return the positions that the generator finds, in the order of the hosts' sites.

    Raises
    ------
    GeneratorError
        If they are not those of the inserted sites.
    """
    paths = sample_with_geometric(generator, requests, settings, record, tick)
    found = [np.shape(path.final) for path in paths]
    expected = [(int(request.unknown.sum()), 3) for request in requests]
    if found != expected:
        raise GeneratorError(
            f"the generator {generator.name} returned positions of shapes {found[:3]}... where "
            f"{expected[:3]}... was asked for"
        )
    return [restore_order(one, path) for one, path in zip(requests, paths, strict=True)]
