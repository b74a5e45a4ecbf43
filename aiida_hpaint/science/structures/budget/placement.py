"""Placement of a known number of H on the sites that lack valence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aiida_hpaint.science.types import FloatArray

MOST = {"O": 3, "N": 4, "C": 4}
"""Largest number of H on an atom."""

UNCERTAINTY = {"O": 0.3, "N": 0.5, "C": 0.4}
"""Standard deviation (v.u.) of the valence that an atom lacks."""

ACCEPTED = 0.15
"""Valence (v.u.) that an oxygen gets from hydrogen bonds on the average; each H gives it back."""

PROTONATED = {"O": (3, 6.0), "N": (1, 1.5)}
"""Fewest H on an atom that may carry one more than its valence, and the cost: H3O+, NH4+."""

ALONE = 2.9
"""Valence (v.u.) that an N without bonds lacks: it is ammonium rather than ammonia."""

AMMONIA = 4.0
"""Cost of ammonia that is bonded to nothing."""

MARGIN = 4.0
"""Difference of squared deviations (in standard deviations) that makes a choice clear."""

IMPOSSIBLE = 1e9


@dataclass(frozen=True)
class Placement:
    """The most plausible distribution of H over listed sites.

    Attributes
    ----------
    by_site
        Number of H on each atom of a site, those that are listed included.
    margins
        For each site, how much the cost rises if it carries another number.
    cost
        Sum of the squared deviations of the sites, in standard deviations.
    """

    by_site: Mapping[str, int]
    margins: Mapping[str, float]
    cost: float

    def is_clear(self, label: str) -> bool:
        """Return whether another number on this site would be much less plausible."""
        return self.margins[label] >= MARGIN


def place_hydrogens(
    lacking: Mapping[str, float],
    elements: Mapping[str, str],
    counts: Mapping[str, int],
    total: int,
    at_least: Mapping[str, int],
    fixed: Mapping[str, int],
) -> Placement | None:
    """Distribute H over the sites that lack valence.

    Parameters
    ----------
    lacking
        Valence that an atom of each site lacks, without its H.
    elements, counts
        Element of each site, and its number of atoms in the cell.
    total
        Number of H in the cell on these sites.
    at_least, fixed
        Numbers of H on an atom of a site that are listed, and that other evidence gives.

    Returns
    -------
    Placement or None
        None if so many H have no place.
    """
    labels = list(lacking)
    costs = [
        _list_costs(elements[label], lacking[label], at_least.get(label, 0), fixed.get(label))
        for label in labels
    ]
    sizes = [counts[label] for label in labels]
    before = _sum_costs(costs, sizes, total)
    after = _sum_costs(costs[::-1], sizes[::-1], total)[::-1]
    best = float(before[-1][total])
    if best >= IMPOSSIBLE:
        return None
    by_site, margins = {}, {}
    for index, label in enumerate(labels):
        with_n = [
            cost + _join(before[index], after[index + 1], total - n * sizes[index])
            for n, cost in enumerate(costs[index])
        ]
        n = min(range(len(with_n)), key=with_n.__getitem__)
        by_site[label] = n
        margins[label] = min([c for m, c in enumerate(with_n) if m != n], default=IMPOSSIBLE) - best
    return Placement(by_site, margins, best)


def find_likely_total(
    lacking: Mapping[str, float], elements: Mapping[str, str], counts: Mapping[str, int]
) -> tuple[dict[str, int], float]:
    """Return the most plausible number of H on each site by itself, and the cost of all."""
    by_site, cost = {}, 0.0
    for label, value in lacking.items():
        costs = _list_costs(elements[label], value, 0, None)
        by_site[label] = min(range(len(costs)), key=costs.__getitem__)
        cost += costs[by_site[label]]
    return by_site, cost


def rate_hydrogens(symbol: str, lacking: float, carried: int) -> float:
    """Return how much less plausible a number of H on an atom is than the best higher one."""
    costs = _list_costs(symbol, lacking, 0, None)
    return costs[min(carried, len(costs) - 1)] - min(costs[min(carried, len(costs) - 1) :])


def _list_costs(symbol: str, lacking: float, at_least: int, fixed: int | None) -> list[float]:
    """Return the cost of each number of H on an atom."""
    costs = []
    fewest, cost_of_proton = PROTONATED.get(symbol, (math.inf, 0.0))
    for n in range(MOST[symbol] + 1):
        cost = _rate(symbol, lacking, n)
        is_alone = symbol == "N" and lacking >= ALONE
        if n >= fewest:
            cost = min(cost, _rate(symbol, lacking, n - 1) + (0 if is_alone else cost_of_proton))
        if is_alone and n == 3:
            cost += AMMONIA
        may_be = n >= at_least and (fixed is None or n == fixed)
        costs.append(cost if may_be else IMPOSSIBLE)
    return costs


def _rate(symbol: str, lacking: float, bonds: int) -> float:
    """Return the squared deviation of the valence that an atom lacks from its bonds to H."""
    expected = bonds + (ACCEPTED * (1 - bonds) if symbol == "O" else 0.0)
    return ((lacking - expected) / UNCERTAINTY[symbol]) ** 2


def _sum_costs(costs: list[list[float]], sizes: list[int], total: int) -> list[FloatArray]:
    """Return, for the first 0, 1, ... sites, the lowest cost of each number of H on them."""
    row = np.full(total + 1, np.inf)
    row[0] = 0.0
    rows = [row]
    for each, size in zip(costs, sizes, strict=True):
        row = np.full(total + 1, np.inf)
        for n, cost in enumerate(each):
            taken = n * size
            if taken <= total and cost < IMPOSSIBLE:
                row[taken:] = np.minimum(row[taken:], rows[-1][: total + 1 - taken] + cost)
        rows.append(row)
    return rows


def _join(before: FloatArray, after: FloatArray, total: int) -> float:
    """Return the lowest cost of a number of H on the sites before and after one."""
    if total < 0:
        return math.inf
    return float((before[: total + 1] + after[total::-1]).min())
