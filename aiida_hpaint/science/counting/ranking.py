"""Ranking of numbers of missing sites by energies, oxidation states and bond valences.

Each criterion gives every number n a weight, and the weights of all n add up to one:

energy
    Fraction of the range of chemical potentials in which n is stable; n = 0 is treated apart.
charge
    Frequency of the most common oxidation states that make the crystal with n sites neutral.
valence
    Agreement of the bond valences of the host with oxidation states that make it neutral.

The criteria are combined like independent likelihoods. Each is wrong with a probability t (the
settings `error_rates`), and then all N numbers are equally likely, so that its likelihood of n is
(1 - t) weight(n) + t / N. The score of n is the product of the three, normalised to a sum of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from aiida_hpaint.science.counting.bond_valences import Bonds, rate_agreement
from aiida_hpaint.science.counting.phases import Phase, find_missing_phases, list_elements
from aiida_hpaint.science.counting.restorations import LowestCandidate, RestorationsByCount
from aiida_hpaint.science.counting.results import EVIDENCE, CountingResult, RankedCount
from aiida_hpaint.science.counting.settings import CountingSettings
from aiida_hpaint.science.counting.stability import (
    Stability,
    StabilityWindow,
    compute_stabilities,
    find_reference_energy,
    find_stability_windows,
)
from aiida_hpaint.science.plausibility.charge_balance import ChargeBalance, find_charge_balances
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.bond_lengths import has_parameters
from aiida_hpaint.science.structures.elements import get_symbol

_Weights = dict[int, float]


def rank_site_counts(
    host: StructureBatch,
    restorations: RestorationsByCount,
    phases: Sequence[Phase],
    settings: CountingSettings,
    lost: Sequence[str] = (),
) -> CountingResult:
    """Rank the numbers of sites that may be missing in a host.

    Parameters
    ----------
    host : StructureBatch
        Host as it was given, a batch of one.
    restorations
        Restorations with 0 to `n_max` sites.
    phases
        Competing phases. If there is none of an element alone, since its relaxation failed, the
        numbers are ranked without their energies, and a note says so.
    lost
        Names of phases that could not be relaxed, which a note names.
    """
    made_of = Counter(get_symbol(number) for number in host.numbers.tolist())
    candidates = restorations.find_lowest_candidates(host)
    lacking = find_missing_phases(list_elements(host, settings), (p.composition for p in phases))
    left_out = []
    if lacking:
        left_out.append(f"no phase of {', '.join(lacking)} was relaxed: energies are left out")
    if lost:
        left_out.append(f"these phases could not be relaxed and are left out: {', '.join(lost)}")
    compared = {} if lacking else candidates
    energies = {n: one.energy for n, one in compared.items() if one.is_host_intact}
    reference = None if lacking else find_reference_energy(settings.element, phases)
    found = find_charge_balances(made_of, settings.element, settings.n_max)
    open_at = {} if reference is None else find_stability_windows(energies, reference)
    weights = {
        "energy": compute_energy_weights(open_at, settings),
        "charge": compute_charge_weights(found),
        "valence": compute_valence_weights(host, found),
    }
    compositions = {n: made_of + Counter({settings.element: n}) for n in candidates}
    stable: Mapping[int, Stability] = {}
    if compared:
        stable = compute_stabilities(
            compositions, {n: one.energy for n, one in compared.items()}, phases
        )
    notes = restorations.explain_missing(settings.n_max)
    counts = _make_counts(settings, candidates, reference, open_at, stable, found, weights, notes)
    return CountingResult(
        host=host.labels[0],
        element=settings.element,
        counts=counts,
        votes={name: _select_number(weights[name]) for name in EVIDENCE},
        reference=reference,
        phases=tuple(phases),
        note="; ".join(left_out),
    )


def compute_energy_weights(
    open_at: Mapping[int, StabilityWindow], settings: CountingSettings
) -> _Weights:
    """Return the fraction of the range of chemical potentials in which each number is stable.

    At a low enough chemical potential every host is stable without added sites. Therefore n = 0
    has no weight, unless it is stable even at the upper end of the range; then it has all.
    """
    low, high = settings.chemical_potential
    if 0 in open_at and open_at[0].high >= high:
        return {0: 1.0}
    return _normalise({n: window.overlap(low, high) for n, window in open_at.items() if n})


def compute_charge_weights(found: Sequence[ChargeBalance]) -> _Weights:
    """Return the frequency of the most common neutral assignment of each number, normalised."""
    best: _Weights = {}
    for balance in found:
        best[balance.count] = max(best.get(balance.count, 0.0), balance.weight)
    return _normalise(best)


def compute_valence_weights(host: StructureBatch, found: Sequence[ChargeBalance]) -> _Weights:
    """Return the agreement of bond valences with each number; empty without suitable bonds."""
    symbols = {get_symbol(number) for number in host.numbers.tolist()}
    if not has_parameters(symbols):
        return {}
    bonds = Bonds.from_host(host)
    if not any(bonds.sum_valences(balance).any() for balance in found):
        return {}
    best: _Weights = {}
    for balance in found:
        best[balance.count] = max(best.get(balance.count, 0.0), rate_agreement(bonds, balance))
    return _normalise(best)


def compute_scores(weights: Mapping[str, _Weights], settings: CountingSettings) -> _Weights:
    """Return the score of each number from 0 to `n_max`; criteria without weights are ignored."""
    numbers = range(settings.n_max + 1)
    error_rates = settings.error_rates.model_dump()
    products = dict.fromkeys(numbers, 1.0)
    for name, given in weights.items():
        if sum(given.values()) > 0:
            wrong = error_rates[name]
            for n in numbers:
                products[n] *= (1 - wrong) * given.get(n, 0.0) + wrong / len(numbers)
    return _normalise(products)


def _normalise(weights: Mapping[int, float]) -> _Weights:
    total = sum(weights.values())
    return {n: weight / total for n, weight in weights.items()} if total > 0 else {}


def _select_number(weights: _Weights) -> int | None:
    """Return the smallest number with the largest weight, None without weights."""
    if not sum(weights.values()):
        return None
    return min(weights, key=lambda n: (-weights[n], n))


def _make_counts(
    settings: CountingSettings,
    candidates: Mapping[int, LowestCandidate],
    reference: float | None,
    open_at: Mapping[int, StabilityWindow],
    stable: Mapping[int, Stability],
    found: Sequence[ChargeBalance],
    weights: Mapping[str, _Weights],
    notes: Mapping[int, str],
) -> tuple[RankedCount, ...]:
    states: dict[int, str] = {}
    for balance in found:
        states.setdefault(balance.count, balance.text(settings.element))
    counts = []
    for n, score in compute_scores(weights, settings).items():
        one, fewer = candidates.get(n), candidates.get(n - 1)
        step = None
        if one is not None and fewer is not None and reference is not None:
            step = one.energy - fewer.energy - reference
        failure = "" if one is not None and one.is_host_intact else "the host is not intact"
        ranked = RankedCount(
            count=n,
            score=score,
            weights={name: weights[name].get(n, 0.0) for name in EVIDENCE if weights[name]},
            energy=None if one is None else one.energy,
            step=step,
            stability=stable.get(n),
            window=open_at.get(n),
            states=states.get(n),
            note=notes[n] if one is None else failure,
        )
        counts.append(ranked)
    return tuple(sorted(counts, key=lambda count: (-count.score, count.count)))
