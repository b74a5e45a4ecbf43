"""Symmetry: candidates that keep operations of their host, and results made exactly symmetric."""

from aiida_hpaint.science.symmetry.proposals import add_symmetric_proposals
from aiida_hpaint.science.symmetry.refine import refine_symmetry

__all__ = ["add_symmetric_proposals", "refine_symmetry"]
