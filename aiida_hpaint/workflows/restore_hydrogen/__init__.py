"""Restoration of hydrogen by DFT alone: maxima of the electrostatic potential, relaxed."""

from aiida_hpaint.workflows.restore_hydrogen.peaks import PotentialPeaksWorkChain
from aiida_hpaint.workflows.restore_hydrogen.work_chain import RestoreHydrogenWorkChain

__all__ = ["PotentialPeaksWorkChain", "RestoreHydrogenWorkChain"]
