"""Programs that start and end without searches for garbage.

Python looks for dead objects that refer to each other whenever many objects have been made, and
again at its end. Imports make hundreds of thousands of objects, all of which are needed: in a
program of a few seconds these searches take a third of the CPU time.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["begin_program", "importing"]

_programs: list[bool] = []


def begin_program() -> None:
    """Leave imported objects out of all searches, in a process that is a command or a job.

    At its end nothing is looked at, so that open files that only garbage refers to are not flushed.
    """
    if not _programs:
        _programs.append(True)
        atexit.register(gc.freeze)


@contextmanager
def importing() -> Iterator[None]:
    """Look for no garbage while modules are imported.

    Where they were imported before, everything stays in the searches: calls that are repeated would
    keep the garbage of all before them.
    """
    was_enabled, known = gc.isenabled(), len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if _programs and len(sys.modules) > known:
            gc.freeze()
        if was_enabled:
            gc.enable()
