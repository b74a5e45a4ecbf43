"""Periodic images of a site."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.types import IntArray

NEIGHBOURS: IntArray = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
"""(27, 3) lattice translations to a cell itself and to all cells that touch it."""
