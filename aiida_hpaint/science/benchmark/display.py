"""show: figures and report of benchmarks that are done."""

from __future__ import annotations

import json
from pathlib import Path

from aiida_hpaint.science.benchmark.report import write_page, write_report
from aiida_hpaint.science.benchmark.statistics.rows import COMPARISON, SETTINGS

REPORT = "report.html"


def show(folder: Path) -> Path:
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
    write_report(folders, folder / REPORT)
    for ending in ("png", "pdf"):
        write_page(folders, folder / f"figures.{ending}")
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
