"""Trials: one host with every number of sites that may be missing, as one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from aiida_hpaint.relaxation import get_potential, relax_with
from aiida_hpaint.restoration import restore_batch
from aiida_hpaint.settings import RestorationSettings
from aiida_hpaint.structures import add_sites
from aiida_hpaint.structures.batch import StructureBatch
from aiida_hpaint.structures.elements import is_element
from aiida_hpaint.structures.fate import RELAXED, Fate

Progress = Callable[[int, int, str], None]


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

    def energies(self) -> dict[int, float]:
        """Lowest energy in eV of each number of sites that has a relaxed candidate."""
        found = {}
        if Fate(str(self.bare.scalars["fate"][0])) in RELAXED:
            found[0] = float(self.bare.scalars["energy"][0])
        best = np.flatnonzero(self.samples.scalars["rank"] == 0)
        counts = self.samples.insert_counts[best]
        for row, count in sorted(zip(best.tolist(), counts.tolist(), strict=True), key=_second):
            found[count] = float(self.samples.scalars["energy"][row])
        return found

    def best(self, count: int) -> StructureBatch | None:
        """The lowest candidate with this number of inserted sites."""
        if count == 0:
            return self.bare
        chosen = (self.samples.scalars["rank"] == 0) & (self.samples.insert_counts == count)
        rows = np.flatnonzero(chosen)
        return self.samples[int(rows[0])] if len(rows) else None


def _second(pair: tuple[int, int]) -> int:
    return pair[1]


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
    return own.with_scalars(host=[0], sample=[0], fate=[Fate.SAMPLED.value])


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


def run_trials(
    host: StructureBatch,
    element: str,
    n_max: int,
    settings: RestorationSettings,
    *,
    progress: Progress | None = None,
) -> Trials:
    """Restore the host with every number of sites from 1 to `n_max`, and relax it as it is.

    Raises
    ------
    ValueError, HostError
        See `trial_hosts`.
    CheckpointError, PotentialError
        If the model or the potential cannot be had, or does not know an element.
    """
    hosts = trial_hosts(host, element, n_max)
    potential = get_potential(settings.potential)
    potential.card.check_elements(hosts.numbers)
    bare = relax_with(bare_host(host), settings.relax_all, potential)
    return Trials(bare, restore_batch(hosts, settings, progress=progress))


def finite_energies(energies: Mapping[int, float]) -> dict[int, float]:
    """Energies (eV) by count, without those that are no numbers, in the order of the counts."""
    return {n: energies[n] for n in sorted(energies) if np.isfinite(energies[n])}
