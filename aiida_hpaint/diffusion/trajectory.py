"""Trajectory: where the sought sites of samples were at each noise level."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Trajectory:
    """How the sought sites of R samples, M in all, moved over F steps.

    Attributes
    ----------
    times : (F,)
        Diffusion time from which each step was made; RePaint's jumps back up are steps as well.
    positions : (F + 1, M, 3) float32
        Fractional coordinates in the cells of the hosts, from the first noise to the sample.
    means : (F, M, 3) float32
        The same without the fresh noise of each step; NaN for jumps back up.
    counts : (R,)
        Number of sought sites of each sample, in the order of the sampled batch.
    hosts, samples : (R,)
        Scalars `host` and `sample` of each row.
    """

    times: NDArray[np.float64]
    positions: NDArray[np.float32]
    means: NDArray[np.float32]
    counts: NDArray[np.int64]
    hosts: NDArray[np.int64]
    samples: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.counts)

    def sites(self, row: int) -> slice:
        """Where the sites of a sample lie in `positions` and `means`."""
        last = int(self.counts[: row + 1].sum())
        return slice(last - int(self.counts[row]), last)

    def save(self, path: Path) -> None:
        """Write an npz file of arrays, without pickles."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path) -> Trajectory:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If an array is missing.
        """
        with np.load(path, allow_pickle=False) as arrays:
            missing = [field.name for field in fields(cls) if field.name not in arrays]
            if missing:
                raise ValueError(f"{path} is not a trajectory: it lacks {', '.join(missing)}")
            return cls(**{field.name: arrays[field.name] for field in fields(cls)})
