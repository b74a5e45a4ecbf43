"""The samples of a restoration, host by host, as a table and as files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table

from aiida_hpaint.science.confidence import SURE, describe_confidence
from aiida_hpaint.science.evaluation.sample_table import TABLE_FILENAME, format_table
from aiida_hpaint.science.evaluation.validation import VALIDATION_FILENAME
from aiida_hpaint.science.outputs import open_staging
from aiida_hpaint.science.plausibility.check_answers import get_findings
from aiida_hpaint.science.processes import map_in_processes
from aiida_hpaint.science.report.host_results import HostResult
from aiida_hpaint.science.structures import (
    StructureBatch,
    make_safe_names,
    remove_restored,
    write_extxyz,
    write_restored,
)
from aiida_hpaint.science.structures.cell_changes import name_cell_change
from aiida_hpaint.science.structures.geometric import count_drawn, count_geometric
from aiida_hpaint.science.structures.writing.space_group_names import name_type

CANDIDATES_FILENAME = "candidates.extxyz"
TRAJECTORY_FILENAME = "trajectory.npz"


def make_host_table(results: list[HostResult]) -> Table:
    """Return a table with a row for each host: its lowest candidate, and how sure it is."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("host", no_wrap=True)
    table.add_column("added", no_wrap=True)
    table.add_column("next at\nmeV/atom", justify="right", no_wrap=True)
    has_groups = any("space_group" in result.samples.scalars for result in results)
    if has_groups:
        table.add_column("space group", no_wrap=True)
    table.add_column("samples\nagree", justify="right", no_wrap=True)
    table.add_column("sure", justify="right", no_wrap=True)
    table.add_column("checks", no_wrap=True)
    for result in results:
        table.add_row(
            result.label,
            result.inserted,
            _format_gap(result),
            *([_name_space_group(result)] if has_groups else []),
            result.agreement,
            result.confidence,
            result.checks.partition(":")[0],
        )
    return table


def write_host_files(
    results: list[HostResult],
    samples: StructureBatch,
    folder: Path,
    formats: Sequence[str] = ("cif",),
    processes: int = 1,
) -> dict[int, Path]:
    """Write the best candidate of each host, all as extxyz, and all samples as CSV.

    The best candidate gets two files of each format: `NAME.cif` with the host as its source has it,
    and `NAME_relaxed.cif` with all sites relaxed. Other files that an earlier run left for these
    hosts are removed, if it was this package that wrote them. Many hosts are shared by some
    `processes`; see `map_in_processes`.

    Returns
    -------
    dict
        First file of each host with a candidate, by its index in `results`.
    """
    ranked = np.flatnonzero(samples.scalars["rank"] >= 0)
    names = make_safe_names(result.label for result in results)
    with open_staging(folder) as staging:
        (staging / TABLE_FILENAME).write_text(format_table(samples), encoding="utf-8")
        if len(ranked):
            write_extxyz(samples[ranked], staging / CANDIDATES_FILENAME)
        items = list(zip(results, names, strict=True))
        written = list(map_in_processes(partial(_write_best, staging, formats), items, processes))
    earlier = (VALIDATION_FILENAME, TRAJECTORY_FILENAME)
    for other in earlier if len(ranked) else (CANDIDATES_FILENAME, *earlier):
        (folder / other).unlink(missing_ok=True)
    for name, files in zip(names, written, strict=True):
        remove_restored(folder, name, keep=files)
    return {index: folder / files[0] for index, files in enumerate(written) if files}


def _write_best(folder: Path, formats: Sequence[str], item: tuple[HostResult, str]) -> list[str]:
    """Write the best candidate of a host; return the names of its files, none without one."""
    result, name = item
    if result.best is None:
        return []
    more: dict[str, Any] = {"host": result.host, "formats": formats}
    return [path.name for path in write_restored(result.best, folder, name, **more)]


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


def describe_samples(results: list[HostResult]) -> list[str]:
    """Return one line for each host: energy and forces of the best, what became of the others."""
    lines = []
    for result in results:
        line = f"{result.label}: {result.statuses}"
        if result.best is not None:
            energy, force = (result.best.scalars[one][0] for one in ("energy", "max_force"))
            line += f"; lowest at {energy:.4f} eV, largest force {force:.3f} eV/Å"
        lines.append(line)
    return lines


def describe_confidences(results: list[HostResult], with_sure: bool = True) -> list[str]:
    """Return one line for each host: what the confidence in its answer is based on.

    Parameters
    ----------
    results
        Samples of each host.
    with_sure
        Include answers whose confidence is at least `SURE` because independent samples agree.
    """
    described = [
        (result.label, describe_confidence(result.best))
        for result in results
        if result.best is not None and (with_sure or not _is_sure_by_agreement(result.best))
    ]
    return [f"{label}: {line}" for label, line in described if line]


def _is_sure_by_agreement(answer: StructureBatch) -> bool:
    evidence = answer.metadata[0].get("confidence", {}).get("evidence", {})
    confidence = answer.scalars.get("confidence", np.zeros(1))[0]
    return bool(confidence >= SURE and evidence.get("found", 0) > 1)


def describe_cells(results: list[HostResult]) -> list[str]:
    """Return one line for each host whose cell changed: by what, and what became of it."""
    return [
        f"{name_cell_change(result.best)}: {result.label}: {result.cell_change}"
        for result in results
        if result.best is not None and result.cell_change
    ]


def describe_notices(results: list[HostResult]) -> list[str]:
    """Return one line for each notice of the best candidate of each host."""
    return [
        f"{result.label}: {notice}"
        for result in results
        if result.best is not None
        for notice in get_findings(result.best, "notices")
    ]


def describe_beginnings(results: list[HostResult]) -> list[str]:
    """Return lines on hosts whose H began in geometric positions, or at atoms that were drawn."""
    answers = [(result.label, result.best) for result in results if result.best is not None]
    return [
        f"{label}: {count} of {int(best.insert_counts[0])} H began {where}"
        for label, best in answers
        for count, where in (
            (count_geometric(best), "in geometric positions"),
            (count_drawn(best), "at atoms that were drawn by bond valences"),
        )
        if count
    ]


def _name_space_group(result: HostResult) -> str:
    """Return symbol and number of the space group of the lowest candidate."""
    best = result.best
    number = int(best.scalars["space_group"][0]) if best is not None else 0
    return f"{name_type(number)} ({number})" if number else "-"


def _format_gap(result: HostResult) -> str:
    """Return how far the next candidate that passes the checks is above the lowest, meV/atom."""
    scalars: Mapping[str, Any] = result.ranked.scalars
    if result.best is None:
        return "-"
    passes = scalars.get("passes", np.ones(len(result.ranked), dtype=np.bool_))
    above = scalars["energy_above_best"][1:][passes[1:]]
    return f"{1000 * above[0]:.1f}" if len(above) else "-"
