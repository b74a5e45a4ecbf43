"""Symmetry: candidates that keep operations of their host, and results made exactly symmetric."""

from aiida_hpaint.science.symmetry.propose import propose
from aiida_hpaint.science.symmetry.refine import refine

__all__ = ["propose", "refine"]
