"""Workflows: restorations as AiiDA processes."""

from aiida_hpaint.workflows.build import build_restore
from aiida_hpaint.workflows.progress import find_restorations, get_samples
from aiida_hpaint.workflows.stage import StageWorkChain

__all__ = ["StageWorkChain", "build_restore", "find_restorations", "get_samples"]
