"""Batches of samples that fit into memory, on every device and version of torch."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from aiida_hpaint.science.diffusion.models.checkpoints import Model
from aiida_hpaint.science.diffusion.sampling.free_cells import inpaint_with_cells
from aiida_hpaint.science.diffusion.sampling.generators import SampledPath, SampleRequest, Tick
from aiida_hpaint.science.diffusion.sampling.inpainting import SamplerFactory, inpaint
from aiida_hpaint.science.diffusion.sampling.sampler import Sampler
from aiida_hpaint.science.settings import SamplingSettings


def inpaint_in_batches(
    requests: Sequence[SampleRequest],
    model: Model,
    settings: SamplingSettings,
    *,
    record: int = 0,
    tick: Tick | None = None,
    make_sampler: SamplerFactory = Sampler.create,
) -> list[SampledPath]:
    """Inpaint all requests in batches of similar size; see `inpaint`. Samples stay the same.

    A batch takes at most `settings.max_memory` GiB by the estimate of the network; one that runs
    out of memory nevertheless is halved.
    """
    paths: dict[int, SampledPath] = {}
    limit = settings.max_memory or find_memory_limit(model.device)
    for batch in _split(requests, model, limit):

        def report(fraction: float, done: int = len(paths), size: int = len(batch)) -> None:
            if tick is not None:
                tick((done + fraction * size) / len(requests))

        members = [requests[index] for index in batch]
        found = _inpaint(members, model, settings, record, report, make_sampler)
        paths.update(zip(batch, found, strict=True))
    return [paths[index] for index in range(len(requests))]


def _split(requests: Sequence[SampleRequest], model: Model, max_memory: float) -> list[list[int]]:
    """Return the indices of the requests of each batch; little is padded where sizes are alike."""
    costs = [model.network.memory(len(one.numbers), one.frame.cell) / 2**30 for one in requests]
    batches: list[list[int]] = []
    total = 0.0
    for index in sorted(range(len(requests)), key=lambda row: (len(requests[row].numbers), row)):
        total += costs[index]
        if not batches or total > max_memory:
            batches.append([])
            total = costs[index]
        batches[-1].append(index)
    return batches


def _inpaint(
    requests: Sequence[SampleRequest],
    model: Model,
    settings: SamplingSettings,
    record: int,
    tick: Tick,
    make_sampler: SamplerFactory,
) -> list[SampledPath]:
    """Inpaint one batch or, if memory runs out, one half after the other."""
    # A batch that fails has used up random numbers, which its halves must use again.
    states = [request.rng.bit_generator.state for request in requests]
    try:
        if settings.cell == "free":
            return inpaint_with_cells(
                requests, model, settings, tick=tick, make_sampler=make_sampler
            )
        return inpaint(
            requests, model, settings, record=record, tick=tick, make_sampler=make_sampler
        )
    except (RuntimeError, MemoryError) as error:
        if len(requests) == 1 or not is_out_of_memory(error):
            raise
    for request, state in zip(requests, states, strict=True):
        request.rng.bit_generator.state = state
    if model.device.type == "cuda":
        torch.cuda.empty_cache()
    middle, shared = len(requests) // 2, (model, settings, record)
    return [
        *_inpaint(requests[:middle], *shared, lambda part: tick(part / 2), make_sampler),
        *_inpaint(requests[middle:], *shared, lambda part: tick((1 + part) / 2), make_sampler),
    ]


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that memory ran out.

    torch has an error of its own for a GPU, and raises a plain RuntimeError on a CPU.
    """
    if isinstance(error, MemoryError | torch.cuda.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def find_memory_limit(device: torch.device) -> float:
    """Return the GiB that structures evaluated at once may take on a device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return 0.7 * free / 2**30
    return 2.0
