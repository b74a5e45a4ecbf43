"""Folders and files of results: tried before the work, written whole or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["OutputError", "lock_folder", "open_staging", "replace_file", "replace_text", "try_file"]

LOCK = ".hpaint.lock"
"""File in a folder of results that is locked while results are made for it."""

_PART = ".hpaint-part-"
"""Beginning of the names of what is not complete."""

_LEAST_SPACE = 16 * 2**20
"""Bytes that have to be free on the disk of results before any work."""

_AT_ONCE = 16
"""Files that wait for the disk at once: it writes many in the time of one."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of full disks, used up quotas and limits on the size of files."""

_locked: dict[Path, int] = {}
"""How often this process has locked each folder."""


class OutputError(OSError):
    """Results cannot be written; the message names the folder, the reason and the remedy."""


@contextmanager
def lock_folder(folder: Path) -> Iterator[Path]:
    """Make a folder for results, try to write into it, and keep other processes out.

    The lock is that of the operating system, and ends with the process, however it ends. What an
    interrupted process left half written is removed; a folder that stays empty, too.

    Yields
    ------
    Path
        The folder.

    Raises
    ------
    OutputError
        If another process uses the folder, it cannot be written, or its disk is full.
    """
    key = folder.absolute()
    if key in _locked:
        _locked[key] += 1
        try:
            yield folder
        finally:
            _locked[key] -= 1
        return
    made = _make_folder(folder)
    try:
        descriptor = _lock(folder)
        try:
            _locked[key] = 1
            _remove_parts(folder)
            _check_space(folder)
            yield folder
        finally:
            _locked.pop(key, None)
            with suppress(OSError):
                (folder / LOCK).unlink()
            os.close(descriptor)
    finally:
        for each in reversed(made):
            with suppress(OSError):  # it has results
                each.rmdir()


def try_file(path: Path) -> None:
    """Check that a file of results can be written, before the work for it.

    Raises
    ------
    OutputError
        If its folder cannot be made or written, or the path is a folder.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder: choose the name of a file")
    with lock_folder(path.parent):
        pass


@contextmanager
def open_staging(folder: Path) -> Iterator[Path]:
    """Write files into a folder that is not seen, and move all of them when all are complete.

    If something fails, as on a full disk, the folder has the files that it had. Links in the folder
    are replaced, and never followed.

    Yields
    ------
    Path
        A new folder beside the files that it will replace; its subfolders are moved as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=_PART, dir=folder))
    try:
        yield staging
        paths = [path for path in sorted(staging.rglob("*")) if path.is_file()]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(_flush, paths))
        for path in paths:
            target = folder / path.relative_to(staging)
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
    except OSError as error:
        raise _explain(folder, error) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Write a file beside its place, and move it there when it is complete.

    Yields
    ------
    Path
        Where to write; it has the suffix of the path.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{_PART}{os.getpid()}-{path.name}")
    try:
        yield part
        _flush(part)
        os.replace(part, path)
    except OSError as error:
        raise _explain(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Write text in UTF-8, with its line ends as they are, as a file that is always complete."""
    with replace_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="")


def _flush(path: Path) -> None:
    """Wait until the content of a file is on the disk."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _make_folder(folder: Path) -> list[Path]:
    """Make a folder; return those that were made, the outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(_describe(folder, error)) from None
    return missing[::-1]


def _lock(folder: Path) -> int:
    """Return the descriptor of the locked file in a folder."""
    path = folder / LOCK
    while True:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise OutputError(_describe(folder, error)) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = os.path.samestat(os.fstat(descriptor), os.stat(path))
        except BlockingIOError:
            owner = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise OutputError(
                f"{folder} is in use: process {owner} writes its results there. "
                "Wait for it, or choose another folder"
            ) from None
        except FileNotFoundError:
            is_ours = False
        except OSError as error:
            os.close(descriptor)
            raise OutputError(_describe(folder, error)) from None
        if is_ours:
            os.write(descriptor, f"{os.getpid()}\n".encode())
            return descriptor
        os.close(descriptor)  # whoever had it has just removed it


def _remove_parts(folder: Path) -> None:
    for path in folder.glob(f"{_PART}*"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _LEAST_SPACE:
        raise OutputError(
            f"the disk of {folder} has only {free / 2**20:.0f} MiB left: "
            f"free {_LEAST_SPACE // 2**20} MiB at least, or choose another folder"
        )


def _explain(path: Path, error: OSError) -> OSError:
    """Return what to raise for an error that ended the writing of a file or into a folder."""
    if isinstance(error, OutputError) or error.errno not in _FULL:
        return error
    reason = (error.strerror or str(error)).lower()
    return OutputError(
        f"{path} could not be written ({reason}), and is as it was before: free disk space"
    )


def _describe(folder: Path, error: OSError) -> str:
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        reason = "part of its path is a file"
    else:
        reason = (error.strerror or str(error)).lower()
    return f"results cannot be written into {folder}: {reason}. Choose another folder"
