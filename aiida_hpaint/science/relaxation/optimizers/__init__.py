"""Optimisers for many structures at once; tests compare each step with those of ASE."""

from __future__ import annotations

from aiida_hpaint.science.relaxation.optimizers.base import Optimizer
from aiida_hpaint.science.relaxation.optimizers.bfgs import Bfgs, BfgsState
from aiida_hpaint.science.relaxation.optimizers.fire import Fire, FireState

__all__ = ["Bfgs", "BfgsState", "Fire", "FireState", "Optimizer"]
