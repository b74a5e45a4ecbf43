"""Evaluation: which samples are worth relaxing, which is lowest, and whether it is right."""

from aiida_hpaint.science.evaluation.matching import Comparison, compare, host_matches, matches
from aiida_hpaint.science.evaluation.ranking import rank, select_lowest
from aiida_hpaint.science.evaluation.sifting import sift
from aiida_hpaint.science.evaluation.success import Rate, lower_energy_or_match, success_rate

__all__ = [
    "Comparison",
    "Rate",
    "compare",
    "host_matches",
    "lower_energy_or_match",
    "matches",
    "rank",
    "select_lowest",
    "sift",
    "success_rate",
]
