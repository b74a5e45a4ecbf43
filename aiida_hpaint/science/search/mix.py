"""The mix of moves: how many arrangements of a round each kind of move makes for a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from aiida_hpaint.science.evaluation.ranking import SAME_ENERGY
from aiida_hpaint.science.search.evidence import Evidence

WEIGHTS: Mapping[str, float] = {
    "generated": 2.0,
    "inpainted": 2.0,
    "random": 0.5,
    "turned": 2.0,
    "swapped": 1.5,
}
"""Weights of the moves before anything is known about a host."""

REWARD = 4.0
"""What a new lowest arrangement adds to the weight of the move that found it, in its own units."""


def share_out(evidence: Evidence, moves: Sequence[str], count: int) -> dict[str, int]:
    """Return how many of `count` arrangements each move makes, from what it found in this host.

    A move that found new lowest arrangements gets more, one that was tried in vain less.
    """
    wins = count_wins(evidence)
    scalars = evidence.samples.scalars
    origins = scalars["origin"][scalars["round"] > 0].tolist()
    weights = np.array(
        [
            WEIGHTS[move] * (1 + REWARD * wins.get(move, 0)) / (1 + origins.count(move) / count)
            for move in moves
        ]
    )
    shares = count * weights / weights.sum()
    whole = np.floor(shares).astype(int)
    order = np.argsort(-(shares - whole).round(9), kind="stable")
    whole[order[: count - whole.sum()]] += 1
    return {move: int(number) for move, number in zip(moves, whole, strict=True) if number}


def count_wins(evidence: Evidence) -> dict[str, int]:
    """Return in how many rounds the samples of each origin were the lowest so far."""
    wins: dict[str, int] = {}
    rows = evidence.lowest
    rounds = evidence.samples.scalars["round"][rows]
    energies = evidence.energies[rows] / evidence.samples.site_counts[rows]
    best = energies[rounds == 0].min(initial=np.inf)
    for number in range(1, evidence.round + 1):
        members = np.flatnonzero(rounds == number)
        if len(members) and energies[members[0]] < best - SAME_ENERGY:
            best = energies[members[0]]
            origin = str(evidence.samples.scalars["origin"][rows[members[0]]])
            wins[origin] = wins.get(origin, 0) + 1
    return wins
