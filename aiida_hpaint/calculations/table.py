"""The table of all samples as CSV."""

from __future__ import annotations

import csv
import io

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet

__all__ = ["TABLE_FILENAME", "table_csv"]

TABLE_FILENAME = "samples.csv"

_ALWAYS = (
    "host",
    "sample",
    "status",
    "rank",
    "energy",
    "energy_above_best",
    "energy_sampled",
    "max_force",
    "steps",
)
_WHERE_PRESENT = ("energy_scored", "origin", "parent", "space_group", "refined_by")


def table_csv(samples: StructureBatch) -> str:
    """One line a sample: label, host, sample, status, rank, energies, force, steps, error.

    What a score, proposals and a refinement add stands before the error. Energies are in eV
    (`energy_above_best` in eV per atom), forces in eV/Å, `refined_by` in Å; what is not known is
    empty, and a rank of -1 means not ranked.
    """
    names = [*_ALWAYS, *(name for name in _WHERE_PRESENT if name in samples.scalars)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["label", *names, "error"])
    columns = [map(_text, samples.scalars[name].tolist()) for name in names]
    errors = [str(entry.get("error", "")) for entry in samples.metadata]
    lines = zip(samples.labels, *columns, errors, strict=True)
    writer.writerows(map(escape_for_spreadsheet, line) for line in lines)
    return buffer.getvalue()


def _text(value: str | float | int) -> str | float | int:
    return "" if isinstance(value, float) and not np.isfinite(value) else value
