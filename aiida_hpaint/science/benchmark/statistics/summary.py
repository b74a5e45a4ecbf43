"""Summary of a benchmark: all figures with bootstrap errors over hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from aiida_hpaint.science.benchmark.statistics.agreement import compare_potentials
from aiida_hpaint.science.benchmark.statistics.order_statistics import (
    check_any_by_k,
    check_lowest_by_k,
    compute_any_probabilities,
    compute_lowest_probabilities,
    find_candidates,
    has_selection,
    is_correct,
    is_success,
    sort_outcomes,
)
from aiida_hpaint.science.benchmark.statistics.reasons import explain_failure
from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow
from aiida_hpaint.science.evaluation.success import estimate_rate_as_json
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import FloatArray

Figure = dict[str, Any]

SITES = ((1, 10), (11, 20), (21, 40), (41, None))
INSERTED = ((1, 1), (2, 2), (3, 4), (5, 8), (9, None))


def summarise(
    rows: Sequence[HostRow], potential: str = "the potential that relaxed"
) -> dict[str, Any]:
    """Return all figures of hosts with the same number of samples, as JSON.

    `single_sample_match_unrelaxed`, `any_match_unrelaxed`: samples before relaxation.
    `single_sample_carriers_unrelaxed`, `lowest_carriers`: all H are at the atoms that carry them in
    the reference.
    `single_sample_match`, `lowest_match`, `any_match`, `les`: at the end of the recipe, of one
    sample, of the lowest of all and of any of all; `..._by_k`: of k of them. `les` is the
    lower-energy success of Reents et al. (arXiv:2601.01959, section II). `host_match`: of hosts
    with a lowest candidate, whether the host alone still matches. Rates are {value, error, n, low,
    high}: errors are standard errors of a bootstrap over hosts, low and high the ends of a 95 %
    interval (Wilson's). Energies are in eV per atom, distances in Å, times in CPU seconds.

    Symmetric proposals count in figures of the lowest and of any sample after relaxation, not in
    figures of single samples or of samples before relaxation. Where only the `candidates` of lowest
    score are relaxed, k counts candidates in the order of their scores; figures of single samples
    take the other samples as they were after scoring.

    `potentials`: see `compare_potentials`; `potential` is the name of the one that relaxed.

    If nothing was relaxed, there are only figures before relaxation, and no failures.

    Raises
    ------
    ValueError
        If there are no rows, or hosts differ in their number of samples.
    """
    if not rows:
        raise ValueError("there are no hosts to summarise")
    counts = {len(row.drawn) for row in rows}
    if len(counts) > 1 or counts == {0}:
        raise ValueError(f"hosts have {sorted(counts)} samples: they need the same number, not 0")
    explained = [explain_failure(row) for row in rows] if _relaxed(rows) else []
    return {
        "hosts": len(rows),
        "samples": counts.pop(),
        "proposals_per_host": float(np.mean([len(row.samples) - len(row.drawn) for row in rows])),
        "k": "candidates" if any(has_selection(row) for row in rows) else "samples",
        **_rates(rows),
        **_by_k(rows),
        "splits": _splits(rows),
        "distances": _distances(rows),
        "energies": _energies(rows),
        "seconds": _seconds(rows),
        "calls": _calls(rows),
        "statuses": dict(Counter(s.status for row in rows for s in row.samples).most_common()),
        "failures": [one for one in explained if one is not None],
        "potentials": compare_potentials(rows, potential),
    }


def _rates(rows: Sequence[HostRow]) -> dict[str, Figure]:
    unrelaxed = _unrelaxed(rows)
    rates = {
        "single_sample_match_unrelaxed": estimate_rate_as_json(unrelaxed),
        "single_sample_carriers_unrelaxed": estimate_rate_as_json(_check_carriers(rows)),
        "any_match_unrelaxed": estimate_rate_as_json([any(found) for found in unrelaxed]),
    }
    if not _relaxed(rows):
        return rates
    single = [[is_correct(row, row.outcome(sample)) for sample in row.drawn] for row in rows]
    anywhere = [any(is_correct(row, sample) for sample in row.samples) for row in rows]
    stayed = [row.lowest.host_match is True for row in rows if row.lowest is not None]
    return {
        **rates,
        "single_sample_match": estimate_rate_as_json(single),
        "lowest_match": estimate_rate_as_json([_lowest(row, is_correct) for row in rows]),
        "lowest_carriers": estimate_rate_as_json(
            [
                row.lowest.misplaced == 0
                for row in rows
                if row.lowest is not None and row.lowest.misplaced is not None
            ]
        ),
        "any_match": estimate_rate_as_json(anywhere),
        "les": estimate_rate_as_json([_lowest(row, is_success) for row in rows]),
        "host_match": estimate_rate_as_json(stayed),
        "passes": estimate_rate_as_json([row.passes for row in rows]),
    }


def _check_carriers(rows: Sequence[HostRow]) -> list[list[bool]]:
    """Return whether each sample of hosts that lack H has it at the atoms of the reference."""
    found = [[one.misplaced_unrelaxed for one in row.drawn] for row in rows]
    return [
        [count == 0 for count in counts] for counts in found if any(n is not None for n in counts)
    ]


def _by_k(rows: Sequence[HostRow]) -> dict[str, list[Figure]]:
    drawn = {"any_match_unrelaxed_by_k": _any_curve(_unrelaxed(rows))}
    if not _relaxed(rows):
        return drawn
    if any(has_selection(row) for row in rows):
        return {**_by_candidates(rows), **drawn}
    chances = compute_lowest_probabilities(len(rows[0].drawn))
    matched = [[is_correct(row, sample) for sample in sort_outcomes(row)] for row in rows]
    succeeded = [[is_success(row, sample) for sample in sort_outcomes(row)] for row in rows]
    return {
        "lowest_match_by_k": _curve(np.array(matched, dtype=float) @ chances.T),
        "les_by_k": _curve(np.array(succeeded, dtype=float) @ chances.T),
        "any_match_by_k": _any_curve(matched),
        **drawn,
    }


def _by_candidates(rows: Sequence[HostRow]) -> dict[str, list[Figure]]:
    """Return rates with the first k candidates by score; a host with fewer counts with all."""
    longest = max(len(find_candidates(row)) for row in rows)

    def curve(test: Callable[[HostRow], list[bool]]) -> list[Figure]:
        found = [test(row) or [False] for row in rows]
        padded = [line + line[-1:] * (longest - len(line)) for line in found]
        return _curve(np.array(padded, dtype=float).reshape(len(rows), -1))

    return {
        "lowest_match_by_k": curve(partial(check_lowest_by_k, test=is_correct)),
        "les_by_k": curve(partial(check_lowest_by_k, test=is_success)),
        "any_match_by_k": curve(partial(check_any_by_k, test=is_correct)),
    }


def _unrelaxed(rows: Sequence[HostRow]) -> list[list[bool]]:
    return [[sample.match_unrelaxed for sample in row.drawn] for row in rows]


def _splits(rows: Sequence[HostRow]) -> dict[str, list[Figure]]:
    kinds = sorted({row.chemistry for row in rows}, reverse=True)
    groups = {
        "sites": [(_named(*span), _within(rows, "sites", *span)) for span in SITES],
        "inserted": [(_named(*span), _within(rows, "inserted", *span)) for span in INSERTED],
        "chemistry": [(kind, [row for row in rows if row.chemistry == kind]) for kind in kinds],
    }
    return {
        key: [{"name": name, "hosts": len(some), **_rates(some)} for name, some in split if some]
        for key, split in groups.items()
    }


def _distances(rows: Sequence[HostRow]) -> dict[str, Figure]:
    """Return distances of the lowest candidates, matched and unmatched."""
    lowest = [row.lowest for row in rows if row.lowest is not None]
    inserted = [(sample.match is True, sample.rmsd_inserted) for sample in lowest]
    return {
        "rmsd": _spread([sample.rmsd for sample in lowest]),
        "rmsd_inserted_matched": _spread([value for match, value in inserted if match]),
        "rmsd_inserted_unmatched": _spread([value for match, value in inserted if not match]),
    }


def _energies(rows: Sequence[HostRow]) -> dict[str, Figure]:
    """Return the lowest above the reference, and what relaxation releases, eV per atom."""
    lowest = [row.lowest for row in rows]
    released = [
        None if s is None else _per_atom(s.energy_sampled, s.energy, row)
        for s, row in zip(lowest, rows, strict=True)
    ]
    references = [
        _per_atom(row.reference_energy_unrelaxed, row.reference_energy, row) for row in rows
    ]
    return {
        "difference": _spread([s.energy_difference for s in lowest if s is not None]),
        "released": _spread(released),
        "released_reference": _spread(references),
    }


def _seconds(rows: Sequence[HostRow]) -> dict[str, float]:
    sampling = float(np.mean([row.seconds_sampling for row in rows]))
    relaxing = float(np.mean([row.seconds_relaxing for row in rows]))
    return {
        "sampling_per_sample": sampling / len(rows[0].drawn),
        "sampling_per_host": sampling,
        "relaxing_per_host": relaxing,
        "per_host": sampling + relaxing,
    }


def _calls(rows: Sequence[HostRow]) -> dict[str, float]:
    network = float(np.mean([row.network_calls for row in rows]))
    return {
        "network_per_sample": network / len(rows[0].drawn),
        "network_per_host": network,
        "evaluations_per_host": float(np.mean([row.evaluations for row in rows])),
    }


def _lowest(row: HostRow, test: Callable[[HostRow, SampleRow], bool]) -> bool:
    return row.lowest is not None and test(row, row.lowest)


def _curve(by_host: FloatArray) -> list[Figure]:
    """Return a rate for each k from (hosts, K) expected successes."""
    return [
        {"k": k, **estimate_rate_as_json(column.tolist())} for k, column in enumerate(by_host.T, 1)
    ]


def _any_curve(good: Sequence[Sequence[bool]]) -> list[Figure]:
    """Return rates at which any of k samples is good."""
    return _curve(np.array([compute_any_probabilities(len(found), sum(found)) for found in good]))


def _relaxed(rows: Sequence[HostRow]) -> bool:
    return not any(
        sample.status == SampleStatus.SAMPLED.value for row in rows for sample in row.samples
    )


def _spread(values: Sequence[float | None]) -> Figure:
    """Return mean, median and 90th percentile of the known values."""
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "median": None, "p90": None, "n": 0}
    mean, (median, high) = float(np.mean(known)), np.percentile(known, [50, 90]).tolist()
    return {"mean": mean, "median": median, "p90": high, "n": len(known)}


def _per_atom(above: float | None, below: float | None, row: HostRow) -> float | None:
    return None if above is None or below is None else (above - below) / row.sites


def _named(low: int, high: int | None) -> str:
    return f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"


def _within(rows: Sequence[HostRow], name: str, low: int, high: int | None) -> list[HostRow]:
    top = np.inf if high is None else high
    return [row for row in rows if low <= getattr(row, name) <= top]
