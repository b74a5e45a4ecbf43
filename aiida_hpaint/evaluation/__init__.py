"""Evaluation: which samples are worth relaxing, which is lowest, and whether it is right."""

from aiida_hpaint.evaluation.matching import Comparison, compare, matches
from aiida_hpaint.evaluation.ranking import rank, select_lowest
from aiida_hpaint.evaluation.screening import screen

__all__ = ["Comparison", "compare", "matches", "rank", "screen", "select_lowest"]
