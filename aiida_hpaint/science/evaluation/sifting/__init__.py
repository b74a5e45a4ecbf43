"""Sifting: which samples are worth the time of a potential."""

from aiida_hpaint.science.evaluation.sifting.duplicates import find_duplicates
from aiida_hpaint.science.evaluation.sifting.sift import sift

__all__ = ["find_duplicates", "sift"]
