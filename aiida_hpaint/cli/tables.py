"""The samples of a restoration, host by host, as a table and as files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from aiida_hpaint.calculations.ranking import TABLE_FILENAME, format_table
from aiida_hpaint.science.confidence import describe_confidence, format_confidence
from aiida_hpaint.science.evaluation import find_answers
from aiida_hpaint.science.plausibility.check_answers import get_findings, name_findings
from aiida_hpaint.science.structures import (
    StructureBatch,
    make_safe_names,
    remove_restored,
    write_extxyz,
    write_restored,
)
from aiida_hpaint.science.structures.distinct_names import make_distinct
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.insertion import ISOTOPE

CANDIDATES_FILENAME = "candidates.extxyz"

_EXTRA = {"origin": "origin", "space group": "space_group"}
"""Columns that only some restorations have: title and scalar."""


@dataclass(frozen=True)
class HostResult:
    """The samples of one host.

    Attributes
    ----------
    label
        Label of the host.
    samples
        All samples.
    ranked
        The candidates (samples with a rank), in that order.
    host
        The host, with what is known of its source; None if it is not at hand.
    in_host
        The best candidate while its host was fixed; None if it is not at hand.
    """

    label: str
    samples: StructureBatch
    ranked: StructureBatch
    host: StructureBatch | None = None
    in_host: StructureBatch | None = None

    @property
    def best(self) -> StructureBatch | None:
        """The candidate of rank 0, a batch of one structure; None if there is none."""
        return self.ranked[0] if len(self.ranked) else None

    @property
    def failed(self) -> list[str]:
        """The checks that the best candidate fails, one sentence each."""
        return [] if self.best is None else get_findings(self.best)

    @property
    def is_restored(self) -> bool:
        """Whether there is a candidate that passes the checks."""
        return bool(self.best is not None and find_answers(self.best)[0])

    @property
    def confidence(self) -> str:
        """How probable it is that the best candidate is the ground state of its potential."""
        if self.best is None or "confidence" not in self.best.scalars:
            return "-"
        return format_confidence(float(self.best.scalars["confidence"][0]))

    @property
    def checks(self) -> str:
        """What the checks of the best candidate found, in a few words."""
        return "-" if self.best is None else describe_checks(self.best)

    @property
    def inserted(self) -> str:
        """Elements and numbers of the inserted sites, such as H2."""
        first = self.samples[0]
        isotope = str(first.metadata[0].get(ISOTOPE) or "H")
        symbols = [get_symbol(number) for number in first.numbers[first.inserted].tolist()]
        counts = Counter(isotope if symbol == "H" else symbol for symbol in symbols)
        return " ".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in counts.items())

    @property
    def statuses(self) -> str:
        """Number of samples with each status, the most common first."""
        counts = Counter(map(str, self.samples.scalars["status"]))
        return ", ".join(f"{count} {status}" for status, count in counts.most_common())

    @property
    def error(self) -> str:
        """The first error of a sample; empty if there is none."""
        return next((str(m["error"]) for m in self.samples.metadata if m.get("error")), "")


def describe_checks(one: StructureBatch) -> str:
    """Return what the checks of one structure found, in a few words."""
    if failed := get_findings(one):
        return f"FAILS: {name_findings(failed)}"
    notices = name_findings(get_findings(one, "notices"))
    return f"notice: {notices}" if notices else "ok"


def group_rows_by_host(
    samples: StructureBatch,
    hosts: StructureBatch | None = None,
    in_host: StructureBatch | None = None,
) -> list[HostResult]:
    """Split samples by their host, in the order of the hosts.

    Parameters
    ----------
    samples
        Ranked samples.
    hosts
        The hosts, which are found by their index.
    in_host
        The samples while their hosts were fixed, which are found by host and number.
    """
    places = {} if hosts is None else {int(h): row for row, h in enumerate(hosts.host_indices)}
    indices, ranks = samples.scalars["host"], samples.scalars["rank"]
    keys = [] if in_host is None else _list_keys(in_host)
    fixed = {key: row for row, key in enumerate(keys)}
    found = []
    for index in np.unique(indices).tolist():
        members = np.flatnonzero(indices == index)
        ranked = members[ranks[members] >= 0]
        ordered = ranked[np.argsort(ranks[ranked], kind="stable")]
        host = hosts[places[index]] if hosts is not None and index in places else None
        best = _list_keys(samples[ordered[:1]])
        row = fixed.get(best[0]) if best else None
        before = in_host[row] if in_host is not None and row is not None else None
        found.append(HostResult("", samples[members], samples[ordered], host, before))
    labels = make_distinct([result.samples.labels[0] for result in found])
    return [replace(result, label=label) for result, label in zip(found, labels, strict=True)]


def _list_keys(samples: StructureBatch) -> list[tuple[int, int]]:
    """Return host and number of each sample, by which it is known in all stages."""
    pairs = zip(samples.scalars["host"].tolist(), samples.scalars["sample"].tolist(), strict=True)
    return list(pairs)


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
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TABLE_FILENAME).write_text(format_table(samples), encoding="utf-8")
    ranked = np.flatnonzero(samples.scalars["rank"] >= 0)
    if len(ranked):
        write_extxyz(samples[ranked], folder / CANDIDATES_FILENAME)
    else:
        (folder / CANDIDATES_FILENAME).unlink(missing_ok=True)
    files = {}
    for index, name in enumerate(make_safe_names(result.label for result in results)):
        best = results[index].best
        if best is None:
            remove_restored(folder, name)
        else:
            host, in_host = results[index].host, results[index].in_host
            files[index] = write_restored(
                best, folder, name, host=host, formats=formats, in_host=in_host
            )[0]
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


def describe_notices(results: list[HostResult]) -> list[str]:
    """Return one line for each notice of the best candidate of each host."""
    return [
        f"{result.label}: {notice}"
        for result in results
        if result.best is not None
        for notice in get_findings(result.best, "notices")
    ]


def _extra(result: HostResult, name: str) -> str:
    """Return how the lowest candidate was generated, or its space group and number."""
    if result.best is None or name not in result.best.scalars:
        return "-"
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
