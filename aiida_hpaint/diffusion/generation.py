"""generate: samples for each host, from a trained model or at random."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aiida_hpaint import __version__
from aiida_hpaint.diffusion.checkpoints import Model, load_model
from aiida_hpaint.diffusion.frame import HostFrame, host_frame
from aiida_hpaint.diffusion.inpainting import Draw, inpaint
from aiida_hpaint.diffusion.lattice import image_translations
from aiida_hpaint.diffusion.random_placement import place_at_random
from aiida_hpaint.diffusion.seeds import sample_rng
from aiida_hpaint.settings import SamplingSettings
from aiida_hpaint.structures.batch import StructureBatch
from aiida_hpaint.structures.fate import Fate

FloatArray = NDArray[np.float64]
Progress = Callable[[int, int, str], None]


def generate(
    hosts: StructureBatch, settings: SamplingSettings, *, progress: Progress | None = None
) -> StructureBatch:
    """Samples for each host: `settings.samples` structures with the unplaced sites placed.

    Returns a batch ordered by host, then sample, with the scalars `host`, `sample` and `fate`.
    A sample depends on (weights, settings, seed, host, sample index) alone.

    Parameters
    ----------
    hosts
        Structures whose inserted sites have no position yet.

    Raises
    ------
    ValueError
        If a host has no site to place.
    CheckpointError
        If the model cannot be loaded.
    """
    _check(hosts)
    started = time.monotonic()
    samples = _repeat(hosts, settings.samples)
    model = (
        None if settings.generator == "random" else load_model(settings.generator, settings.device)
    )
    draws = _draws(hosts, settings)
    placed = _place(draws, model, settings, progress)
    coords = samples.frac_coords.copy()
    unknown = np.isnan(coords).any(1)
    leave = (draw.frame.leave(found) for draw, found in zip(draws, placed, strict=True))
    coords[unknown] = np.concatenate(list(leave)) if draws else coords[unknown]
    samples = samples.with_coords(coords)
    fates = np.where(samples.placed, Fate.SAMPLED.value, Fate.NOT_A_NUMBER.value)
    seconds = round(time.monotonic() - started, 3)
    return samples.with_scalars(fate=fates).with_history(_record(settings, model, seconds))


def _check(hosts: StructureBatch) -> None:
    for index in np.where(hosts.placed)[0]:
        raise ValueError(
            f"host '{hosts.labels[index]}' has no site to place: add sites first, "
            "for example with add_sites(hosts, 'H:4')"
        )


def _repeat(hosts: StructureBatch, samples: int) -> StructureBatch:
    indices = np.repeat(np.arange(len(hosts)), samples)
    numbering = np.tile(np.arange(samples), len(hosts))
    return hosts[indices].with_scalars(host=indices, sample=numbering)


def _draws(hosts: StructureBatch, settings: SamplingSettings) -> list[Draw]:
    draws = []
    for index in range(len(hosts)):
        sites = hosts.sites(index)
        numbers, coords = hosts.numbers[sites], hosts.frac_coords[sites]
        unknown = np.asarray(np.isnan(coords).any(1))
        frame = host_frame(hosts.cells[index], numbers[~unknown], coords[~unknown])
        frac = frame.enter(coords)
        for sample in range(settings.samples):
            rng = sample_rng(settings.seed, sample, numbers, unknown)
            draws.append(Draw(frame, numbers, frac, unknown, rng))
    return draws


def _place(
    draws: Sequence[Draw],
    model: Model | None,
    settings: SamplingSettings,
    progress: Progress | None,
) -> list[FloatArray]:
    placed: list[FloatArray] = [np.zeros((0, 3))] * len(draws)
    done = 0
    for chunk in _chunks(draws, settings.max_pairs):
        members = [draws[index] for index in chunk]
        for index, found in zip(chunk, _sample(members, model, settings.steps), strict=True):
            placed[index] = found
        done += len(chunk)
        if progress is not None:
            progress(done, len(draws), "sampling")
    return placed


def _sample(draws: Sequence[Draw], model: Model | None, steps: int) -> list[FloatArray]:
    if model is None:
        return [place_at_random(d.frame, d.numbers, d.frac, d.unknown, d.rng) for d in draws]
    states = [draw.rng.bit_generator.state for draw in draws]
    try:
        return inpaint(draws, model, steps)
    except (torch.OutOfMemoryError, MemoryError):
        if len(draws) == 1:
            raise
    for draw, state in zip(draws, states, strict=True):
        draw.rng.bit_generator.state = state
    half = len(draws) // 2
    return [*_sample(draws[:half], model, steps), *_sample(draws[half:], model, steps)]


def _chunks(draws: Sequence[Draw], max_pairs: int) -> list[list[int]]:
    """Indices of draws to evaluate together: alike in size, bounded in site-image pairs."""
    costs = [_pairs(draw.frame, len(draw.numbers)) for draw in draws]
    chunks: list[list[int]] = []
    total = 0
    for index in sorted(range(len(draws)), key=lambda index: (len(draws[index].numbers), index)):
        total += costs[index]
        if not chunks or total > max_pairs:
            chunks.append([])
            total = costs[index]
        chunks[-1].append(index)
    return chunks


def _pairs(frame: HostFrame, sites: int) -> int:
    return sites * sites * len(image_translations(frame.cell, 6.5)) // 2


def _record(settings: SamplingSettings, model: Model | None, seconds: float) -> dict[str, Any]:
    known = (
        {"name": "random"}
        if model is None
        else {"name": model.card.name, "sha256": model.card.sha256}
    )
    return {
        "stage": "sample",
        "version": __version__,
        "model": known,
        "settings": settings.model_dump(mode="json"),
        "seed": settings.seed,
        "device": "cpu" if model is None else str(model.device),
        "seconds": seconds,
    }
