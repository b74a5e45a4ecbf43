"""The loops of `messages.c`, compiled once for each machine by its C compiler.

torch has no operation that sums products of kernels and features over pairs without writing every
product to memory first. The compiled loops do, in a fifth of the time. They need no header but a
compiler; where there is none, or what it makes cannot be loaded, the dense form is used, and a
warning says so.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path

from aiida_hpaint.science.files import find_cache_folder
from aiida_hpaint.science.relaxation.potentials.folded.trial import is_right
from aiida_hpaint.science.types import HpaintWarning

SWITCH = "AIIDA_HPAINT_COMPILE"
"""Environment variable that turns compilation off when it is 0."""

_SOURCE = Path(__file__).with_name("messages.c")
_FLAGS = ("-O3", "-ffp-contract=fast", "-shared", "-fPIC", "-std=c99")
_THIS_PROCESSOR = ("-march=native", "-mcpu=native")
"""The compilers of Apple and those for POWER may know only the second."""
_SECONDS = 120


@cache
def load_loops() -> ctypes.CDLL | None:
    """Return the compiled loops, or None where they cannot be had.

    Unless `SWITCH` turns them off, a warning says once why.
    """
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        return _open_loops()
    except (OSError, subprocess.SubprocessError) as error:
        warnings.warn(
            f"SevenNet takes two to six times as long, as its loops are not compiled ({error}): "
            f"install a C compiler, or name one in CC; with {SWITCH}=0 nothing is compiled",
            HpaintWarning,
            stacklevel=2,
        )
        return None


def _open_loops() -> ctypes.CDLL:
    """Return the compiled loops, from the cache if they are there.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If they cannot be had.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise OSError("there is no C compiler (cc, gcc)")
    path = find_cache_folder() / f"messages-{_identify(compiler)}.so"
    if not path.is_file():
        _compile(compiler, path)
    return ctypes.CDLL(str(path))


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
        if ended.returncode:
            lines = ended.stderr.decode(errors="replace").strip().splitlines()
            raise OSError(f"{compiler} ends with status {ended.returncode}: {''.join(lines[:1])}")
        # Jobs that start together all compile it. The first one stays, as others may have it
        # loaded, and what is replaced in a network folder is lost to the processes of other nodes.
        if path.is_file():
            return
        if not is_right(ctypes.CDLL(str(made))):
            raise OSError(f"{compiler} compiles the loops of {_SOURCE.name} wrongly")
        made.replace(path)
