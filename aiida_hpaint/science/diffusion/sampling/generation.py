"""generate: samples for each host, from a trained model or at random."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.models.checkpoints import Model, load_model
from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame
from aiida_hpaint.science.diffusion.sampling.inpainting import (
    SampledPath,
    SampleRequest,
    Tick,
    inpaint,
)
from aiida_hpaint.science.diffusion.sampling.memory import is_out_of_memory, memory_limit
from aiida_hpaint.science.diffusion.sampling.random_placement import place_at_random
from aiida_hpaint.science.diffusion.sampling.random_streams import make_random_stream
from aiida_hpaint.science.diffusion.sampling.recording import assemble_trajectory
from aiida_hpaint.science.diffusion.sampling.sampler import resolve_settings
from aiida_hpaint.science.diffusion.sampling.schedule import refuse_large_recording
from aiida_hpaint.science.plausibility import absurd
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.structures.trajectory import Trajectory
from aiida_hpaint.science.types import Progress

Show = Callable[[float, int], None]


def generate(
    hosts: StructureBatch,
    settings: SamplingSettings,
    *,
    progress: Progress | None = None,
    tick: Tick | None = None,
) -> StructureBatch:
    """Samples for each host: `settings.samples` structures with the unplaced sites placed.

    Returns a batch ordered by host, then sample, with the scalars `host`, `sample`, `status`
    and `draws`: how often the sample was drawn until it was not absurd or `redraws` were over.
    A sample depends on (weights, settings, seed, host, sample index) alone.

    Parameters
    ----------
    hosts
        Structures whose inserted sites have no position yet; with a `start_time` below 1 their
        positions are guesses to refine.
    progress
        Called with samples done, samples in all and a word.
    tick
        Called with the fraction of the work that is done, redraws aside; more often.

    Raises
    ------
    ValueError
        If a host has no site to place, or no guess where one is needed.
    CheckpointError
        If the model cannot be loaded.
    """
    return _generate(hosts, settings, _shown(progress, tick), record=0)[0]


def generate_recorded(
    hosts: StructureBatch, settings: SamplingSettings, *, progress: Progress | None = None
) -> tuple[StructureBatch, Trajectory]:
    """The samples of `generate` and how their sites came there, every `settings.record` steps.

    Raises
    ------
    ValueError
        As `generate`, for random placement, which has no trajectory, and for a recording that is
        too large.
    """
    if settings.generator == "random":
        raise ValueError("random placement has no trajectory: choose a model as the generator")
    return _generate(hosts, settings, _shown(progress, None), record=settings.record or 1)


def _shown(progress: Progress | None, tick: Tick | None) -> Show:
    """One function of (done, total) that tells both; a part of a sample may be done."""

    def show(done: float, total: int) -> None:
        if progress is not None:
            progress(int(done), total, "sampling")
        if tick is not None:
            tick(done / total)

    return show


def _generate(
    hosts: StructureBatch, settings: SamplingSettings, show: Show, record: int
) -> tuple[StructureBatch, Trajectory]:
    _check(hosts, settings)
    started = time.monotonic()
    model = _model(settings)
    if model is not None:
        settings = resolve_settings(settings, model.card)
    samples = _repeat(hosts, settings.samples)
    if record:
        refuse_large_recording(int(_sought(samples).sum()), settings)
    draws = _draws(hosts, settings, model)
    paths = _place(draws, model, settings, show, record)
    made, drawn = _with_positions(samples, draws, paths), np.ones(len(draws), dtype=np.int64)
    again = np.arange(len(draws))
    for _ in range(settings.redraws or 0):
        again = again[absurd(made[again])]
        if not len(again):
            break
        # The random numbers of a draw go on where they were: nothing else decides what comes.
        fresh = _place(
            [draws[index] for index in again], model, settings, _shown(None, None), record
        )
        for index, path in zip(again.tolist(), fresh, strict=True):
            paths[index] = path
        made = _with_positions(samples, draws, paths)
        drawn[again] += 1
    statuses = np.where(made.placed, SampleStatus.SAMPLED.value, SampleStatus.NOT_A_NUMBER.value)
    seconds = round(time.monotonic() - started, 3)
    made = made.with_scalars(status=statuses, draws=drawn)
    made = made.with_history(_record(settings, model) | {"seconds": seconds})
    return made, assemble_trajectory(made, draws, paths, settings)


def _with_positions(
    samples: StructureBatch, draws: Sequence[SampleRequest], paths: Sequence[SampledPath]
) -> StructureBatch:
    coords, sought = samples.frac_coords.copy(), _sought(samples)
    leave = (draw.frame.leave(path.final) for draw, path in zip(draws, paths, strict=True))
    coords[sought] = np.concatenate(list(leave)) if draws else coords[sought]
    return samples.with_coords(coords)


def _model(settings: SamplingSettings) -> Model | None:
    if settings.generator == "random":
        return None
    return load_model(settings.generator, settings.device, settings.precision)


def _check(hosts: StructureBatch, settings: SamplingSettings) -> None:
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
    if refines and settings.generator == "random":
        raise ValueError("random placement refines no guess: choose a model as the generator")


def _sought(batch: StructureBatch) -> NDArray[np.bool_]:
    """Sites without a position or, where all have one, the inserted ones."""
    unplaced = np.isnan(batch.frac_coords).any(1)
    return np.asarray(unplaced if unplaced.any() else batch.inserted)


def _repeat(hosts: StructureBatch, samples: int) -> StructureBatch:
    indices = np.repeat(np.arange(len(hosts)), samples)
    numbering = np.tile(np.arange(samples), len(hosts))
    return hosts[indices].with_scalars(host=indices, sample=numbering)


def _draws(
    hosts: StructureBatch, settings: SamplingSettings, model: Model | None
) -> list[SampleRequest]:
    draws = []
    sought = _sought(hosts)
    niggli = model is not None and model.card.noise.kind == "fractional"
    for index in range(len(hosts)):
        sites = hosts.sites(index)
        numbers, coords, unknown = hosts.numbers[sites], hosts.frac_coords[sites], sought[sites]
        frame = find_host_frame(
            hosts.cells[index], numbers[~unknown], coords[~unknown], niggli=niggli
        )
        frac = frame.enter(coords)
        for sample in range(settings.samples):
            rng = make_random_stream(settings.seed, sample, numbers, unknown)
            draws.append(SampleRequest(frame, numbers, frac, unknown, rng))
    return draws


def _place(
    draws: Sequence[SampleRequest],
    model: Model | None,
    settings: SamplingSettings,
    show: Show,
    record: int,
) -> list[SampledPath]:
    if model is None:
        return _at_random(draws, show)
    placed: dict[int, SampledPath] = {}
    limit = settings.max_memory or memory_limit(model.device)
    for chunk in _chunks(draws, model, limit):

        def tick(fraction: float, done: int = len(placed), size: int = len(chunk)) -> None:
            show(done + fraction * size, len(draws))

        members = [draws[index] for index in chunk]
        found = _sample(members, model, settings, record, tick)
        placed.update(zip(chunk, found, strict=True))
    return [placed[index] for index in range(len(draws))]


def _at_random(draws: Sequence[SampleRequest], show: Show) -> list[SampledPath]:
    paths = []
    for done, d in enumerate(draws):
        paths.append(SampledPath(place_at_random(d.frame, d.numbers, d.frac, d.unknown, d.rng)))
        show(done + 1, len(draws))
    return paths


def _sample(
    draws: Sequence[SampleRequest],
    model: Model,
    settings: SamplingSettings,
    record: int,
    tick: Tick,
) -> list[SampledPath]:
    """The paths of the draws; where memory runs out, of one half after the other."""
    states = [draw.rng.bit_generator.state for draw in draws]
    try:
        return inpaint(draws, model, settings, record=record, tick=tick)
    except (RuntimeError, MemoryError) as error:
        if len(draws) == 1 or not is_out_of_memory(error):
            raise
    for draw, state in zip(draws, states, strict=True):
        draw.rng.bit_generator.state = state
    if model.device.type == "cuda":
        torch.cuda.empty_cache()
    half = len(draws) // 2
    return [
        *_sample(draws[:half], model, settings, record, lambda part: tick(part / 2)),
        *_sample(draws[half:], model, settings, record, lambda part: tick((1 + part) / 2)),
    ]


def _chunks(draws: Sequence[SampleRequest], model: Model, max_memory: float) -> list[list[int]]:
    """Indices of draws to evaluate together: alike in size, bounded in memory (GiB)."""
    costs = [model.network.memory(len(draw.numbers), draw.frame.cell) / 2**30 for draw in draws]
    chunks: list[list[int]] = []
    total = 0.0
    for index in sorted(range(len(draws)), key=lambda index: (len(draws[index].numbers), index)):
        total += costs[index]
        if not chunks or total > max_memory:
            chunks.append([])
            total = costs[index]
        chunks[-1].append(index)
    return chunks


def _record(settings: SamplingSettings, model: Model | None) -> dict[str, Any]:
    known = {"name": "random"} if model is None else _identity(model)
    return {
        "stage": "sample",
        "version": __version__,
        "model": known,
        # Recorded or not, the samples are the same: their record says so to caching.
        "settings": settings.model_dump(mode="json", exclude={"record"}),
        "seed": settings.seed,
        "device": "cpu" if model is None else str(model.device),
    }


def _identity(model: Model) -> dict[str, str]:
    """Name and hash of the weights and, where they were converted, the hash of the original."""
    known = {"name": model.card.name, "sha256": model.card.sha256}
    source = model.card.data.get("source_sha256")
    return known if source is None else {**known, "source_sha256": str(source)}
