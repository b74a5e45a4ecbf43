"""Agreement of several potentials on the order of the same candidates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import compress
from typing import Any, TypeVar

import numpy as np
from scipy.stats import kendalltau, pearsonr, spearmanr

from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY
from aiida_hpaint.science.evaluation.success import RESAMPLES, estimate_rate_as_json
from aiida_hpaint.science.types import BoolArray, FloatArray

Host = TypeVar("Host")


@dataclass(frozen=True)
class Energies:
    """Energies of the C candidates of one host that two potentials have evaluated.

    Attributes
    ----------
    ours, theirs : (C,)
        Energies above the reference, eV per atom, by the potential that relaxed and by another.
    matched : (C,)
        Whether each candidate matches the reference.
    """

    ours: FloatArray
    theirs: FloatArray
    matched: BoolArray


def collect_energies(row: HostRow, name: str | None) -> Energies:
    """Return energies of one host by the potential that relaxed and by another one.

    Without a name the potential that relaxed takes both places. Duplicates are left out; without a
    reference energy there are no candidates.
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
    """Return a JSON record for each potential, the one that relaxed first; [] if it is alone.

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
            agreement = {} if name is None else _compare_with_first(pairs)
            cost = {"seconds": _measure_seconds(rows, name)}
            records.append({"name": name or base, **_record(pairs), **agreement, **cost})
    return records


def _record(hosts: Sequence[Energies]) -> dict[str, Any]:
    picks = [bool(host.matched[host.theirs.argmin()]) for host in hosts]
    is_contested = [bool(0 < host.matched.mean() < 1) for host in hosts]
    contested = list(compress(picks, is_contested))
    gaps = [
        host.theirs[~host.matched].min() - host.theirs[host.matched].min()
        for host in compress(hosts, is_contested)
    ]
    return {
        "hosts": len(hosts),
        "candidates": sum(len(host.ours) for host in hosts),
        "choice_match": estimate_rate_as_json(picks),
        "contested": estimate_rate_as_json(contested),
        "reference_lowest": estimate_rate_as_json(
            [bool((h.theirs[~h.matched] >= 0).all()) for h in hosts]
        ),
        "margin": {"median": float(np.median(gaps)), "least": float(min(gaps))} if gaps else None,
    }


def _compare_with_first(hosts: Sequence[Energies]) -> dict[str, Any]:
    """Return the agreement of another potential with the one that relaxed."""
    several = [_correlate_ranks(host) for host in hosts if len(host.ours) > 1]
    return {
        "another": estimate_rate_as_json([_choose_differently(host) for host in hosts]),
        "tau": _bootstrap(several, lambda values: float(np.mean(values))),
        "pearson": _bootstrap(hosts, partial(_correlate, pearsonr)),
        "spearman": _bootstrap(hosts, partial(_correlate, spearmanr)),
        "deviation": float(np.median(np.abs(_join(hosts, "ours") - _join(hosts, "theirs")))),
    }


def _measure_seconds(rows: Sequence[HostRow], name: str | None) -> float | None:
    """Return the CPU seconds per evaluation of a structure."""
    if name is None:
        spent = [(row.seconds_relaxing, row.evaluations) for row in rows]
    else:
        found = [row.potentials[name] for row in rows if name in row.potentials]
        spent = [(entry.seconds, entry.evaluations) for entry in found]
    total = sum(count for _, count in spent)
    return sum(seconds for seconds, _ in spent) / total if total else None


def _choose_differently(host: Energies) -> bool:
    """Return whether the two potentials choose different candidates."""
    mine, other = int(host.ours.argmin()), int(host.theirs.argmin())
    apart = max(abs(energies[other] - energies[mine]) for energies in (host.ours, host.theirs))
    return bool(apart > SAME_ENERGY)


def _correlate_ranks(host: Energies) -> float:
    value = float(kendalltau(host.ours, host.theirs).statistic)
    # All energies equal: the two orders do not contradict each other.
    return value if np.isfinite(value) else 1.0


def _correlate(kind: Callable[..., Any], hosts: Sequence[Energies]) -> float:
    ours, theirs = _join(hosts, "ours"), _join(hosts, "theirs")
    if len(ours) < 2 or np.ptp(ours) == 0 or np.ptp(theirs) == 0:
        return float("nan")
    return float(kind(ours, theirs).statistic)


def _join(hosts: Sequence[Energies], name: str) -> FloatArray:
    return np.concatenate([getattr(host, name) for host in hosts])


def _bootstrap(hosts: Sequence[Host], value: Callable[[Sequence[Host]], float]) -> dict[str, Any]:
    """Return a figure over all hosts with its bootstrap error; None where it is undefined."""
    if not hosts:
        return {"value": None, "error": None, "n": 0}
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(hosts), (RESAMPLES // 5, len(hosts)))
    resampled = [value([hosts[place] for place in pick]) for pick in picks.tolist()]
    found = value(hosts)
    if not np.isfinite(found):
        return {"value": None, "error": None, "n": len(hosts)}
    return {"value": found, "error": float(np.nanstd(resampled)), "n": len(hosts)}
