"""Trials: one host with every number of sites that may be missing, as one batch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aiida_hpaint.science.evaluation import is_host_match
from aiida_hpaint.science.structures import add_sites
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import is_element
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus


@dataclass(frozen=True)
class Trials:
    """What restorations of one host with 0, 1, ... sites have found.

    Attributes
    ----------
    bare : StructureBatch
        The host with nothing added, relaxed at its cell.
    samples : StructureBatch
        All samples; the scalar `host` is the number of sites less one.
    """

    bare: StructureBatch
    samples: StructureBatch

    def outcomes(self, host: StructureBatch) -> dict[int, Outcome]:
        """The lowest candidate of each number of sites in which the host stayed what it is.

        Where the host fell apart in all of them, the lowest one of all, marked as such.

        Parameters
        ----------
        host : StructureBatch
            As it was given, to compare with.
        """
        found: dict[int, Outcome] = {}
        ranks = self.samples.scalars["rank"]
        order = [i for i in np.argsort(ranks, kind="stable").tolist() if ranks[i] >= 0]
        if SampleStatus(str(self.bare.scalars["status"][0])) in RELAXED:
            found[0] = Outcome(self.bare, is_host_match(self.bare, host))
        for row in order:
            one = self.samples[row]
            count = int(one.insert_counts[0])
            if count not in found or not found[count].stayed:
                outcome = Outcome(one, is_host_match(one, host))
                if outcome.stayed or count not in found:
                    found[count] = outcome
        return dict(sorted(found.items()))

    def lowest(self, count: int) -> StructureBatch | None:
        """The lowest candidate with this number of inserted sites, None without one."""
        if count == 0:
            return self.bare
        fits = (self.samples.scalars["rank"] == 0) & (self.samples.insert_counts == count)
        rows = np.flatnonzero(fits)
        return self.samples[int(rows[0])] if len(rows) else None


@dataclass(frozen=True)
class Outcome:
    """The candidate that stands for one number of sites.

    Attributes
    ----------
    structure : StructureBatch
        The candidate, a batch of one.
    stayed : bool
        Whether its host is still the one that was given, for StructureMatcher.
    """

    structure: StructureBatch
    stayed: bool

    @property
    def energy(self) -> float:
        """In eV of the cell."""
        return float(self.structure.scalars["energy"][0])


def trial_hosts(host: StructureBatch, element: str, n_max: int) -> StructureBatch:
    """The host with 1, 2, ..., `n_max` unplaced sites of an element: a batch to restore.

    Parameters
    ----------
    host : StructureBatch
        One complete structure; sites of it that are marked as inserted count as its own.

    Raises
    ------
    ValueError
        If there is no such element, `n_max` is below 1, or it is not one structure.
    HostError
        If that many sites do not fit.
    """
    check_question(host, element, n_max)
    own = replace(host, inserted=np.zeros(host.n_sites, dtype=np.bool_), scalars={})
    label = own.labels[0]
    filled = add_sites(own[[0] * n_max], [{element: count} for count in range(1, n_max + 1)])
    return replace(
        filled, labels=tuple(trial_label(label, element, n) for n in range(1, n_max + 1))
    )


def trial_label(label: str, element: str, count: int) -> str:
    """What a trial is called, such as `brucite +2H`."""
    return f"{label} +{count}{element}"


def bare_host(host: StructureBatch) -> StructureBatch:
    """The host as a sample that waits for its relaxation with nothing added."""
    own = replace(host, inserted=np.zeros(host.n_sites, dtype=np.bool_), scalars={})
    return own.with_scalars(host=[0], sample=[0], status=[SampleStatus.SAMPLED.value])


def check_question(host: StructureBatch, element: str, n_max: int) -> None:
    """Refuse what no count can answer.

    Raises
    ------
    ValueError
        Naming the value and what to do.
    """
    if not is_element(element):
        raise ValueError(f"there is no element {element!r}: write its symbol, like H or Li")
    if isinstance(n_max, bool) or n_max < 1:
        raise ValueError(f"n_max is {n_max}: try one missing site at least")
    if len(host) != 1:
        raise ValueError(f"{len(host)} hosts: count the missing sites of one at a time")
    if not host.placed[0]:
        raise ValueError(
            f"{host.labels[0]} has sites without a position: give the host without what is missing"
        )
