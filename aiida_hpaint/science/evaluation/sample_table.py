"""The table of all samples as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet

__all__ = ["TABLE_FILENAME", "find_other_hosts", "format_table"]

TABLE_FILENAME = "samples.csv"

_COLUMNS = (
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

_OPTIONAL_COLUMNS = (
    "energy_scored",
    "energy_searched",
    "energy_fixed_cell",
    "ranked_by",
    "cell_repeats",
    "origin",
    "parent",
    "round",
    "found",
    "repeats",
    "space_group",
    "refined_by",
    "passes",
    "max_stress",
    "volume_change",
    "host_displacement",
    "confidence",
)


def format_table(samples: StructureBatch) -> str:
    """Return a CSV table with one line per sample.

    The columns are label, host, sample, status, rank, energies, maximum force, steps, how often the
    searched cell is contained in the host's, those that scores, proposals and refinements add, and
    the error. Energies are in eV (`energy_above_best`
    in eV per atom), forces in eV/Å, `refined_by` in Å; unknown values are empty, and a rank of -1
    means not ranked.
    """
    names = [*_COLUMNS, *(name for name in _OPTIONAL_COLUMNS if name in samples.scalars)]
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


def find_other_hosts(folder: Path, labels: Iterable[str]) -> list[str]:
    """Return the hosts whose samples an earlier run wrote into a folder, without some `labels`."""
    known = {escape_for_spreadsheet(label) for label in labels}
    try:
        with (folder / TABLE_FILENAME).open(encoding="utf-8", newline="") as stream:
            found = [row.get("label") for row in csv.DictReader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error):
        return []
    return [label for label in dict.fromkeys(found) if label and label not in known]
