"""Checks of npz files from others before any memory is allocated for their arrays."""

from __future__ import annotations

import math
import zlib
from os import PathLike
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo, is_zipfile

import numpy as np

from aiida_hpaint.science.structures.file_limits import MAX_ARRAY_BYTES


def check_npz(source: str | PathLike[str] | IO[bytes], limit: int | None = MAX_ARRAY_BYTES) -> None:
    """Refuse an npz file that would fill the memory: small files can claim any size.

    Files of other formats pass; NumPy refuses them.

    Parameters
    ----------
    source
        File, which is read from its beginning and rewound.
    limit
        Largest size of all arrays together in bytes; None only checks that each array is as
        long as its header says.

    Raises
    ------
    ValueError
        If it is damaged, encrypted, unpacks to more than the limit, or holds an array that is
        shorter than its header says.
    """
    try:
        if not is_zipfile(source):
            return
        with ZipFile(source) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            if limit is not None and size > limit:
                raise ValueError(
                    f"{_name(source)} unpacks to {size / 2**30:.1f} GiB, more than the limit of "
                    f"{limit / 2**30:.0f} GiB: split it"
                )
            for entry in archive.infolist():
                _check_array(archive, entry, _name(source))
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, zlib.error) as error:
        raise ValueError(f"{_name(source)} is no npz file ({error})") from None
    finally:
        if not isinstance(source, str | PathLike):
            source.seek(0)


def _check_array(archive: ZipFile, entry: ZipInfo, name: str) -> None:
    with archive.open(entry) as stream:
        shape, dtype = _header(stream)
    # Arrays of objects are pickles, of which NumPy reads none.
    # Entries without any byte could be as many as one likes.
    if not dtype.hasobject and math.prod(shape) * max(1, dtype.itemsize) > entry.file_size:
        raise ValueError(
            f"{name}: {entry.filename} should have {math.prod(shape)} numbers and is too short"
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
