"""The loops of `messages.c`, compiled once for each machine by its C compiler.

torch has no operation that sums products of kernels and features over pairs without writing every
product to memory first. The compiled loops do, in a fifth of the time; without them the dense form
is used.
"""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from aiida_hpaint.science.native import load_library
from aiida_hpaint.science.relaxation.potentials.folded.trial import is_right

_SOURCE = Path(__file__).with_name("messages.c")


@cache
def load_loops() -> ctypes.CDLL | None:
    """Return the compiled loops, or None where they cannot be had; see `load_library`."""
    return load_library(_SOURCE, is_right, "SevenNet takes two to six times as long")
