"""Hashes of files."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


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
