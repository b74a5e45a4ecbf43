"""The physics baseline: sites at maxima of the electrostatic potential, relaxed by DFT."""

from aiida_hpaint.workflows.restore_hydrogen.chain import RestoreHydrogenWorkChain
from aiida_hpaint.workflows.restore_hydrogen.peaks import PotentialPeaksWorkChain

__all__ = ["PotentialPeaksWorkChain", "RestoreHydrogenWorkChain"]
