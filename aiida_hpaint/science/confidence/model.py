"""The probability that an answer is the ground state of its potential, from the evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import exp, inf, log
from typing import Any

from aiida_hpaint.science.confidence.evidence import Evidence

POTENTIAL_ERROR = 0.005
"""Error of energy differences between arrangements in one host, eV per atom."""

FOUND_ONCE = 0.84
"""Largest probability of an answer that no two independent samples found, and, unless it is a
hydride, not more than one other sample of any origin. Of 32 such answers in the benchmarks of the
fit, 31 were right: 97 %, with a 95 % interval from 84 to 99 %, of which the lower end is taken,
because such hosts are of kinds that few others are of."""

FAILING = 0.1
"""Largest probability of an answer that fails a check: what is not restored is never said to be
probable. In earlier benchmarks 1 of 9 such answers was right; those of the fit have none."""

HELD = 0.5
"""Largest probability of an answer in a host that the potential rebuilds. Of 11 such answers on
the halves of the fit, 10 were right, but a potential that is wrong about a host may be wrong about
H."""

MEASURED = 80
"""Largest number of sites in the primitive cells of hosts that rates of right answers are known
of."""

UNMEASURED = 0.5
"""Largest probability of an answer in a larger host that nothing led to twice. The number of
arrangements grows exponentially with that of H: where hardly two samples of a network of 46 water
end alike, the lowest of ten is a proposal."""

SIGNS = {
    "agreement": 1,
    "share": 1,
    "unseen": -1,
    "gap": 1,
    "size": -1,
    "hydride": -1,
    "moved": -1,
    "failing": -1,
}
"""Features, and the sign that the coefficient of each may have: more evidence never lowers the
probability."""


@dataclass(frozen=True)
class ConfidenceModel:
    """A logistic regression.

    Attributes
    ----------
    intercept
        Log-odds of an answer without any evidence.
    coefficients
        Change of the log-odds by each of the features of `SIGNS`.
    source
        Where they come from: benchmarks, their numbers of hosts, and the error of the fit.
    """

    intercept: float
    coefficients: dict[str, float]
    source: dict[str, Any]

    def estimate(self, evidence: Evidence) -> float:
        """Return the probability that the answer is right."""
        features = compute_features(evidence)
        odds = self.intercept + sum(self.coefficients[name] * features[name] for name in SIGNS)
        return min(1 / (1 + exp(-odds)), limit_probability(evidence))


def limit_probability(evidence: Evidence) -> float:
    """Return the largest probability that the answer may have, whatever else speaks for it.

    Where a search alone finds an arrangement of a hydride it is often a hole of the potential: DFT
    has confirmed two of six. So other ways to it count where H is bonded to nonmetals only.
    """
    if not evidence.passes:
        return FAILING
    if evidence.held:
        return HELD
    ways = evidence.found if evidence.is_hydride else max(evidence.found, evidence.repeats)
    if ways > 1:
        return 1.0
    return UNMEASURED if evidence.sites > MEASURED else FOUND_ONCE


@cache
def load_confidence_model() -> ConfidenceModel:
    """Load the coefficients of the package."""
    text = files(__package__).joinpath("coefficients.json").read_text(encoding="utf-8")
    return ConfidenceModel(**json.loads(text))


def compute_features(evidence: Evidence) -> dict[str, float]:
    """Return the features of `SIGNS`, each of the order of one.

    `agreement`: logarithm of how often the answer was found. `share`: the share of samples that
    agree with it. `unseen`: the chance that one more sample ends in a state that none has found, by
    the number of states that were found once (Good, Biometrika 40, 237 (1953)); the answer is left
    out of it. `gap`: distance of the next state, against
    the error of the potential. `size`: logarithm of the number of inserted sites. `moved`: the
    largest displacement of a host atom in Å, 1 at most.
    """
    samples = max(evidence.samples, 1)
    others = max(evidence.single - (evidence.found <= 1), 0)
    gap = inf if evidence.gap is None else max(evidence.gap, 0.0)
    return {
        "agreement": log(1 + evidence.found),
        "share": evidence.found / samples,
        "unseen": others / samples,
        "gap": 1.0 if gap == inf else gap / (gap + POTENTIAL_ERROR),
        "size": log(max(evidence.inserted, 1)),
        "hydride": float(evidence.is_hydride),
        "moved": min(evidence.displacement or 0.0, 1.0),
        "failing": float(not evidence.passes),
    }
