"""DiffusionTrajectoryData: a node with the paths of inserted sites during sampling."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from aiida.orm import Data

from aiida_hpaint.data.caching import ContentCaching
from aiida_hpaint.science.structures.trajectory import Trajectory

__all__ = ["DiffusionTrajectoryData", "to_node"]


class DiffusionTrajectoryData(Data):
    """An immutable node with a Trajectory; the job that made it also returned the samples.

    The arrays are in the file `trajectory.npz` of the node's repository. The attributes are for
    queries: `n_samples`, `n_sites` (inserted sites of all samples), `n_steps` (recorded),
    `last_step` (number of steps made), `scheme` and `sha256` of the content.

    Parameters
    ----------
    trajectory
        Trajectory to store.
    """

    FILENAME = "trajectory.npz"
    _CLS_NODE_CACHING = ContentCaching

    def __init__(self, trajectory: Trajectory, **kwargs: Any) -> None:
        if not isinstance(trajectory, Trajectory):
            raise TypeError(f"a Trajectory is needed, got {type(trajectory).__name__}")
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        buffer = BytesIO()
        trajectory.save(buffer)
        buffer.seek(0)
        self.base.repository.put_object_from_filelike(buffer, self.FILENAME)  # type: ignore[arg-type]
        self.base.attributes.set_many(_attributes(trajectory))

    @cached_property
    def trajectory(self) -> Trajectory:
        """Trajectory with read-only arrays; the file is read once."""
        with self.base.repository.open(self.FILENAME, mode="rb") as handle:
            found = Trajectory.load(BytesIO(handle.read()))
        for values in _arrays(found).values():
            values.flags.writeable = False
        return found

    @property
    def value(self) -> Trajectory:
        """Trajectory, under the name that aiida-pythonjob uses."""
        return self.trajectory

    def __len__(self) -> int:
        return int(self.base.attributes.get("n_samples"))

    def _validate(self) -> bool:
        super()._validate()
        if self.FILENAME not in self.base.repository.list_object_names():
            raise ValueError(f"the file {self.FILENAME} is missing")
        return True


def to_node(trajectory: Trajectory, user: Any = None) -> DiffusionTrajectoryData:
    """Make the node of a trajectory; aiida-pythonjob calls this for outputs of jobs."""
    return DiffusionTrajectoryData(trajectory, user=user)


def _arrays(trajectory: Trajectory) -> dict[str, np.ndarray[Any, Any]]:
    return {f.name: getattr(trajectory, f.name) for f in fields(trajectory) if f.name != "scheme"}


def _attributes(trajectory: Trajectory) -> dict[str, Any]:
    digest = hashlib.sha256(trajectory.scheme.encode())
    for name, values in _arrays(trajectory).items():
        digest.update(f"{name} {values.dtype} {values.shape}\n".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return {
        "n_samples": len(trajectory),
        "n_sites": int(trajectory.counts.sum()),
        "n_steps": len(trajectory.steps),
        "last_step": int(trajectory.steps[-1]) if len(trajectory.steps) else 0,
        "scheme": trajectory.scheme,
        "sha256": digest.hexdigest(),
    }
