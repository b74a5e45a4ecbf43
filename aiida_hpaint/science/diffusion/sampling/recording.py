"""From the paths of single draws to one trajectory in the cells of the hosts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.diffusion.sampling.inpainting import Draw, Path
from aiida_hpaint.science.diffusion.sampling.sampler import level_times
from aiida_hpaint.science.diffusion.sampling.schedule import path_of
from aiida_hpaint.science.diffusion.sampling.trajectory import kept_steps
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.trajectory import Trajectory


def assemble(
    samples: StructureBatch,
    draws: Sequence[Draw],
    paths: Sequence[Path],
    settings: SamplingSettings,
) -> Trajectory:
    """The trajectory of a sampled batch; without steps where none were recorded."""
    steps = kept_steps(settings) if paths and paths[0].positions else np.zeros(0, dtype=np.int64)
    return Trajectory(
        steps=steps,
        times=step_times(settings)[steps - 1] if len(steps) else np.zeros(0),
        positions=_joined(draws, [path.positions for path in paths]),
        means=_joined(draws, [path.means for path in paths]),
        counts=np.array([int(draw.unknown.sum()) for draw in draws]),
        hosts=np.asarray(samples.scalars["host"]),
        samples=np.asarray(samples.scalars["sample"]),
        way=settings.way or "",
    )


def step_times(settings: SamplingSettings) -> NDArray[np.float64]:
    """(F,) the diffusion time from which each step is made, for settings that are resolved."""
    return np.append(level_times(settings).numpy(), 0.0)[path_of(settings)[:-1]]


def _joined(
    draws: Sequence[Draw], frames: Sequence[Sequence[NDArray[np.float64]]]
) -> NDArray[np.float32]:
    """(F, M, 3) frames of all draws beside each other, in the cells of the hosts."""
    if not frames or not frames[0]:
        return np.zeros((0, 0, 3), dtype=np.float32)
    left = [
        draw.frame.leave(np.stack(positions)) for draw, positions in zip(draws, frames, strict=True)
    ]
    return np.concatenate(left, axis=1).astype(np.float32)
