"""The loops of `messages.c`, compiled once for each machine by its C compiler.

torch has no operation that sums products of kernels and features over pairs without writing every
product to memory first. The compiled loops do, in a fifth of the time. They need no header but a
compiler; where there is none, or what it makes cannot be loaded, the dense form is used.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from aiida_hpaint.science.files import find_cache_folder

SWITCH = "AIIDA_HPAINT_COMPILE"
"""Environment variable that turns compilation off when it is 0."""

_SOURCE = Path(__file__).with_name("messages.c")
_FLAGS = ("-O3", "-ffp-contract=fast", "-shared", "-fPIC", "-std=c99")
_THIS_PROCESSOR = ("-march=native", "-mcpu=native")
"""The compilers of Apple and those for POWER may know only the second."""
_SECONDS = 120


@cache
def load_loops() -> ctypes.CDLL | None:
    """Return the compiled loops, or None where they cannot be had."""
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if os.environ.get(SWITCH) == "0" or compiler is None:
        return None
    try:
        path = find_cache_folder() / f"messages-{_identify(compiler)}.so"
        if not path.is_file():
            _compile(compiler, path)
        return ctypes.CDLL(str(path))
    except (OSError, subprocess.SubprocessError):
        return None


def _identify(compiler: str) -> str:
    """Return a name for source, compiler and processor: machines of all kinds share homes."""
    processor = platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        processor += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    flags = (*_FLAGS, *_THIS_PROCESSOR)
    facts = (_SOURCE.read_text(encoding="utf-8"), compiler, flags, processor)
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _compile(compiler: str, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        command = [*compiler.split(), *_FLAGS, "-o", str(made), str(_SOURCE)]
        for flag in _THIS_PROCESSOR:
            ended = subprocess.run([*command, flag], capture_output=True, timeout=_SECONDS)
            if ended.returncode == 0:
                break
        ended.check_returncode()
        # Jobs that start together all compile it. The first one stays, as others may have it
        # loaded, and what is replaced in a network folder is lost to the processes of other nodes.
        if path.is_file():
            return
        if not _is_right(ctypes.CDLL(str(made))):
            raise OSError(f"{compiler} compiles the loops of {_SOURCE.name} wrongly")
        made.replace(path)


def _is_right(loops: ctypes.CDLL) -> bool:
    """Return whether the loops send one scalar feature both ways by a kernel with l2 = 1."""
    import numpy as np

    width = 37
    kernel, feature = np.sin(np.arange(3 * width)), np.cos(np.arange(2 * width))
    arrays = [np.array(values, dtype=np.int64) for values in ([0], [1], [0])]
    coupling = [np.array(v, dtype=np.int64) for v in ([0, 1, 1, width, 0, 0, 0, 3], _DIAGONAL)]
    floats = [a.astype(np.float32) for a in (np.full(3, 0.5), kernel, feature, np.zeros(6 * width))]
    terms, kernel, feature, sent = floats
    one = ctypes.c_longlong(1)
    widths = (ctypes.c_longlong * 2)(width, width)
    inputs: list[Any] = [*arrays, *coupling, terms]
    address = [ctypes.c_void_p(a.ctypes.data) for a in inputs]
    tables = [
        (ctypes.c_void_p * 2)(*(a.ctypes.data if degree == place else None for degree in range(2)))
        for place, a in ((1, kernel), (0, feature), (1, sent))
    ]
    with_widths = [part for table in tables for part in (table, widths)]
    loops.send(one, *address[:3], one, *address[3:], *with_widths)
    ways = kernel.reshape(1, 3, width) * 0.5 * feature.reshape(2, 1, width)[::-1]
    return bool(np.allclose(sent.reshape(2, 3, width), ways * [[[1]], [[-1]]], atol=1e-6))


_DIAGONAL = [0, 0, 0, 0, 1, 1, 0, 2, 2]
"""Components of feature, kernel and message of the three terms of the test."""
