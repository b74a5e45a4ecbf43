"""Summary of a benchmark: all figures with bootstrap errors over hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from aiida_hpaint.science.benchmark.statistics.agreement import compare_potentials
from aiida_hpaint.science.benchmark.statistics.calibration import measure_calibration
from aiida_hpaint.science.benchmark.statistics.criteria import (
    ANSWER,
    LOWEST,
    compare_with_relaxed,
    has_group,
    is_correct,
    is_strict_success,
    is_success,
)
from aiida_hpaint.science.benchmark.statistics.order_statistics import (
    check_any_by_k,
    check_lowest_by_k,
    compute_any_probabilities,
    compute_lowest_probabilities,
    find_candidates,
    has_selection,
    sort_outcomes,
)
from aiida_hpaint.science.benchmark.statistics.reasons import explain_failure
from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow
from aiida_hpaint.science.evaluation.success import estimate_rate_as_json
from aiida_hpaint.science.plausibility.bonding import KINDS
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import FloatArray

Figure = dict[str, Any]

SITES = ((1, 10), (11, 20), (21, 40), (41, 80), (81, None))
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
    lower-energy success of Reents et al. (arXiv:2601.01959, section II); stricter ones are those of
    `statistics.criteria`. `answer_group`: the answer has the space group of the reference.
    `host_match`: of hosts with a lowest candidate, whether the host alone
    still matches. Rates are {value, error, n, low, high}: errors are standard errors of a bootstrap
    over hosts, low and high the ends of a 95 % interval (Wilson's). Energies are in eV per atom,
    distances in Å, times in CPU seconds. `confidence`: see `measure_calibration`.

    Where hosts of answers are held as measured (`held` of them), `les` and `les_strict` compare
    them with the reference with its inserted sites alone relaxed; `les_all_relaxed` and
    `les_strict_all_relaxed` with the reference with all sites relaxed.

    Symmetric proposals count in figures of the lowest and of any sample after relaxation, not in
    figures of single samples or of samples before relaxation. Where only the `candidates` of lowest
    score are relaxed, k counts candidates in the order of their scores; figures of single samples
    take the other samples as they were after scoring.

    `potentials`: see `compare_potentials`; `potential` is the name of the one that relaxed.

    If nothing was relaxed, there are only figures before relaxation, and no failures. Where hosts
    differ in their number of samples, figures of k samples end at the smallest.

    Raises
    ------
    ValueError
        If there are no rows, or a host has no sample.
    """
    if not rows:
        raise ValueError("there are no hosts to summarise")
    empty = [row.label for row in rows if not row.drawn]
    if empty:
        raise ValueError(f"there are no samples of {empty[0]}: each host needs one at least")
    explained = [explain_failure(row) for row in rows] if _relaxed(rows) else []
    return {
        "hosts": len(rows),
        "samples": float(np.mean([len(row.drawn) for row in rows])),
        "proposals_per_host": float(np.mean([len(row.samples) - len(row.drawn) for row in rows])),
        "candidates_per_host": _count_candidates(rows),
        "k": "candidates" if any(has_selection(row) for row in rows) else "samples",
        **measure_rates(rows),
        **_measure_held(rows),
        **_by_k(rows),
        "splits": _splits(rows),
        "distances": _distances(rows),
        "energies": _energies(rows),
        "seconds": _seconds(rows),
        "calls": _calls(rows),
        "statuses": dict(Counter(s.status for row in rows for s in row.samples).most_common()),
        "failures": [one for one in explained if one is not None],
        "confidence": measure_calibration(rows),
        "potentials": compare_potentials(rows, potential),
    }


def measure_rates(rows: Sequence[HostRow]) -> dict[str, Figure]:
    """Return the success rates of `summarise`; before relaxation alone, if nothing was relaxed."""
    unrelaxed = _unrelaxed(rows)
    rates = {
        "single_sample_match_unrelaxed": estimate_rate_as_json(
            [float(np.mean(found)) for found in unrelaxed]
        ),
        "single_sample_carriers_unrelaxed": estimate_rate_as_json(_check_carriers(rows)),
        "any_match_unrelaxed": estimate_rate_as_json([any(found) for found in unrelaxed]),
    }
    if not _relaxed(rows):
        return rates
    single = [
        float(np.mean([is_correct(row, row.outcome(sample)) for sample in row.drawn]))
        for row in rows
    ]
    anywhere = [any(is_correct(row, sample) for sample in row.samples) for row in rows]
    stayed = [row.lowest.host_match is True for row in rows if row.lowest is not None]
    return {
        **rates,
        "single_sample_match": estimate_rate_as_json(single),
        **{key: _rate([row.lowest for row in rows], rows, test) for key, test in LOWEST.items()},
        **{key: _rate([row.answer for row in rows], rows, test) for key, test in ANSWER.items()},
        "lowest_carriers": estimate_rate_as_json(
            [
                row.lowest.misplaced == 0
                for row in rows
                if row.lowest is not None and row.lowest.misplaced is not None
            ]
        ),
        "answer_group": _rate_groups(rows),
        "any_match": estimate_rate_as_json(anywhere),
        "host_match": estimate_rate_as_json(stayed),
        "passes": estimate_rate_as_json([row.passes for row in rows]),
    }


def _rate_groups(rows: Sequence[HostRow]) -> Figure:
    """Return at which rate answers have the space group of their reference, where it is known."""
    known = [row for row in rows if row.reference_group is not None]
    return _rate([row.answer for row in known], known, has_group)


def _measure_held(rows: Sequence[HostRow]) -> dict[str, Any]:
    """Return the number of held hosts, and LES beside references with all sites relaxed, if any."""
    held = sum(row.is_held for row in rows)
    if not held:
        return {}
    compared = [compare_with_relaxed(row) for row in rows]
    lowest, answers = [row.lowest for row in compared], [row.answer for row in compared]
    return {
        "held": held,
        "les_all_relaxed": _rate(lowest, compared, is_success),
        "les_strict_all_relaxed": _rate(answers, compared, is_strict_success),
    }


def _check_carriers(rows: Sequence[HostRow]) -> list[float]:
    """Return the share of samples with all H at the right atoms, of each host that lacks H."""
    found = [[one.misplaced_unrelaxed for one in row.drawn] for row in rows]
    return [
        float(np.mean([count == 0 for count in counts]))
        for counts in found
        if any(count is not None for count in counts)
    ]


def _by_k(rows: Sequence[HostRow]) -> dict[str, list[Figure]]:
    drawn = {"any_match_unrelaxed_by_k": _any_curve(_unrelaxed(rows))}
    if not _relaxed(rows):
        return drawn
    if any(has_selection(row) for row in rows):
        return {**_by_candidates(rows), **drawn}
    matched = [[is_correct(row, sample) for sample in sort_outcomes(row)] for row in rows]
    succeeded = [[is_success(row, sample) for sample in sort_outcomes(row)] for row in rows]
    return {
        "lowest_match_by_k": _lowest_curve(matched),
        "les_by_k": _lowest_curve(succeeded),
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


def _rate(
    samples: Sequence[SampleRow | None],
    rows: Sequence[HostRow],
    test: Callable[[HostRow, SampleRow], bool],
) -> Figure:
    """Return at which rate a sample of each host passes a test; None never does."""
    pairs = zip(rows, samples, strict=True)
    return estimate_rate_as_json([one is not None and test(row, one) for row, one in pairs])


def _unrelaxed(rows: Sequence[HostRow]) -> list[list[bool]]:
    return [[sample.match_unrelaxed for sample in row.drawn] for row in rows]


def _splits(rows: Sequence[HostRow]) -> dict[str, list[Figure]]:
    kinds = sorted({row.chemistry for row in rows}, key=_order_kinds)
    groups = {
        "sites": [(name_span(*span), _within(rows, "sites", *span)) for span in SITES],
        "inserted": [(name_span(*span), _within(rows, "inserted", *span)) for span in INSERTED],
        "chemistry": [(kind, [row for row in rows if row.chemistry == kind]) for kind in kinds],
    }
    return {
        key: [
            {"name": name, "hosts": len(some), **measure_rates(some)}
            for name, some in split
            if some
        ]
        for key, split in groups.items()
    }


def _order_kinds(kind: str) -> tuple[int, str]:
    return KINDS.index(kind) if kind in KINDS else len(KINDS), kind


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
        "sampling_per_sample": sampling * len(rows) / sum(len(row.drawn) for row in rows),
        "sampling_per_host": sampling,
        "relaxing_per_host": relaxing,
        "per_host": sampling + relaxing,
    }


def _calls(rows: Sequence[HostRow]) -> dict[str, float]:
    network = float(np.mean([row.network_calls for row in rows]))
    return {
        "network_per_sample": network * len(rows) / sum(len(row.drawn) for row in rows),
        "network_per_host": network,
        "evaluations_per_host": float(np.mean([row.evaluations for row in rows])),
    }


def _curve(by_host: FloatArray) -> list[Figure]:
    """Return a rate for each k from (hosts, K) expected successes."""
    return [
        {"k": k, **estimate_rate_as_json(column.tolist())} for k, column in enumerate(by_host.T, 1)
    ]


def _any_curve(good: Sequence[Sequence[bool]]) -> list[Figure]:
    """Return rates at which any of k samples is good."""
    most = min(len(found) for found in good)
    return _curve(
        np.array([compute_any_probabilities(len(found), sum(found))[:most] for found in good])
    )


def _lowest_curve(good: Sequence[Sequence[bool]]) -> list[Figure]:
    """Return rates at which the lowest of k samples is good; samples are in ascending order."""
    most = min(len(found) for found in good)
    chances = {len(found): compute_lowest_probabilities(len(found))[:most] for found in good}
    return _curve(np.array([chances[len(found)] @ np.array(found, dtype=float) for found in good]))


def _relaxed(rows: Sequence[HostRow]) -> bool:
    return not any(
        sample.status == SampleStatus.SAMPLED.value for row in rows for sample in row.samples
    )


def _count_candidates(rows: Sequence[HostRow]) -> float | None:
    """Return the mean number of candidates that were chosen by their scores; None without any."""
    counts = [sum(sample.candidate is True for sample in row.samples) for row in rows]
    return float(np.mean(counts)) if any(counts) else None


def _spread(values: Sequence[float | None]) -> Figure:
    """Return mean, median and 90th percentile of the known values."""
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "median": None, "p90": None, "n": 0}
    mean, (median, high) = float(np.mean(known)), np.percentile(known, [50, 90]).tolist()
    return {"mean": mean, "median": median, "p90": high, "n": len(known)}


def _per_atom(above: float | None, below: float | None, row: HostRow) -> float | None:
    return None if above is None or below is None else (above - below) / row.sites


def name_span(low: int, high: int | None) -> str:
    """Return the name of a range of numbers of sites, both ends included."""
    return f"{low} or more" if high is None else str(low) if low == high else f"{low} to {high}"


def _within(rows: Sequence[HostRow], name: str, low: int, high: int | None) -> list[HostRow]:
    top = np.inf if high is None else high
    return [row for row in rows if low <= getattr(row, name) <= top]
