"""Powder diffraction of candidates: patterns, agreement with a measurement, and distinction."""

from aiida_hpaint.science.diffraction.agreement import Agreement, fit_pattern
from aiida_hpaint.science.diffraction.distinction import estimate_needed_counts
from aiida_hpaint.science.diffraction.measurement import Measurement, read_measurement
from aiida_hpaint.science.diffraction.profiles import PeakShape, compute_profile
from aiida_hpaint.science.diffraction.reflections import (
    Radiation,
    Reflections,
    compute_reflections,
)

__all__ = [
    "Agreement",
    "Measurement",
    "PeakShape",
    "Radiation",
    "Reflections",
    "compute_profile",
    "compute_reflections",
    "estimate_needed_counts",
    "fit_pattern",
    "read_measurement",
]
