"""Recordings: from the paths of single samples to one trajectory in the cells of the hosts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.sampling.generators import SampledPath, SampleRequest
from aiida_hpaint.science.diffusion.sampling.sampler import compute_level_times
from aiida_hpaint.science.diffusion.sampling.schedule import list_recorded_steps, plan_visits
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Trajectory


def assemble_trajectory(
    samples: StructureBatch,
    requests: Sequence[SampleRequest],
    paths: Sequence[SampledPath],
    settings: SamplingSettings,
) -> Trajectory:
    """Return the trajectory of a sampled batch; without steps if none were recorded."""
    steps = (
        list_recorded_steps(settings)
        if paths and paths[0].positions
        else np.zeros(0, dtype=np.int64)
    )
    return Trajectory(
        steps=steps,
        times=compute_step_times(settings)[steps - 1] if len(steps) else np.zeros(0),
        positions=_join(requests, [path.positions for path in paths]),
        means=_join(requests, [path.means for path in paths]),
        counts=np.array([int(request.unknown.sum()) for request in requests]),
        hosts=np.asarray(samples.scalars["host"]),
        samples=np.asarray(samples.scalars["sample"]),
        scheme=settings.scheme or "",
    )


def compute_step_times(settings: SamplingSettings) -> NDArray[np.float64]:
    """Return the diffusion time (F,) from which each step is made, for resolved settings."""
    return np.append(compute_level_times(settings).numpy(), 0.0)[plan_visits(settings)[:-1]]


def _join(
    requests: Sequence[SampleRequest], frames: Sequence[Sequence[NDArray[np.float64]]]
) -> NDArray[np.float32]:
    """Return frames (F, M, 3) of all samples beside each other, in the cells of the hosts."""
    if not frames or not frames[0]:
        return np.zeros((0, 0, 3), dtype=np.float32)
    left = [
        one.frame.leave(np.stack(positions))
        for one, positions in zip(requests, frames, strict=True)
    ]
    return np.concatenate(left, axis=1).astype(np.float32)
