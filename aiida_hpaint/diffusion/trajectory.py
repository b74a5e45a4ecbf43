"""Trajectory: where the sought sites of samples were at each noise level."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

Target = Path | IO[bytes]


@dataclass(frozen=True)
class Trajectory:
    """How the sought sites of R samples, M in all, moved over F steps.

    Attributes
    ----------
    steps : (F,)
        Which steps were kept, counted from 1; RePaint's jumps back up are steps as well.
    times : (F,)
        Diffusion time from which each of them was made.
    positions : (F + 1, M, 3) float32
        Fractional coordinates in the cells of the hosts: the first noise, then after each step.
    means : (F, M, 3) float32
        The same without the fresh noise of each step; NaN for jumps back up.
    counts : (R,)
        Number of sought sites of each sample, in the order of the sampled batch.
    hosts, samples : (R,)
        Scalars `host` and `sample` of each row.
    way
        In which known sites took part, see `aiida_hpaint.diffusion.ways`.
    """

    steps: NDArray[np.int64]
    times: NDArray[np.float64]
    positions: NDArray[np.float32]
    means: NDArray[np.float32]
    counts: NDArray[np.int64]
    hosts: NDArray[np.int64]
    samples: NDArray[np.int64]
    way: str

    def __len__(self) -> int:
        return len(self.counts)

    def sites(self, row: int) -> slice:
        """Where the sites of a sample lie in `positions` and `means`."""
        last = int(self.counts[: row + 1].sum())
        return slice(last - int(self.counts[row]), last)

    def save(self, target: Target) -> None:
        """Write an npz file of arrays, without pickles."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(target, **arrays)

    @classmethod
    def load(cls, source: Target) -> Trajectory:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If an array is missing.
        """
        with np.load(source, allow_pickle=False) as arrays:
            missing = [field.name for field in fields(cls) if field.name not in arrays]
            if missing:
                raise ValueError(f"{source} is not a trajectory: it lacks {', '.join(missing)}")
            found = {field.name: arrays[field.name] for field in fields(cls)}
            return cls(**{**found, "way": str(found["way"])})
