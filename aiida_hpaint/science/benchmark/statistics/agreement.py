"""compare_potentials: how several potentials order the same candidates, and who is right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
from scipy.stats import kendalltau, pearsonr, spearmanr

from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.evaluation.success import RESAMPLES, estimate_rate
from aiida_hpaint.science.types import BoolArray, FloatArray

Host = TypeVar("Host")

SAME_ENERGY = 0.001
"""eV per atom, within which two candidates are the same choice."""


@dataclass(frozen=True)
class Energies:
    """What two potentials say of the candidates of one host; C of them have both energies.

    Attributes
    ----------
    ours, theirs : (C,) eV per atom above the reference, by the potential that relaxed and by
        another one.
    matched : (C,) whether a candidate matches the reference.
    """

    ours: FloatArray
    theirs: FloatArray
    matched: BoolArray


def collect_energies(row: HostRow, name: str | None) -> Energies:
    """Energies of one host by the potential that relaxed and by another; None: by it alone.

    Duplicates are left out; without a reference there is nothing.
    """
    found = None if name is None else row.potentials.get(name)
    reference = row.reference_energy if name is None else found and found.reference
    theirs = [s.energy for s in row.samples] if found is None else found.energies
    kept = [
        (sample.energy, energy, sample.match is True)
        for sample, energy in zip(row.samples, theirs, strict=True)
        if sample.energy is not None and energy is not None and sample.same_as == sample.sample
    ]
    if row.reference_energy is None or reference is None or not kept:
        return Energies(np.zeros(0), np.zeros(0), np.zeros(0, dtype=bool))
    left, right, matched = zip(*kept, strict=True)
    return Energies(
        (np.array(left) - row.reference_energy) / row.sites,
        (np.array(right) - reference) / row.sites,
        np.array(matched),
    )


def compare_potentials(rows: Sequence[HostRow], base: str) -> list[dict[str, Any]]:
    """A JSON record for each potential, the one that relaxed first; none if there is only it.

    All energies are of candidates as `base` relaxed them, which favours it. Each record has

    - `choice_match`: share of hosts whose lowest candidate, by this potential, matches;
    - `contested`: the same of hosts where some candidates match and others do not;
    - `reference_lowest`: share of hosts where no candidate that does not match is below the
      reference;
    - `seconds` of one core, for an evaluation of a structure;

    and, of the other potentials,

    - `another`: share of hosts where it chooses another candidate than `base` does, more than
      1 meV/atom away by one of the two;
    - `tau`: Kendall's rank correlation of the candidates of a host with those of `base`, the mean
      over hosts with two candidates or more;
    - `pearson`, `spearman`: correlation with `base` of energies above the reference, over all
      candidates; `deviation`: their median absolute difference, eV per atom.

    Errors of correlations are standard errors of a bootstrap over hosts.
    """
    names = list(dict.fromkeys(name for row in rows for name in row.potentials))
    if not names:
        return []
    records = []
    for name in (None, *names):
        pairs = [pair for row in rows if len((pair := collect_energies(row, name)).ours)]
        if pairs:
            agreement = {} if name is None else _agreement(pairs)
            cost = {"seconds": _seconds(rows, name)}
            records.append({"name": name or base, **_record(pairs), **agreement, **cost})
    return records


def _record(hosts: Sequence[Energies]) -> dict[str, Any]:
    picks = [bool(host.matched[host.theirs.argmin()]) for host in hosts]
    contested = [
        pick for pick, host in zip(picks, hosts, strict=True) if 0 < host.matched.mean() < 1
    ]
    return {
        "hosts": len(hosts),
        "candidates": sum(len(host.ours) for host in hosts),
        "choice_match": _rate(picks),
        "contested": _rate(contested),
        "reference_lowest": _rate([_reference_lowest(host) for host in hosts]),
        "margin": _margin([host for host in hosts if 0 < host.matched.mean() < 1]),
    }


def _margin(contested: Sequence[Energies]) -> dict[str, float] | None:
    gaps = [
        host.theirs[~host.matched].min() - host.theirs[host.matched].min() for host in contested
    ]
    return {"median": float(np.median(gaps)), "least": float(min(gaps))} if gaps else None


def _agreement(hosts: Sequence[Energies]) -> dict[str, Any]:
    """Of another potential with the one that relaxed."""
    several = [_tau(host) for host in hosts if len(host.ours) > 1]
    return {
        "another": _rate([_another(host) for host in hosts]),
        "tau": _bootstrap(several, lambda values: float(np.mean(values))),
        "pearson": _bootstrap(hosts, partial(_correlation, pearsonr)),
        "spearman": _bootstrap(hosts, partial(_correlation, spearmanr)),
        "deviation": float(np.median(np.abs(_all(hosts, "ours") - _all(hosts, "theirs")))),
    }


def _seconds(rows: Sequence[HostRow], name: str | None) -> float | None:
    """Of one core, for an evaluation of a structure."""
    if name is None:
        spent = [(row.seconds_relaxing, row.evaluations) for row in rows]
    else:
        found = [row.potentials[name] for row in rows if name in row.potentials]
        spent = [(entry.seconds, entry.evaluations) for entry in found]
    total = sum(count for _, count in spent)
    return sum(seconds for seconds, _ in spent) / total if total else None


def _reference_lowest(host: Energies) -> bool:
    return bool((host.theirs[~host.matched] >= 0).all())


def _another(host: Energies) -> bool:
    """Whether the two choose different candidates."""
    mine, other = int(host.ours.argmin()), int(host.theirs.argmin())
    apart = max(abs(energies[other] - energies[mine]) for energies in (host.ours, host.theirs))
    return bool(apart > SAME_ENERGY)


def _tau(host: Energies) -> float:
    value = float(kendalltau(host.ours, host.theirs).statistic)
    return value if np.isfinite(value) else 1.0


def _correlation(kind: Callable[..., Any], hosts: Sequence[Energies]) -> float:
    ours, theirs = _all(hosts, "ours"), _all(hosts, "theirs")
    if len(ours) < 2 or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return float("nan")
    return float(kind(ours, theirs).statistic)


def _all(hosts: Sequence[Energies], name: str) -> FloatArray:
    return np.concatenate([getattr(host, name) for host in hosts])


def _rate(successes: Sequence[bool]) -> dict[str, Any]:
    if not successes:
        return {"value": None, "error": None, "n": 0, "low": None, "high": None}
    return estimate_rate(successes).as_json()


def _bootstrap(hosts: Sequence[Host], value: Callable[[Sequence[Host]], float]) -> dict[str, Any]:
    """A figure over all hosts with its standard error; None where it has none."""
    if not hosts:
        return {"value": None, "error": None, "n": 0}
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(hosts), (RESAMPLES // 5, len(hosts)))
    drawn = [value([hosts[place] for place in pick]) for pick in picks.tolist()]
    found = value(hosts)
    if not np.isfinite(found):
        return {"value": None, "error": None, "n": len(hosts)}
    return {"value": found, "error": float(np.nanstd(drawn)), "n": len(hosts)}
