"""The best choice among alternatives that exclude each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from aiida_hpaint.science.types import FloatArray, IntArray

_SECONDS = 20.0  # on one problem; those of real files take milliseconds


def select(
    weights: FloatArray,
    exclusions: Iterable[tuple[int, int]],
    capacities: Iterable[tuple[Mapping[int, float], float]] = (),
    penalties: Iterable[tuple[int, int, float]] = (),
) -> IntArray:
    """Choose the alternatives of largest total weight.

    Parameters
    ----------
    weights : (n,)
        Weight of each alternative.
    exclusions : pairs
        Alternatives of which at most one can be chosen; one with itself can never be chosen.
    capacities : pairs of mapping and number
        What some alternatives take up if they are chosen, and how much there is for all of them.
    penalties : triples
        What it costs to choose both alternatives of a pair.

    Returns
    -------
    (k,)
        Indices of the chosen alternatives, in ascending order.

    Raises
    ------
    RuntimeError
        If the solver finds none in time.
    """
    count, pairs = len(weights), sorted({(min(p), max(p)) for p in exclusions})
    upper = np.ones(count)
    upper[[i for i, j in pairs if i == j]] = 0.0
    # A pair that costs something is chosen (y = 1) as soon as both of its alternatives are.
    costly = [(i, j, cost) for i, j, cost in penalties if cost > 0]
    rows: list[tuple[Sequence[int], Sequence[float], float]] = [
        ((i, j), (1.0, 1.0), 1.0) for i, j in pairs if i != j
    ]
    rows += [(list(each), list(each.values()), most) for each, most in capacities]
    rows += [((i, j, count + y), (1.0, 1.0, -1.0), 1.0) for y, (i, j, _) in enumerate(costly)]
    if not count or not rows:
        return np.flatnonzero((np.asarray(weights) > 0) & (upper > 0)).astype(np.int64)
    from scipy.optimize import Bounds, LinearConstraint, milp  # here: 0.2 s that few hosts need
    from scipy.sparse import coo_array

    entries = [(r, c, v) for r, row in enumerate(rows) for c, v in zip(row[0], row[1], strict=True)]
    row, column, value = zip(*entries, strict=True)
    total = count + len(costly)
    found = milp(
        np.concatenate([-np.asarray(weights), [cost for *_, cost in costly]]),
        integrality=np.concatenate([np.ones(count), np.zeros(len(costly))]),
        bounds=Bounds(np.zeros(total), np.concatenate([upper, np.ones(len(costly))])),
        constraints=LinearConstraint(
            coo_array((value, (row, column)), shape=(len(rows), total)).tocsc(),
            ub=[most for *_, most in rows],
        ),
        options={"time_limit": _SECONDS, "mip_rel_gap": 0.0},
    )
    if found.x is None:
        raise RuntimeError(f"no choice among {count} alternatives was found: {found.message}")
    return np.flatnonzero(found.x[:count] > 0.5).astype(np.int64)
