"""Trajectories of the inserted sites of samples during the sampling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from io import BytesIO
from pathlib import Path
from typing import IO, Any
from zipfile import is_zipfile

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.outputs import replace_file
from aiida_hpaint.science.structures.archives import check_npz
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.npz import load_npz, save_npz
from aiida_hpaint.science.structures.primitive import number_searches

__all__ = ["Recording", "Trajectory", "join_recordings"]

_Target = Path | IO[bytes]


@dataclass(frozen=True)
class Trajectory:
    """Positions of the inserted sites of R samples, M in all, during F sampling steps.

    Attributes
    ----------
    times : (F,)
        Diffusion time at the beginning of each recorded step.
    positions : (F + 1, M, 3) float32
        Fractional coordinates in the cells of the hosts: initial noise, then after each step.
    means : (F, M, 3) float32
        The same without the noise added in each step; NaN for jumps back to higher noise.
    counts : (R,)
        Number of inserted sites of each sample, in the order of the sampled batch.
    hosts, samples : (R,)
        Scalars `host` and `sample` of each row.
    steps : (F,)
        Numbers of the recorded steps, from 1 on; jumps of RePaint count as steps.
    scheme
        Inpainting scheme, see `aiida_hpaint.science.diffusion.sampling.schemes`.
    """

    times: NDArray[np.float64]
    positions: NDArray[np.float32]
    means: NDArray[np.float32]
    counts: NDArray[np.int64]
    hosts: NDArray[np.int64]
    samples: NDArray[np.int64]
    steps: NDArray[np.int64]
    scheme: str

    def __len__(self) -> int:
        return len(self.counts)

    def __getitem__(self, rows: Sequence[int]) -> Trajectory:
        """Return the trajectory of some of the samples."""
        rows = list(rows)
        offsets = np.cumsum(self.counts) - self.counts
        parts = [np.arange(offsets[row], offsets[row] + self.counts[row]) for row in rows]
        chosen = np.concatenate([np.zeros(0, dtype=np.int64), *parts])
        return replace(
            self,
            positions=self.positions[:, chosen],
            means=self.means[:, chosen],
            counts=self.counts[rows],
            hosts=self.hosts[rows],
            samples=self.samples[rows],
        )

    def sites(self, row: int) -> slice:
        """Return where the sites of a sample are in `positions` and `means`."""
        last = int(self.counts[: row + 1].sum())
        return slice(last - int(self.counts[row]), last)

    def save(self, target: _Target) -> None:
        """Write an npz file of arrays, without pickles."""
        arrays: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        np.savez_compressed(target, **arrays)

    @classmethod
    def load(cls, source: _Target) -> Trajectory:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If an array is missing, or the file is too large: see `check_npz`.
        """
        check_npz(source)
        with np.load(source, allow_pickle=False) as arrays:
            missing = [field.name for field in fields(cls) if field.name not in arrays]
            if missing:
                raise ValueError(f"{source} is not a trajectory: it lacks {', '.join(missing)}")
            found = {field.name: arrays[field.name] for field in fields(cls)}
            return cls(**{**found, "scheme": str(found["scheme"])})


@dataclass(frozen=True)
class Recording:
    """Samples before any relaxation, with the trajectories of their inserted sites.

    Attributes
    ----------
    samples : R structures
        Their inserted sites are those of the trajectory, in the same order.
    trajectory
        Trajectories of the same R samples.

    Raises
    ------
    ValueError
        If the two do not belong together.
    """

    samples: StructureBatch
    trajectory: Trajectory

    def __post_init__(self) -> None:
        if not np.array_equal(self.samples.insert_counts, self.trajectory.counts):
            raise ValueError(
                f"samples and trajectory do not belong together: {len(self.samples)} samples with "
                f"{self.samples.insert_counts.sum()} inserted sites, and a trajectory of "
                f"{len(self.trajectory)} with {self.trajectory.counts.sum()}"
            )

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: Sequence[int]) -> Recording:
        """Return the recording of some of the samples."""
        return Recording(self.samples[list(rows)], self.trajectory[rows])

    def frames(self, row: int) -> StructureBatch:
        """Return one structure per recorded step, counted by `step`, without history."""
        sample = self.samples[row]
        found = self.trajectory.positions[:, self.trajectory.sites(row)]
        coords = np.repeat(sample.frac_coords[None], len(found), axis=0)
        coords[:, sample.inserted] = found
        bare = replace(sample, metadata=(), history=())
        frames = bare[[0] * len(found)].with_coords(coords.reshape(-1, 3))
        return frames.with_scalars(step=np.append(0, self.trajectory.steps))

    def save(self, path: Path | str) -> None:
        """Write both to one npz file, from which `load_npz` reads the samples."""
        arrays: dict[str, Any] = {}
        for part in (lambda file: save_npz(self.samples, file), self.trajectory.save):
            buffer = BytesIO()
            part(buffer)
            buffer.seek(0)
            with np.load(buffer, allow_pickle=False) as file:
                arrays |= dict(file)
        with replace_file(Path(path)) as new, new.open("wb") as target:
            np.savez_compressed(target, **arrays)

    @classmethod
    def load(cls, path: Path) -> Recording:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If it is no such file, or an array is missing.
        """
        if not is_zipfile(path):
            raise ValueError(f"{path} is no recording: those end in .npz")
        return cls(load_npz(path), Trajectory.load(path))


def join_recordings(recordings: Sequence[Recording]) -> Recording:
    """Return the recordings of all searches of the same hosts as one, with numbers of samples.

    Their cells may differ; their times are the same.
    """
    numbered = [number_searches(one.samples) for one in recordings]
    paths = [one.trajectory for one in recordings]
    joined = replace(
        paths[0],
        positions=np.concatenate([path.positions for path in paths], axis=1),
        means=np.concatenate([path.means for path in paths], axis=1),
        counts=np.concatenate([path.counts for path in paths]),
        hosts=np.concatenate([path.hosts for path in paths]),
        samples=np.concatenate([samples.scalars["sample"] for samples in numbered]),
    )
    return Recording(concatenate(numbered), joined)
