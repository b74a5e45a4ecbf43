"""Hashes of files, and the folders of models and of what is computed once for each machine."""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

CACHE_VARIABLE = "AIIDA_HPAINT_CACHE"
"""Environment variable that names the folder of the cache."""

FOLDER_VARIABLE = "AIIDA_HPAINT_MODELS"
"""Environment variable that names the folder of fetched and converted models."""


def models_folder() -> Path:
    """Return the folder of fetched and converted models.

    The environment variable AIIDA_HPAINT_MODELS sets it; the default is a folder in the user's data
    (XDG_DATA_HOME, by default ~/.local/share).
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "aiida-hpaint" / "models"


def find_cache_folder() -> Path:
    """Return the folder of the cache: of AIIDA_HPAINT_CACHE, else within the user's cache.

    The latter is XDG_CACHE_HOME, by default ~/.cache.

    Raises
    ------
    FileNotFoundError
        If it is within the user's home, and there is none.
    """
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    chosen = os.environ.get(CACHE_VARIABLE)
    folder = Path(chosen) if chosen else Path(base) / "aiida-hpaint"
    try:
        return folder.expanduser()
    except RuntimeError as error:
        raise FileNotFoundError(
            f"there is no folder for the cache, {folder}: {error} Name one in {CACHE_VARIABLE}"
        ) from None


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits.

    It is computed once for each path, size and modification time.
    """
    status = path.stat()
    return _hash_content(path.absolute(), status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _hash_content(path: Path, size: int, mtime_ns: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
