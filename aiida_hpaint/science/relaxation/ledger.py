"""The ledger of a relaxation: the results so far of every sample, finished or not.

A relaxation can end before its samples do, when the walltime of a job is over. So results live in
one place that can be turned into a batch at any time, and be read from that batch again: rounds and
optimisers hold only what a later call can compute anew.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.science.structures.status import ACTIVE, SampleStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from aiida_hpaint.science.structures.batch import StructureBatch
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

MARK = "unfinished"
"""Metadata of an unfinished sample: stage, steps, evaluated; removed when it finishes."""

BROKEN = frozenset(
    {
        SampleStatus.COLLAPSED,
        SampleStatus.IMPLAUSIBLE_ENERGY,
        SampleStatus.NOT_A_NUMBER,
        SampleStatus.FAILED,
    }
)
"""Statuses of samples whose energy is meaningless and stored as NaN."""


@dataclass
class Ledger:
    """Results of all S samples of a batch with N sites, updated after each evaluation.

    Attributes
    ----------
    stage : string
        Name of the stage, to find unfinished samples of the same stage again.
    frac : (N, 3) floats
        Fractional coordinates.
    cells : (S, 3, 3) floats
        Lattice vectors as rows, in Å.
    energy, energy_sampled, max_force : (S,) floats
        Energy, energy of the first evaluation (eV) and largest force (eV/Å); NaN where unknown.
    max_stress : (S,) floats
        Largest component of the stress that may still change the cell (GPa); NaN where it is fixed.
    evaluations : (S,) integers
        Number of evaluations over all stages.
    steps : (S,) integers
        Number of optimiser steps in this stage.
    evaluated : (S,) booleans
        Whether there was an evaluation in this stage.
    status : list of S statuses
        Status of each sample.
    metadata : list of S mappings
        Metadata of the samples, to which errors and marks of unfinished samples are added.
    """

    stage: str
    frac: FloatArray
    cells: FloatArray
    energy: FloatArray
    energy_sampled: FloatArray
    max_force: FloatArray
    max_stress: FloatArray
    evaluations: IntArray
    steps: IntArray
    evaluated: BoolArray
    status: list[SampleStatus]
    metadata: list[dict[str, Any]]

    @classmethod
    def open(cls, batch: StructureBatch, stage: str) -> Ledger:
        """Return the ledger before the stage begins."""
        statuses = batch.scalars.get("status", np.full(len(batch), SampleStatus.SAMPLED.value))
        marks = [entry.get(MARK, {}) for entry in batch.metadata]
        marks = [mark if mark.get("stage") == stage else {} for mark in marks]
        steps = np.array([mark.get("steps", 0) for mark in marks], dtype=np.int64)
        evaluated = np.array([mark.get("evaluated", False) for mark in marks], dtype=np.bool_)
        return cls(
            stage=stage,
            frac=batch.frac_coords.copy(),
            cells=batch.cells.copy(),
            energy=_read_scalar(batch, "energy"),
            energy_sampled=_read_scalar(batch, "energy_sampled"),
            max_force=_read_scalar(batch, "max_force"),
            max_stress=_read_scalar(batch, "max_stress"),
            evaluations=np.array(batch.scalars.get("steps", np.zeros(len(batch))), dtype=np.int64),
            steps=steps,
            evaluated=evaluated | (steps > 0),
            status=[SampleStatus(str(status)) for status in statuses],
            metadata=[dict(entry) for entry in batch.metadata],
        )

    def find_rows_to_relax(self) -> IntArray:
        """Return the rows of unfinished samples of this stage; without any, all alive ones."""
        stopped = [
            row
            for row, entry in enumerate(self.metadata)
            if self.status[row] is SampleStatus.UNFINISHED
            and entry.get(MARK, {}).get("stage") == self.stage
        ]
        alive = [row for row, status in enumerate(self.status) if status in ACTIVE]
        return np.array(stopped or alive, dtype=np.int64)

    def add_evaluation(self, rows: IntArray, energies: FloatArray, max_forces: FloatArray) -> None:
        """Add one evaluation of some samples."""
        self.energy[rows] = energies
        self.max_force[rows] = max_forces
        self.evaluations[rows] += 1
        self.evaluated[rows] = True
        first = rows[np.isnan(self.energy_sampled[rows])]
        self.energy_sampled[first] = self.energy[first]

    def close(self, row: int, status: SampleStatus, error: str | None = None) -> None:
        """Set the final status of a sample in this stage."""
        self.status[row] = status
        self.metadata[row].pop(MARK, None)
        if error is not None:
            self.metadata[row]["error"] = error
        if status in BROKEN:
            self.energy[row] = np.nan

    def mark_unfinished(self, row: int) -> None:
        """Mark a sample that the stage ended before it finished, with the steps it has taken."""
        self.status[row] = SampleStatus.UNFINISHED
        done = {"steps": int(self.steps[row]), "evaluated": bool(self.evaluated[row])}
        self.metadata[row][MARK] = {"stage": self.stage, **done}

    def to_batch(self, batch: StructureBatch, with_stress: bool = False) -> StructureBatch:
        """Return the batch with the results, `max_stress` among them where cells relax."""
        scalars: Mapping[str, NDArray[Any]] = {
            **batch.scalars,
            "energy": self.energy,
            "energy_sampled": self.energy_sampled,
            "max_force": self.max_force,
            "steps": self.evaluations,
            "status": np.array([status.value for status in self.status], dtype=np.str_),
            **({"max_stress": self.max_stress} if with_stress else {}),
        }
        return replace(
            batch,
            frac_coords=self.frac,
            cells=self.cells,
            scalars=scalars,
            metadata=tuple(self.metadata),
        )


def _read_scalar(batch: StructureBatch, name: str) -> FloatArray:
    return np.array(batch.scalars.get(name, np.full(len(batch), np.nan)), dtype=np.float64)
