"""Files of arrays from others: what they say of themselves is checked before memory is given."""

from __future__ import annotations

import math
from os import PathLike
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

import numpy as np

MAX_BYTES = 4 * 2**30
"""Bytes that the arrays of one file may take in memory, unless said otherwise."""


def check_npz(source: str | PathLike[str] | IO[bytes], limit: int | None = MAX_BYTES) -> None:
    """Refuse an npz file that would fill the memory: a few bytes can claim to be any number.

    What is no such file at all is left to NumPy, which says so.

    Parameters
    ----------
    source
        Read from its beginning, where it is left.
    limit
        Bytes of all arrays together; None: only that each array is as long as it says.

    Raises
    ------
    ValueError
        If it is damaged, unpacks to more than the limit, or holds an array that says it is longer
        than it is.
    """
    try:
        if not is_zipfile(source):
            return
        with ZipFile(source) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if limit is not None and size > limit:
                raise ValueError(
                    f"{_name(source)} unpacks to {size / 2**30:.1f} GiB, and {limit / 2**30:.0f} "
                    "are the most: split it"
                )
            for entry in archive.infolist():
                _check_array(archive, entry, _name(source))
    except (BadZipFile, EOFError, NotImplementedError) as error:
        raise ValueError(f"{_name(source)} is no npz file ({error})") from None
    finally:
        if not isinstance(source, str | PathLike):
            source.seek(0)


def _check_array(archive: ZipFile, entry: ZipInfo, name: str) -> None:
    with archive.open(entry) as stream:
        shape, dtype = _header(stream)
    # Arrays of objects are pickles, of which NumPy reads none.
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > entry.file_size:
        raise ValueError(
            f"{name}: {entry.filename} says it has {math.prod(shape)} numbers, and is too short"
        )


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(stream)
    return shape, dtype


def _name(source: Any) -> str:
    name = source if isinstance(source, str | PathLike) else getattr(source, "name", "the file")
    return str(name).rsplit("/", 1)[-1]
