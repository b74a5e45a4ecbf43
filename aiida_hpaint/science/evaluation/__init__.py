"""Evaluation: filter samples, rank them by energy, and compare them with references."""

from aiida_hpaint.science.evaluation.filtering import filter_samples
from aiida_hpaint.science.evaluation.matching import Comparison, compare, is_host_match, is_match
from aiida_hpaint.science.evaluation.ranking import (
    exclude_fixed_cells,
    find_answers,
    rank,
    select_lowest,
)
from aiida_hpaint.science.evaluation.same_ends import mark_same_ends
from aiida_hpaint.science.evaluation.success import Rate, estimate_rate, is_lower_energy_success

__all__ = [
    "Comparison",
    "Rate",
    "compare",
    "estimate_rate",
    "exclude_fixed_cells",
    "filter_samples",
    "find_answers",
    "is_host_match",
    "is_lower_energy_success",
    "is_match",
    "mark_same_ends",
    "rank",
    "select_lowest",
]
