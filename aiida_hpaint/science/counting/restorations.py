"""Restorations of one host with every number of sites that may be missing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aiida_hpaint.science.evaluation import is_host_match
from aiida_hpaint.science.structures import add_sites
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import hint_at_symbol, is_element
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus


@dataclass(frozen=True)
class RestorationsByCount:
    """Restorations of one host with 0, 1, ... added sites.

    Attributes
    ----------
    bare : StructureBatch
        Host without added sites, relaxed in its cell.
    samples : StructureBatch
        All samples; the scalar `host` is the number of added sites minus one.
    """

    bare: StructureBatch
    samples: StructureBatch

    def find_lowest_candidates(self, host: StructureBatch) -> dict[int, LowestCandidate]:
        """Find the lowest candidate with an intact host for each number of sites.

        If the host is not intact in any of them, it is the lowest candidate of all.

        Parameters
        ----------
        host : StructureBatch
            Host as it was given, to compare with.
        """
        found: dict[int, LowestCandidate] = {}
        ranks = self.samples.scalars["rank"]
        order = [i for i in np.argsort(ranks, kind="stable").tolist() if ranks[i] >= 0]
        if self._has_relaxed_bare():
            found[0] = LowestCandidate(self.bare, is_host_match(self.bare, host))
        for row in order:
            one = self.samples[row]
            count = int(one.insert_counts[0])
            if count not in found or not found[count].is_host_intact:
                candidate = LowestCandidate(one, is_host_match(one, host))
                if candidate.is_host_intact or count not in found:
                    found[count] = candidate
        return dict(sorted(found.items()))

    def get_lowest(self, count: int) -> StructureBatch | None:
        """Return the lowest candidate with this number of inserted sites, if there is one."""
        if count == 0:
            return self.bare if self._has_relaxed_bare() else None
        fits = (self.samples.scalars["rank"] == 0) & (self.samples.insert_counts == count)
        rows = np.flatnonzero(fits)
        return self.samples[int(rows[0])] if len(rows) else None

    def explain_missing(self, n_max: int) -> dict[int, str]:
        """Return for 0 to `n_max` sites why there would be no candidate."""
        notes = {0: "the host without added sites could not be relaxed"}
        for count in range(1, n_max + 1):
            statuses = set(self.samples.scalars["status"][self.samples.insert_counts == count])
            has_failed = statuses == {SampleStatus.FAILED.value}
            notes[count] = "all samples failed" if has_failed else "no candidate"
        return notes

    def _has_relaxed_bare(self) -> bool:
        return SampleStatus(str(self.bare.scalars["status"][0])) in RELAXED


@dataclass(frozen=True)
class LowestCandidate:
    """Lowest candidate with one number of added sites.

    Attributes
    ----------
    structure : StructureBatch
        Candidate, a batch of one.
    is_host_intact : bool
        Whether StructureMatcher still finds the host that was given.
    """

    structure: StructureBatch
    is_host_intact: bool

    @property
    def energy(self) -> float:
        """Energy of the cell, in eV."""
        return float(self.structure.scalars["energy"][0])


def make_hosts_by_count(host: StructureBatch, element: str, n_max: int) -> StructureBatch:
    """Make a batch of the host with 1, 2, ..., `n_max` sites of an element to insert.

    Parameters
    ----------
    host : StructureBatch
        One complete structure; sites that are marked as inserted are treated as known ones.

    Raises
    ------
    ValueError
        If there is no such element, `n_max` is below 1, or `host` is not one structure.
    HostError
        If that many sites do not fit.
    """
    check_count_inputs(host, element, n_max)
    own = replace(host, inserted=np.zeros(host.n_sites, dtype=np.bool_), scalars={})
    label = own.labels[0]
    filled = add_sites(own[[0] * n_max], [{element: count} for count in range(1, n_max + 1)])
    return replace(
        filled, labels=tuple(label_with_count(label, element, n) for n in range(1, n_max + 1))
    )


def label_with_count(label: str, element: str, count: int) -> str:
    """Return the label of a host with added sites, such as `brucite +2H`."""
    return f"{label} +{count}{element}"


def make_bare_host(host: StructureBatch) -> StructureBatch:
    """Return the host without added sites, as a sample to relax."""
    own = replace(host, inserted=np.zeros(host.n_sites, dtype=np.bool_), scalars={})
    return own.with_scalars(host=[0], sample=[0], status=[SampleStatus.SAMPLED.value])


def check_count_inputs(host: StructureBatch, element: str, n_max: int) -> None:
    """Check the inputs of counting.

    Raises
    ------
    ValueError
        If the element, `n_max` or the host cannot be used; the message says why.
    """
    if not is_element(element):
        raise ValueError(f"there is no element {element!r}: {hint_at_symbol(element)}")
    if isinstance(n_max, bool) or n_max < 1:
        raise ValueError(f"n_max is {n_max}: give at least 1")
    if len(host) != 1:
        raise ValueError(f"{len(host)} hosts: count the missing sites of one at a time")
    if not host.placed[0]:
        raise ValueError(
            f"{host.labels[0]} has sites without a position: leave the missing atoms out"
        )
