"""Placement of a known number of H on the sites that lack valence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
"""Cost of ammonia that is bonded to nothing, and half of the cost of fewer H on such an N."""

SHARED = 5.0
"""Cost of one H on every other atom of a site: symmetry puts it between two of them."""

MARGIN = 4.0
"""Difference of squared deviations (in standard deviations) that makes a choice clear."""

FORCED = 6.0
"""Rise of the squared deviation of a site from which only the total puts this number on it."""

IMPOSSIBLE = 1e9


@dataclass(frozen=True)
class Placement:
    """The most plausible distribution of H over listed sites.

    Attributes
    ----------
    by_site
        Number of H on each atom of a site, those that are listed included; 0.5 for one H on every
        other atom.
    margins
        For each site, how much the cost rises if it carries another number.
    excesses
        For each site, how much its cost is above that of the number that fits it best.
    cost
        Sum of the squared deviations of the sites, in standard deviations.
    """

    by_site: Mapping[str, float]
    margins: Mapping[str, float]
    excesses: Mapping[str, float]
    cost: float

    def is_clear(self, label: str) -> bool:
        """Return whether another number on this site would be much less plausible.

        It is not where the total alone forces a number on a site that has no valence for it.
        """
        return self.margins[label] >= MARGIN and self.excesses[label] <= FORCED


def place_hydrogens(
    lacking: Mapping[str, float],
    elements: Mapping[str, str],
    counts: Mapping[str, int],
    total: int,
    at_least: Mapping[str, int],
    fixed: Mapping[str, int],
    elsewhere: int = 0,
    only_water: bool = False,
    room: Mapping[str, int] | None = None,
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
    elsewhere
        How many H may be on other atoms.
    only_water
        Whether all H are in water molecules.
    room
        Largest number of H on an atom of a site, where its bonds say it. Numbers that are listed
        or fixed may be larger.

    Returns
    -------
    Placement or None
        None if so many H have no place.
    """
    labels, room = list(lacking), room or {}
    options = [
        _list_options(
            elements[label],
            lacking[label],
            counts[label],
            at_least.get(label, 0),
            fixed.get(label),
            only_water,
            max(room.get(label, MOST[elements[label]]), at_least.get(label, 0)),
        )
        for label in labels
    ]
    rest = dict.fromkeys(range(elsewhere + 1), 0.0)
    before = _sum_costs([rest, *options], total)[1:]
    after = _sum_costs(options[::-1], total)[::-1]
    best = float(before[-1][total])
    if best >= IMPOSSIBLE:
        return None
    by_site, margins, excesses = {}, {}, {}
    for index, (label, costs) in enumerate(zip(labels, options, strict=True)):
        with_n = {
            taken: cost + _join(before[index], after[index + 1], total - taken)
            for taken, cost in costs.items()
        }
        taken = min(with_n, key=lambda number: with_n[number])
        by_site[label] = taken / counts[label]
        others = [cost for number, cost in with_n.items() if number != taken]
        margins[label] = min(others, default=IMPOSSIBLE) - best
        excesses[label] = costs[taken] - min(costs.values())
    return Placement(by_site, margins, excesses, best)


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


def rate_surplus(symbol: str, lacking: float, carried: int) -> float:
    """Return how much less plausible a number of H on an atom is than the best lower one."""
    costs = _list_costs(symbol, lacking, 0, None)[: carried + 1]
    return costs[-1] - min(costs) if carried < MOST[symbol] + 1 else IMPOSSIBLE


def _list_options(
    symbol: str,
    lacking: float,
    size: int,
    at_least: int,
    fixed: int | None,
    only_water: bool,
    most: int,
) -> dict[int, float]:
    """Return the cost of each number of H on all atoms of a site."""
    costs = enumerate(_list_costs(symbol, lacking, at_least, fixed))
    options = {n * size: cost for n, cost in costs if fixed is not None or n <= most}
    if only_water:
        kept = (0, 2 * size) if symbol == "O" else (0,)
        return {taken: cost for taken, cost in options.items() if taken in kept}
    if symbol == "O" and size % 2 == 0 and at_least == 0 and fixed is None:
        options[size // 2] = _rate(symbol, lacking, 0.5) + SHARED
    return options


def _list_costs(symbol: str, lacking: float, at_least: int, fixed: int | None) -> list[float]:
    """Return the cost of each number of H on an atom."""
    costs = []
    fewest, cost_of_proton = PROTONATED.get(symbol, (math.inf, 0.0))
    is_alone = symbol == "N" and lacking >= ALONE
    for n in range(MOST[symbol] + 1):
        cost = _rate(symbol, lacking, n)
        if n >= fewest:
            cost = min(cost, _rate(symbol, lacking, n - 1) + (0 if is_alone else cost_of_proton))
        if is_alone and 0 < n < 4:
            cost += AMMONIA if n == 3 else 2 * AMMONIA
        may_be = n >= at_least and (fixed is None or n == fixed)
        costs.append(cost if may_be else IMPOSSIBLE)
    return costs


def _rate(symbol: str, lacking: float, bonds: float) -> float:
    """Return the squared deviation of the valence that an atom lacks from its bonds to H."""
    expected = bonds + (ACCEPTED * (1 - bonds) if symbol == "O" else 0.0)
    return ((lacking - expected) / UNCERTAINTY[symbol]) ** 2


def _sum_costs(options: Sequence[Mapping[int, float]], total: int) -> list[FloatArray]:
    """Return, for the first 0, 1, ... sites, the lowest cost of each number of H on them."""
    row = np.full(total + 1, np.inf)
    row[0] = 0.0
    rows = [row]
    for costs in options:
        row = np.full(total + 1, np.inf)
        for taken, cost in costs.items():
            if taken <= total and cost < IMPOSSIBLE:
                row[taken:] = np.minimum(row[taken:], rows[-1][: total + 1 - taken] + cost)
        rows.append(row)
    return rows


def _join(before: FloatArray, after: FloatArray, total: int) -> float:
    """Return the lowest cost of a number of H on the sites before and after one."""
    if total < 0:
        return math.inf
    return float((before[: total + 1] + after[total::-1]).min())
