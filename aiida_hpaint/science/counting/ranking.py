"""Which number of sites is missing: energies, oxidation states and bond valences together.

Each evidence gives every number n a weight, and the weights of all n add up to one:

energy
    The part of the range of chemical potentials in which n is the stable number (n = 0 apart).
charge
    How common the commonest oxidation states are that make the crystal with n sites neutral.
valence
    How well the bond valences of the host agree with oxidation states that do so.

The score is the product of the three, where each is wrong with a probability t (`TrustSettings`)
and then says nothing: (1 - t) weight + t / N for N numbers. Scores add up to one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from aiida_hpaint.science.counting.charges import Balance, balances
from aiida_hpaint.science.counting.counted import EVIDENCE, Count, Counting
from aiida_hpaint.science.counting.hull import Stability, reference_energy, stabilities
from aiida_hpaint.science.counting.phases import Phase
from aiida_hpaint.science.counting.settings import CountingSettings
from aiida_hpaint.science.counting.trials import Outcome, Trials
from aiida_hpaint.science.counting.valences import Bonds, agreement, has_parameters
from aiida_hpaint.science.counting.windows import Window, windows
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol

Weights = dict[int, float]


def assess(
    host: StructureBatch, trials: Trials, phases: Sequence[Phase], settings: CountingSettings
) -> Counting:
    """Rank the numbers of sites that may be missing in a host.

    Parameters
    ----------
    host : StructureBatch
        The host as it was given, a batch of one.
    trials
        What restorations with 0 to `n_max` sites have found.
    phases
        Competing phases, with one of each element alone at least.

    Raises
    ------
    ValueError
        If an element has no phase of its own.
    """
    made_of = Counter(get_symbol(number) for number in host.numbers.tolist())
    outcomes = trials.outcomes(host)
    energies = {n: outcome.energy for n, outcome in outcomes.items() if outcome.stayed}
    reference = reference_energy(settings.element, phases)
    found = balances(made_of, settings.element, settings.n_max)
    open_at = windows(energies, reference)
    weights = {
        "energy": energy_weights(open_at, settings),
        "charge": charge_weights(found),
        "valence": valence_weights(host, found),
    }
    compositions = {n: made_of + Counter({settings.element: n}) for n in outcomes}
    stable = stabilities(compositions, {n: o.energy for n, o in outcomes.items()}, phases)
    counts = _counts(settings, outcomes, reference, open_at, stable, found, weights)
    return Counting(
        host=host.labels[0],
        element=settings.element,
        counts=counts,
        votes={name: _vote(weights[name]) for name in EVIDENCE},
        reference=reference,
        phases=tuple(phases),
    )


def energy_weights(open_at: Mapping[int, Window], settings: CountingSettings) -> Weights:
    """The part of the range of chemical potentials that each number is stable in, in all 1.

    Any host is stable as it is where the element is scarce enough: to have nothing added has a
    weight, and then all of it, only if that is stable at the upper end of the range.
    """
    low, high = settings.chemical_potential
    if 0 in open_at and open_at[0].high >= high:
        return {0: 1.0}
    return _normalised({n: window.share(low, high) for n, window in open_at.items() if n})


def charge_weights(found: Sequence[Balance]) -> Weights:
    """How common the commonest neutral assignment of each number is, for all numbers together 1."""
    best: Weights = {}
    for balance in found:
        best[balance.count] = max(best.get(balance.count, 0.0), balance.weight)
    return _normalised(best)


def valence_weights(host: StructureBatch, found: Sequence[Balance]) -> Weights:
    """How well bond valences agree with each number; empty where the host has no such bonds."""
    symbols = {get_symbol(number) for number in host.numbers.tolist()}
    if not has_parameters(symbols):
        return {}
    bonds = Bonds.of(host)
    if not any(bonds.sums(balance).any() for balance in found):
        return {}
    best: Weights = {}
    for balance in found:
        best[balance.count] = max(best.get(balance.count, 0.0), agreement(bonds, balance))
    return _normalised(best)


def scores(weights: Mapping[str, Weights], settings: CountingSettings) -> Weights:
    """The score of every number from 0 to `n_max`; an evidence without any weight is left out."""
    numbers = range(settings.n_max + 1)
    trust = settings.trust.model_dump()
    products = dict.fromkeys(numbers, 1.0)
    for name, given in weights.items():
        if sum(given.values()) > 0:
            wrong = trust[name]
            for n in numbers:
                products[n] *= (1 - wrong) * given.get(n, 0.0) + wrong / len(numbers)
    return _normalised(products)


def _normalised(weights: Mapping[int, float]) -> Weights:
    total = sum(weights.values())
    return {n: weight / total for n, weight in weights.items()} if total > 0 else {}


def _vote(weights: Weights) -> int | None:
    """The number with the largest weight, the smallest of several; None without any."""
    if not sum(weights.values()):
        return None
    return min(weights, key=lambda n: (-weights[n], n))


def _counts(
    settings: CountingSettings,
    outcomes: Mapping[int, Outcome],
    reference: float,
    open_at: Mapping[int, Window],
    stable: Mapping[int, Stability],
    found: Sequence[Balance],
    weights: Mapping[str, Weights],
) -> tuple[Count, ...]:
    states: dict[int, str] = {}
    for balance in found:
        states.setdefault(balance.count, balance.text(settings.element))
    counts = [
        Count(
            count=n,
            score=score,
            weights={name: weights[name].get(n, 0.0) for name in EVIDENCE if weights[name]},
            energy=outcomes[n].energy if n in outcomes else None,
            step=_step(outcomes, n, reference),
            stability=stable.get(n),
            window=open_at.get(n),
            states=states.get(n),
            note=_note(outcomes.get(n)),
        )
        for n, score in scores(weights, settings).items()
    ]
    return tuple(sorted(counts, key=lambda count: (-count.score, count.count)))


def _step(outcomes: Mapping[int, Outcome], n: int, reference: float) -> float | None:
    if n not in outcomes or n - 1 not in outcomes:
        return None
    return outcomes[n].energy - outcomes[n - 1].energy - reference


def _note(outcome: Outcome | None) -> str:
    if outcome is None:
        return "no candidate"
    return "" if outcome.stayed else "the host fell apart"
