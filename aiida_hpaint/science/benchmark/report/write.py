"""write_report: what a benchmark found, as one HTML file; write_page: its figures alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from aiida_hpaint.science.benchmark.report.agreement_figure import (
    HEAD,
    NOTE,
    has_potentials,
    potential_rows,
)
from aiida_hpaint.science.benchmark.report.failures import Failure, count_reasons, find_failures
from aiida_hpaint.science.benchmark.report.figure_style import colours
from aiida_hpaint.science.benchmark.report.figures import as_svg, draw, draw_page, panels_of, save
from aiida_hpaint.science.benchmark.report.markup import (
    document,
    folded,
    heading,
    paragraph,
    picture,
    table,
)
from aiida_hpaint.science.benchmark.report.runs import Run, read_run
from aiida_hpaint.science.benchmark.report.tables import (
    FAILURE_HEAD,
    failure_rows,
    hash_rows,
    headline,
    settings_rows,
    version_rows,
)
from aiida_hpaint.science.benchmark.statistics.rows import COMPARISON, SETTINGS

TITLE = "Restoration benchmark"

LEAD = (
    "The element was taken out of reference structures, put back by each generator, and relaxed "
    "with the same potential as the references. Rates are shares of hosts (of samples, where one "
    "sample is meant) with their standard error, a bootstrap over hosts, and in brackets a 95 % "
    "interval (Wilson's), which has a width at 0 and 100 % too. “Matches” is the verdict "
    "of pymatgen's StructureMatcher with its defaults; an LES either matches or is lower in energy "
    "than the reference."
)


def write_run_report(folders: Mapping[str, Path], output: Path) -> None:
    """Write one HTML file that needs no other.

    Parameters
    ----------
    folders
        Folder of each generator, by the name that it gets in the report.
    output
        The file.

    Raises
    ------
    ValueError
        If there is no folder, or one is not what a finished benchmark leaves.
    """
    output.write_text(render_report(_read(folders)), encoding="utf-8")


def write_figures(folders: Mapping[str, Path], output: Path) -> None:
    """Write all figures on one page, as PNG or PDF by the ending; raises as `write_report`."""
    save(draw_page(_read(folders)), output)


def render_report(runs: Sequence[Run]) -> str:
    """The HTML of `write_report`."""
    names = [run.name for run in runs]
    dots = list(colours(names).values())
    strong = [0, 1] if any(run.relaxed for run in runs) else [0]
    rates = table(["", *names], headline(runs), dots=dots, numbers=True, strong=strong)
    pictures = [picture(as_svg(draw(panel, runs)), panel.caption) for panel in panels_of(runs)]
    relaxed = [run for run in runs if run.relaxed]
    return document(
        TITLE,
        [
            f"<h1>{TITLE}</h1>",
            paragraph(LEAD, "lead"),
            heading("Success and cost"),
            rates,
            heading("Figures"),
            *pictures,
            *_potentials(relaxed),
            *_failed(relaxed),
            heading("How it was measured"),
            *_measured(runs),
        ],
    )


def _potentials(runs: Sequence[Run]) -> list[str]:
    found = [run for run in runs if has_potentials(run)]
    tables = [
        paragraph(run.name) + table(HEAD, potential_rows(run.summary["potentials"]), numbers=True)
        for run in found
    ]
    return [heading("Potentials compared"), *tables, paragraph(NOTE, "note")] if found else []


def _failed(runs: Sequence[Run]) -> list[str]:
    if not runs:
        return []
    parts = (part for place, run in enumerate(runs) for part in _failures(run, place == 0))
    return [heading("Structures that were not restored"), *parts]


def _failures(run: Run, first: bool) -> list[str]:
    """Those that are no LES, and those that differ from their reference and lie below it."""
    failures = find_failures(run)
    if not failures:
        return [paragraph(f"{run.name}: all {len(run.rows)} match.")]
    lost = [failure for failure in failures if not failure.success]
    lower = [failure for failure in failures if failure.success]
    of = f"of {len(run.rows)}"
    parts = [
        (lost, f"{run.name}: {len(lost)} {of} neither match nor are lower (no LES)", first),
        (lower, f"{run.name}: {len(lower)} {of} are another structure, lower in energy", False),
    ]
    return [_folded_failures(some, title, unfolded) for some, title, unfolded in parts if some]


def _folded_failures(failures: list[Failure], title: str, unfolded: bool) -> str:
    reasons = [f"{reason}: {count}" for reason, count in count_reasons(failures).items()]
    text = paragraph("; ".join(reasons).capitalize() + ".", "note")
    return folded(title, text + table(FAILURE_HEAD, failure_rows(failures)), unfolded=unfolded)


def _measured(runs: Sequence[Run]) -> list[str]:
    rows, differing = settings_rows(runs)
    head = ["", *(run.name for run in runs)]
    unequal = [rows[place] for place in differing]
    shared = [[row[0], row[1]] for place, row in enumerate(rows) if place not in differing]
    return [
        *([paragraph("Generators differ in:"), table(head, unequal)] if unequal else []),
        folded("Settings of all generators", table(["", "value"], shared)),
        folded("SHA-256 of the files", table(["", "hash"], hash_rows(runs), hashes=True)),
        folded("Versions that wrote this report", table(["package", "version"], version_rows())),
    ]


def _read(folders: Mapping[str, Path]) -> list[Run]:
    if not folders:
        raise ValueError("a report needs at least one folder of a benchmark")
    return [read_run(name, folder) for name, folder in folders.items()]


REPORT = "report.html"


def write_report(folder: Path) -> Path:
    """Write report.html, figures.png and figures.pdf of one generator or of a comparison.

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    ValueError
        If the folder holds no finished benchmark.
    """
    folders = _folders(folder)
    write_run_report(folders, folder / REPORT)
    for ending in ("png", "pdf"):
        write_figures(folders, folder / f"figures.{ending}")
    return folder / REPORT


def _folders(folder: Path) -> dict[str, Path]:
    """Folder of each generator, by its name."""
    if (folder / COMPARISON).exists():
        names = json.loads((folder / COMPARISON).read_text(encoding="utf-8"))
        return {name: folder / place for name, place in names.items()}
    if not (folder / SETTINGS).exists():
        raise ValueError(f"{folder} holds no benchmark: run one into it first")
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return {settings["settings"]["sampling"]["generator"]: folder}
