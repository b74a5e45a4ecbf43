"""Optimisers for many structures at once, with ASE's as their oracles."""

from __future__ import annotations

from .base import Optimizer
from .bfgs import Bfgs, BfgsState
from .fire import Fire, FireState

__all__ = ["Bfgs", "BfgsState", "Fire", "FireState", "Optimizer"]
