"""Reports as HTML pages: one host in one file, or many with an index and one copy of the viewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.outputs import open_staging
from aiida_hpaint.science.processes import map_in_processes
from aiida_hpaint.science.report.content import collect_content, name_group
from aiida_hpaint.science.report.host_results import HostResult
from aiida_hpaint.science.report.verdict import judge_host
from aiida_hpaint.science.structures.display import format_formula
from aiida_hpaint.science.structures.safe_text import make_safe_names
from aiida_hpaint.science.viewer import (
    INSERTED,
    LIBRARY,
    LICENCE,
    SCRIPT,
    make_environment,
    read_asset,
)

__all__ = ["REPORT", "load_templates", "render_host", "write_reports"]

REPORT = "report.html"
"""The page of a single host, or the index of many."""

PAGES = "reports"
"""Folder of the pages of many hosts."""

_OURS = '<meta name="generator" content="aiida-hpaint'


@dataclass(frozen=True)
class _Row:
    """One row of the index."""

    label: str
    link: str
    formula: str
    inserted: str
    light: str
    verdict: str
    confidence: float
    percent: str
    energy: float
    gap: float
    group: str
    process: str


def write_reports(
    results: Sequence[HostResult],
    folder: Path,
    *,
    title: str = "",
    alone: bool = False,
    processes: int = 1,
) -> Path:
    """Write the report of a restoration.

    Of one host it is the file `report.html`, which needs no other one. Of several hosts
    `report.html` is an index; the page of each is in the folder `reports`, with one copy of the
    viewer beside them.

    Parameters
    ----------
    results
        Samples of each host.
    folder
        Folder of the files of the hosts, which is made if it does not exist.
    title
        Title of the index, such as the name of a campaign.
    alone
        Give each page of many a copy of the viewer, so that it can be sent on its own.
    processes
        Largest number of processes that write pages of many; see `map_in_processes`.

    Returns
    -------
    Path
        The page to open.
    """
    names = make_safe_names(result.label for result in results)
    with open_staging(folder) as staging:
        if len(results) == 1:
            content = collect_content(results[0], names[0])
            _write(staging / REPORT, render_host(content, folder))
        else:
            pages = staging / PAGES
            pages.mkdir()
            write = partial(_write_page, pages, folder, None if alone else LIBRARY)
            items = list(zip(results, names, strict=True))
            rows = list(map_in_processes(write, items, processes))
            for asset in () if alone else (LIBRARY, LICENCE):
                _write(pages / asset, read_asset(asset))
            index = {"title": title, "rows": rows, "files": _list_files(folder, "")}
            _write(staging / REPORT, _render("index.html", index))
        _remove_pages(folder / PAGES)
    return folder / REPORT


def render_host(
    content: Mapping[str, Any], folder: Path | None = None, library: str | None = None, up: str = ""
) -> str:
    """Return the page of one host.

    Parameters
    ----------
    content
        What `collect_content` returned.
    folder
        Folder with the files of the host: those that are there are linked.
    library
        Address of the viewer; None puts it into the page.
    up
        Address of the folder with the files of the host, empty or with a slash at its end.
    """
    more = {
        "library": library,
        "library_text": read_asset(LIBRARY) if library is None else "",
        "script": read_asset(SCRIPT),
        "inserted_colour": INSERTED,
        "up": up,
        "files": _list_files(folder, str(content["name"]), content["is_held"]),
    }
    return _render("host.html", {**content, **more})


def _write_page(
    pages: Path, folder: Path, library: str | None, item: tuple[HostResult, str]
) -> _Row:
    """Write the page of one of many hosts, and return its row of the index."""
    result, name = item
    content = collect_content(result, name)
    _write(pages / f"{name}.html", render_host(content, folder, library, up="../"))
    return _make_row(result, name)


def _make_row(result: HostResult, name: str) -> _Row:
    verdict, best = judge_host(result), result.best
    scalars = {} if best is None else {key: v[0].item() for key, v in best.scalars.items()}
    above = 1000 * result.ranked.scalars["energy_above_best"][1:2]
    title = verdict.title.partition(":")[0] + (", with a notice" if verdict.notices else "")
    return _Row(
        label=result.label,
        link=f"{PAGES}/{name}.html",
        formula=format_formula(result.samples[0] if best is None else best),
        inserted=result.inserted,
        light=verdict.light,
        verdict=title,
        confidence=float(scalars.get("confidence", np.nan)),
        percent=result.confidence,
        energy=float(scalars.get("energy", np.nan)),
        gap=float(above[0]) if len(above) else np.nan,
        group=name_group(int(scalars.get("space_group") or 0)),
        process="" if result.process is None else result.process.name,
    )


def _list_files(folder: Path | None, name: str, is_held: bool = False) -> list[tuple[str, str]]:
    """Return the files of one host and of all that are in a folder, and what they hold."""
    known = {
        f"{name}.cif": "the CIF of the host, with the inserted sites",
        f"{name}_relaxed.cif": "inserted sites relaxed" if is_held else "all sites relaxed",
        f"{name}_dft.cif": "the lowest by DFT",
        "candidates.extxyz": "all candidates",
        "samples.csv": "status and energy of every sample",
        "validation.csv": "energies by DFT",
    }
    if folder is None:
        return []
    return [(file, words) for file, words in known.items() if (folder / file).is_file()]


def _remove_pages(pages: Path) -> None:
    """Remove pages that an earlier run wrote, which may be of other hosts."""
    for path in pages.glob("*.html"):
        if _OURS in path.read_text(encoding="utf-8", errors="replace")[:1000]:
            path.unlink()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _render(template: str, content: Mapping[str, Any]) -> str:
    """Return a page; all texts in the content are escaped, and scripts need its nonce to run."""
    digest = sha256(repr(sorted(content.items(), key=lambda item: item[0])).encode()).hexdigest()
    known = {"version": __version__, "nonce": digest[:32]}
    return str(_load_environment().get_template(template).render({**content, **known}))


def load_templates() -> None:
    """Compile the templates of all pages, before the first page needs them."""
    environment = _load_environment()
    for name in environment.list_templates(extensions=["html"]):
        environment.get_template(name)


@cache
def _load_environment() -> Any:
    """Return what fills the templates; it keeps what it has compiled."""
    environment = make_environment("aiida_hpaint.science.report")
    environment.filters["number"] = _format_number
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    return environment


def _format_number(value: Any, decimals: int = 2) -> str:
    """Return a number with a true minus sign; a dash for what is not a number."""
    if value is None or not np.isfinite(value):
        return "\N{EN DASH}"
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")
