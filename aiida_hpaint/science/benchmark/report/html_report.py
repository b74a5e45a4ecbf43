"""The report of a benchmark: one HTML file, and its figures on one page."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida_hpaint.science.benchmark.report.failures import count_reasons, find_failures
from aiida_hpaint.science.benchmark.report.figure_style import pick_colours
from aiida_hpaint.science.benchmark.report.figures import (
    draw_all_panels,
    draw_panel,
    render_svg,
    save_figure,
    select_panels,
)
from aiida_hpaint.science.benchmark.report.hosts import picture_hosts, tabulate_hosts
from aiida_hpaint.science.benchmark.report.runs import Run, read_run
from aiida_hpaint.science.benchmark.report.tables import (
    FAILURE_HEAD,
    HOST_HEAD,
    POTENTIAL_HEAD,
    RELIABILITY_HEAD,
    tabulate_failures,
    tabulate_hashes,
    tabulate_potentials,
    tabulate_rates,
    tabulate_reliability,
    tabulate_settings,
    tabulate_splits,
    tabulate_versions,
)
from aiida_hpaint.science.benchmark.statistics.rows import COMPARISON, SETTINGS
from aiida_hpaint.science.outputs import open_staging

REPORT = "report.html"


def write_report(folder: Path) -> Path:
    """Write report.html, figures.png and figures.pdf of one generator or of a comparison.

    Returns
    -------
    Path
        Path of the report.

    Raises
    ------
    ValueError
        If the folder holds no finished benchmark.
    """
    runs = read_runs(_find_folders(folder))
    with open_staging(folder) as staging:
        (staging / REPORT).write_text(render_report(runs), encoding="utf-8")
        for ending in ("png", "pdf"):
            save_figure(draw_all_panels(runs), staging / f"figures.{ending}")
    return folder / REPORT


def read_runs(folders: Mapping[str, Path]) -> list[Run]:
    """Read the folder of each generator; keys are the names that generators get in the report.

    Raises
    ------
    ValueError
        If there is no folder, or one does not hold a finished benchmark.
    """
    if not folders:
        raise ValueError("a report needs at least one folder of a benchmark")
    return [read_run(name, folder) for name, folder in folders.items()]


def render_report(runs: Sequence[Run]) -> str:
    """Return the HTML of a report, which needs no other file."""
    relaxed = [run for run in runs if run.relaxed]
    settings, differing = tabulate_settings(runs)
    return fill_template(
        {
            "names": [run.name for run in runs],
            "colours": list(pick_colours([run.name for run in runs]).values()),
            "rates": tabulate_rates(runs),
            "emphasised": [0, 2] if relaxed else [0],
            "splits": tabulate_splits(runs),
            "reliability_head": RELIABILITY_HEAD,
            "reliability": [
                {"name": run.name, "rows": rows}
                for run in runs
                if (rows := tabulate_reliability(run))
            ],
            "figures": [
                {
                    "source": "data:image/svg+xml;base64,"
                    + b64encode(render_svg(draw_panel(panel, runs))).decode(),
                    "caption": panel.caption,
                }
                for panel in select_panels(runs)
            ],
            "potential_head": POTENTIAL_HEAD,
            "potentials": [
                {"name": run.name, "rows": tabulate_potentials(run.summary["potentials"])}
                for run in relaxed
                if run.has_potentials
            ],
            "failure_head": FAILURE_HEAD,
            "failures": [_describe_failures(run, run is relaxed[0]) for run in relaxed],
            "host_head": HOST_HEAD,
            "hosts": [_show_hosts(run) for run in relaxed],
            "differing": [settings[place] for place in differing],
            "shared": [row[:2] for place, row in enumerate(settings) if place not in differing],
            "hashes": tabulate_hashes(runs),
            "versions": tabulate_versions(),
        }
    )


def fill_template(content: Mapping[str, Any]) -> str:
    """Return the page of `templates/report.html`; all texts in the content are escaped."""
    # Jobs write rows without jinja2, which computers that only run jobs need not have.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("aiida_hpaint.science.benchmark.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(content)


def _find_folders(folder: Path) -> dict[str, Path]:
    """Return the folder of each generator by its name."""
    if (folder / COMPARISON).exists():
        names = json.loads((folder / COMPARISON).read_text(encoding="utf-8"))
        return {name: folder / place for name, place in names.items()}
    if not (folder / SETTINGS).exists():
        raise ValueError(f"{folder} holds no benchmark: run one into it first")
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    return {settings["settings"]["sampling"]["generator"]: folder}


def _show_hosts(run: Run) -> dict[str, Any]:
    """Return what the report says of every host."""
    pictured, more = picture_hosts(run)
    return {"name": run.name, "rows": tabulate_hosts(run), "pictured": pictured, "more": more}


def _describe_failures(run: Run, is_first: bool) -> dict[str, Any]:
    """Return what the report says of hosts without a match: LES failures, then LES successes."""
    failures = find_failures(run)
    lost = [failure for failure in failures if not failure.success]
    lower = [failure for failure in failures if failure.success]
    of = f"of {len(run.rows)}"
    groups = [
        (lost, f"{run.name}: {len(lost)} {of} neither match nor are lower (no LES)", is_first),
        (lower, f"{run.name}: {len(lower)} {of} are another structure, lower in energy", False),
    ]
    return {
        "name": run.name,
        "hosts": len(run.rows),
        "groups": [
            {
                "title": title,
                "is_open": is_open,
                "reasons": "; ".join(
                    f"{reason}: {count}" for reason, count in count_reasons(some).items()
                ).capitalize()
                + ".",
                "rows": tabulate_failures(some),
            }
            for some, title, is_open in groups
            if some
        ],
    }
