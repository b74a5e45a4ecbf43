"""The samples of a restoration, host by host."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from aiida_hpaint.science.confidence import format_confidence
from aiida_hpaint.science.evaluation import find_answers
from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY
from aiida_hpaint.science.plausibility.check_answers import get_findings, name_findings
from aiida_hpaint.science.report.provenance import Process
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.cell_changes import describe_cell_change, is_same_cell
from aiida_hpaint.science.structures.distinct_names import make_distinct
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.fixed_host import keeps_host
from aiida_hpaint.science.structures.insertion import ISOTOPE
from aiida_hpaint.science.structures.status import describe_statuses

ALL_ALIKE = "all alike"
"""Agreement of samples that cannot differ, as bonds fix all inserted H."""

__all__ = ["DftEnergy", "HostResult", "add_validation", "describe_checks", "group_rows_by_host"]


@dataclass(frozen=True)
class DftEnergy:
    """What density-functional theory says of one candidate.

    Attributes
    ----------
    status
        How its relaxation ended.
    above
        Energy above the lowest candidate by DFT, meV per atom; None where there is none.
    """

    status: str
    above: float | None


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
    process
        The AiiDA process that restored it; None without one.
    dft
        Energies by DFT, by the rank of the candidate; empty if it was not validated.
    """

    label: str
    samples: StructureBatch
    ranked: StructureBatch
    host: StructureBatch | None = None
    process: Process | None = None
    dft: Mapping[int, DftEnergy] = field(default_factory=dict)

    @cached_property
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
    def cell_change(self) -> str:
        """What became of the cell of the best candidate; empty where it was fixed."""
        if self.best is None or self.host is None:
            return ""
        before, after = self.host.cells[0], self.best.cells[0]
        return "" if is_same_cell(before, after) else describe_cell_change(before, after)

    @property
    def is_held(self) -> bool:
        """Whether the host is as measured in the best candidate: put back, or never relaxed."""
        return self.best is not None and keeps_host(self.best) and not self.cell_change

    @property
    def confidence(self) -> str:
        """How probable it is that the best candidate is the ground state of its potential."""
        if self.best is None or "confidence" not in self.best.scalars:
            return "-"
        return format_confidence(float(self.best.scalars["confidence"][0]))

    @property
    def agreement(self) -> str:
        """How many of the samples lead to the best candidate, such as `9 of 10`.

        It is no number where all samples are alike because bonds fix all inserted H.
        """
        known = None if self.best is None else self.best.metadata[0].get("confidence")
        if not known:
            return "-"
        evidence = known["evidence"]
        if evidence.get("fixed") == evidence["inserted"]:
            return ALL_ALIKE
        return "{found} of {samples}".format(**evidence)

    @property
    def checks(self) -> str:
        """What the checks of the best candidate found, in a few words."""
        return "-" if self.best is None else describe_checks(self.best)

    @property
    def contradiction(self) -> str:
        """Which candidate DFT prefers to the best by the potential; empty if none.

        Up to 1 meV/atom they are equally low, as two that DFT relaxes to the same structure.
        Nothing can be said if DFT has no energy of the best.
        """
        known = {rank: one.above for rank, one in self.dft.items() if one.above is not None}
        if known.get(0, 0.0) < 1000 * SAME_ENERGY:
            return ""
        lowest = min(known, key=known.__getitem__)
        return f"DFT has candidate {lowest + 1} below candidate 1, by {known[0]:.1f} meV/atom"

    @property
    def assumptions(self) -> list[str]:
        """What was assumed about the host, and how its samples began, a sentence each."""
        known = [each.metadata[0] for each in (self.host, self.best) if each is not None]
        return list(dict.fromkeys(str(note) for each in known for note in each.get("notes") or ()))

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
        """What became of the samples, in words."""
        return describe_statuses(self.samples.scalars["status"].tolist())

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
    process: Process | Mapping[int, Process] | None = None,
) -> list[HostResult]:
    """Split samples by their host, in the order of the hosts.

    Parameters
    ----------
    samples
        Ranked samples.
    hosts
        The hosts, which are found by their index.
    process
        The AiiDA process of all hosts, or that of each by its index.
    """
    places = {} if hosts is None else hosts.find_host_rows()
    indices, ranks = samples.scalars["host"], samples.scalars["rank"]
    found = []
    for index in np.unique(indices).tolist():
        members = np.flatnonzero(indices == index)
        ranked = members[ranks[members] >= 0]
        ordered = ranked[np.argsort(ranks[ranked], kind="stable")]
        host = hosts[places[index]] if hosts is not None and index in places else None
        own = process.get(index) if isinstance(process, Mapping) else process
        found.append(HostResult("", samples[members], samples[ordered], host, own))
    labels = make_distinct([result.samples.labels[0] for result in found])
    return [replace(result, label=label) for result, label in zip(found, labels, strict=True)]


def add_validation(
    results: Sequence[HostResult], rows: Sequence[Mapping[str, Any]]
) -> list[HostResult]:
    """Return results with the energies by DFT that a validation found.

    Parameters
    ----------
    results
        Samples of each host.
    rows
        Rows of `validation.csv`, whose values may be text.
    """
    found: dict[int, dict[int, DftEnergy]] = {}
    for row in rows:
        if row["role"] == "candidate":
            above = 1000 * float(row["above_best"]) if row["above_best"] not in ("", None) else None
            known = found.setdefault(int(row["host"]), {})
            known[int(row["rank"])] = DftEnergy(str(row["status"]), above)
    return [replace(one, dft=found.get(int(one.samples.scalars["host"][0]), {})) for one in results]
