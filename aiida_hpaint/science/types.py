"""Types of arrays and callbacks that the whole package shares."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

Progress = Callable[[int, int, str], None]
"""Callback that reports progress: steps done, steps in all, and a message."""


class HpaintWarning(UserWarning):
    """What a user should know and no result says; commands show it as one line."""
