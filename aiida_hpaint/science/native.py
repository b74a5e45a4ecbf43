"""Loops in C, compiled once for each machine by its C compiler.

Where an operation of torch writes what the next one reads, to memory and back, compiled loops need
not. They need a compiler, and no header but those of C itself. Where there is no compiler, or what
it makes cannot be loaded or computes wrongly, whoever asked does without, and a warning says so.
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
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiida_hpaint.science.files import CACHE_VARIABLE, find_cache_folder
from aiida_hpaint.science.types import HpaintWarning

SWITCH = "AIIDA_HPAINT_COMPILE"
"""Environment variable that turns compilation off when it is 0."""

Trial = Callable[[ctypes.CDLL], bool]
"""Function that returns whether compiled loops compute what they should."""

_FLAGS = ("-O3", "-ffp-contract=fast", "-shared", "-fPIC", "-std=c99")
_THIS_PROCESSOR = ("-march=native", "-mcpu=native")
"""The compilers of Apple and those for POWER may know only the second."""
_SECONDS = 120


def load_library(source: Path, is_right: Trial, cost: str) -> ctypes.CDLL | None:
    """Return the compiled loops of a file, or None where they cannot be had.

    Unless `SWITCH` turns them off, a warning says why; callers keep what they got.

    Parameters
    ----------
    source : Path
        C99 whose exported names are none of the C library's, which would be called instead.
    is_right : function
        Tries what was just compiled.
    cost : str
        What is slower without, the beginning of the warning.
    """
    if os.environ.get(SWITCH) == "0":
        return None
    try:
        return _open_library(source, is_right)
    except (OSError, subprocess.SubprocessError) as error:
        warnings.warn(
            f"{cost}, as its loops are not compiled ({error}): "
            f"install a C compiler, or name one in CC, or name a folder for what it makes in "
            f"{CACHE_VARIABLE}; with {SWITCH}=0 nothing is compiled",
            HpaintWarning,
            stacklevel=3,
        )
        return None


def _open_library(source: Path, is_right: Trial) -> ctypes.CDLL:
    """Return the compiled loops, from the cache if they are there.

    Raises
    ------
    OSError, subprocess.SubprocessError
        If they cannot be had.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise OSError("there is no C compiler (cc, gcc)")
    folder, name = find_cache_folder(), f"{source.stem}-{_identify(compiler, source)}"
    whole, damaged = _find_libraries(folder, name)
    if damaged:
        warnings.warn(
            f"{damaged[0]} is damaged (its content is not the one its name tells): "
            + (f"{whole[0].name} is used" if whole else "it is compiled again"),
            HpaintWarning,
            stacklevel=4,
        )
    path = whole[0] if whole else _compile(compiler, source, folder, name, is_right)
    for one in damaged:
        if one != path:
            with suppress(OSError):  # removed by another job, or of another user
                one.unlink()
    return ctypes.CDLL(str(path))


def _find_libraries(folder: Path, name: str) -> tuple[list[Path], list[Path]]:
    """Return the libraries that are what was compiled, and those that were damaged since.

    Loading part of a library can end the process, so that each has the hash of its content in its
    name.
    """
    whole: list[Path] = []
    damaged: list[Path] = []
    for path in sorted(folder.glob(f"{name}-*.so")):
        with suppress(FileNotFoundError):  # another job removed it
            is_whole = path.name == _name_library(name, path)
            (whole if is_whole else damaged).append(path)
    return whole, damaged


def _name_library(name: str, made: Path) -> str:
    return f"{name}-{hashlib.sha256(made.read_bytes()).hexdigest()[:16]}.so"


def _identify(compiler: str, source: Path) -> str:
    """Return a name for all that a library depends on: machines of all kinds share homes.

    What is linked against a newer C library does not load with an older one.
    """
    processor = platform.machine()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        # Of x86, Arm, POWER and RISC-V.
        kinds = "flags", "Features", "cpu", "isa"
        processor += next((line for line in lines if line.partition(":")[0].strip() in kinds), "")
    flags = (*_FLAGS, *_THIS_PROCESSOR)
    facts = (source.read_text(encoding="utf-8"), compiler, flags, processor, platform.libc_ver())
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _compile(compiler: str, source: Path, folder: Path, name: str, is_right: Trial) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    # A network folder keeps files that are loaded, until the process ends.
    with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as place:
        made = Path(place) / f"{name}.so"
        command = [*compiler.split(), *_FLAGS, "-o", str(made), str(source), "-lm"]
        for flag in _THIS_PROCESSOR:
            ended = subprocess.run([*command, flag], capture_output=True, timeout=_SECONDS)
            if ended.returncode == 0:
                break
        if ended.returncode:
            lines = ended.stderr.decode(errors="replace").strip().splitlines()
            raise OSError(f"{compiler} ends with status {ended.returncode}: {''.join(lines[:1])}")
        if not is_right(ctypes.CDLL(str(made))):
            raise OSError(f"{compiler} compiles the loops of {source.name} wrongly")
        # Jobs that start together all compile it. The first one stays, as others may have it
        # loaded, and what is replaced in a network folder is lost to the processes of other nodes.
        whole, damaged = _find_libraries(folder, name)
        if whole:
            return whole[0]
        path = folder / _name_library(name, made)
        try:
            if path in damaged:
                made.replace(path)
            else:
                os.link(made, path)
        except FileExistsError:
            pass
        except OSError:  # a file system without links
            made.replace(path)
        return path
