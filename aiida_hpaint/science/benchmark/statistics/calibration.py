"""Calibration: whether answers are right as often as their confidence says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aiida_hpaint.science.benchmark.statistics.criteria import is_right
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.confidence import SURE
from aiida_hpaint.science.evaluation.success import estimate_rate_as_json

EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.0)
"""Ends of the groups of hosts whose confidence is compared with how many of them are right."""


def measure_calibration(rows: Sequence[HostRow]) -> dict[str, Any] | None:
    """Return how well the confidence in the answers is calibrated; None where there is none.

    An answer is right if it is the reference or soundly lower, see `criteria.is_strict_success`.
    `brier` is the mean square of confidence minus outcome (Brier, Mon. Weather Rev. 78, 1 (1950));
    `brier_constant` what the rate of right answers alone, given for every host, would get.
    `sure_share` is the share of all hosts that are said to be right with at least 95 %, and
    `sure_right` the share of these that are. `reliability` compares groups of hosts: their mean
    confidence with the rate of right answers.
    """
    pairs = [
        (row.answer.confidence, is_right(row))
        for row in rows
        if row.answer is not None and row.answer.confidence is not None
    ]
    if not pairs:
        return None
    said, right = np.array([one for one, _ in pairs]), np.array([one for _, one in pairs])
    sure = said >= SURE
    groups = np.clip(np.searchsorted(EDGES, said, side="right") - 1, 0, len(EDGES) - 2)
    return {
        "brier": float(((said - right) ** 2).mean()),
        "brier_constant": float(right.mean() * (1 - right.mean())),
        "sure_share": estimate_rate_as_json([*sure.tolist(), *[False] * (len(rows) - len(pairs))]),
        "sure_right": estimate_rate_as_json(right[sure].tolist()),
        "reliability": [
            {
                "low": EDGES[group],
                "high": EDGES[group + 1],
                "confidence": float(said[groups == group].mean()),
                "right": estimate_rate_as_json(right[groups == group].tolist()),
            }
            for group in range(len(EDGES) - 1)
            if (groups == group).any()
        ],
    }
