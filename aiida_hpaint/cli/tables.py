"""The samples of a restoration, host by host, as a table and as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from aiida_hpaint.science.confidence import describe_confidence
from aiida_hpaint.science.evaluation.sample_table import TABLE_FILENAME, format_table
from aiida_hpaint.science.outputs import open_staging
from aiida_hpaint.science.plausibility.check_answers import get_findings
from aiida_hpaint.science.report.host_results import HostResult
from aiida_hpaint.science.structures import (
    StructureBatch,
    make_safe_names,
    remove_restored,
    write_extxyz,
    write_restored,
)
from aiida_hpaint.science.structures.cell_changes import (
    VOLUME_CHANGE,
    describe_cell_change,
    is_same_cell,
)

CANDIDATES_FILENAME = "candidates.extxyz"

_EXTRA = {"origin": "origin", "space group": "space_group", "volume\n%": VOLUME_CHANGE}
"""Columns that only some restorations have: title and scalar."""


def make_host_table(results: list[HostResult], files: Mapping[int, Path] | None = None) -> Table:
    """Return a table with a row for each host: its lowest candidate, and the gap to the next.

    Parameters
    ----------
    results
        Samples of each host.
    files
        CIF of each host, by its index in `results`; adds a column.
    """
    table = Table(title="Restored hosts")
    table.add_column("host", overflow="fold")
    table.add_column("inserted")
    for title in ("energy\neV", "next above\nmeV/atom", "max force\neV/Å"):
        table.add_column(title, justify="right")
    extra = [
        title
        for title, name in _EXTRA.items()
        if any(name in result.samples.scalars for result in results)
    ]
    for title in (*extra, "sure", "checks", "samples"):
        table.add_column(title, overflow="fold")
    if files:
        table.add_column("file", overflow="fold")
    for index, result in enumerate(results):
        more = [_extra(result, _EXTRA[title]) for title in extra]
        row = [
            result.label,
            result.inserted,
            *_numbers(result),
            *more,
            result.confidence,
            result.checks,
            result.statuses,
        ]
        if files:
            row.append(str(files.get(index, "")))
        table.add_row(*row)
    return table


def write_host_files(
    results: list[HostResult],
    samples: StructureBatch,
    folder: Path,
    formats: Sequence[str] = ("cif",),
) -> dict[int, Path]:
    """Write the best candidate of each host, all as extxyz, and all samples as CSV.

    The best candidate gets two files of each format: `NAME.cif` with the host as its source has it,
    and `NAME_relaxed.cif` with all sites relaxed. Files that an earlier run left for a host that
    now has no candidate are removed, if it was this package that wrote them.

    Returns
    -------
    dict
        First file of each host with a candidate, by its index in `results`.
    """
    ranked = np.flatnonzero(samples.scalars["rank"] >= 0)
    names = make_safe_names(result.label for result in results)
    files = {}
    with open_staging(folder) as staging:
        (staging / TABLE_FILENAME).write_text(format_table(samples), encoding="utf-8")
        if len(ranked):
            write_extxyz(samples[ranked], staging / CANDIDATES_FILENAME)
        for index, (name, result) in enumerate(zip(names, results, strict=True)):
            if result.best is not None:
                more: dict[str, Any] = {"host": result.host, "in_host": result.in_host}
                written = write_restored(result.best, staging, name, formats=formats, **more)
                files[index] = folder / written[0].name
    if not len(ranked):
        (folder / CANDIDATES_FILENAME).unlink(missing_ok=True)
    for name, result in zip(names, results, strict=True):
        if result.best is None:
            remove_restored(folder, name)
    return files


def describe_unrestored(results: list[HostResult]) -> list[str]:
    """Return one line for each host without an answer.

    It lists the checks that the best candidate fails or, where there is no candidate, the statuses
    of the samples and an error.
    """
    lines = []
    for result in results:
        if result.best is None:
            error = f": {result.error}" if result.error else ""
            lines.append(f"{result.label}: {result.statuses}{error}")
        elif not result.is_restored:
            lines.append(
                f"{result.label}: no candidate passes the checks: {'; '.join(result.failed)}"
            )
    return lines


def describe_confidences(results: list[HostResult]) -> list[str]:
    """Return one line for each host: what the confidence in its answer is based on."""
    described = [
        (result.label, describe_confidence(result.best))
        for result in results
        if result.best is not None
    ]
    return [f"{label}: {line}" for label, line in described if line]


def describe_cells(results: list[HostResult]) -> list[str]:
    """Return one line for each host whose cell relaxed: what became of it."""
    return [
        f"{result.label}: {describe_cell_change(result.host.cells[0], result.best.cells[0])}"
        for result in results
        if result.best is not None
        and result.host is not None
        and not is_same_cell(result.host.cells[0], result.best.cells[0])
    ]


def describe_notices(results: list[HostResult]) -> list[str]:
    """Return one line for each notice of the best candidate of each host."""
    return [
        f"{result.label}: {notice}"
        for result in results
        if result.best is not None
        for notice in get_findings(result.best, "notices")
    ]


def _extra(result: HostResult, name: str) -> str:
    """Return how the lowest candidate was generated, its space group, or the change of volume."""
    if result.best is None or name not in result.best.scalars:
        return "-"
    if name == VOLUME_CHANGE:
        return f"{result.best.scalars[name][0]:+.1f}"
    if name != "space_group":
        return str(result.best.scalars[name][0].item() or "-")
    from pymatgen.symmetry.groups import sg_symbol_from_int_number

    number = int(result.best.scalars[name][0])
    return f"{sg_symbol_from_int_number(number)} ({number})" if number else "-"


def _numbers(result: HostResult) -> list[str]:
    if result.best is None:
        return ["-", "-", "-"]
    scalars: Mapping[str, Any] = result.ranked.scalars
    passes = scalars.get("passes", np.ones(len(result.ranked), dtype=np.bool_))
    above = scalars["energy_above_best"][1:][passes[1:]]
    following = f"{1000 * above[0]:.1f}" if len(above) else "-"
    return [f"{scalars['energy'][0]:.4f}", following, f"{scalars['max_force'][0]:.3f}"]
