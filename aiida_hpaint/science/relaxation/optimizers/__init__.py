"""Optimisers for many structures at once, with ASE's as their oracles."""

from __future__ import annotations

from aiida_hpaint.science.relaxation.optimizers.base import Optimizer
from aiida_hpaint.science.relaxation.optimizers.bfgs import Bfgs, BfgsState
from aiida_hpaint.science.relaxation.optimizers.fire import Fire, FireState

__all__ = ["Bfgs", "BfgsState", "Fire", "FireState", "Optimizer"]
