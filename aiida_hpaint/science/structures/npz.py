"""StructureBatch in one NumPy file: arrays as arrays, strings as unicode, JSON as text."""

from __future__ import annotations

import json
import zlib
from os import PathLike
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.outputs import replace_file
from aiida_hpaint.science.structures.archives import check_npz
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.file_limits import MAX_ROWS

_Target = str | PathLike[str] | IO[bytes]

FORMAT_VERSION = 1
"""Version of the layout; a file of another version is refused."""

_ARRAYS = ("labels", "cells", "site_counts", "numbers", "frac_coords", "inserted")


def save_npz(batch: StructureBatch, target: _Target) -> None:
    """Write a batch to a file, from which `load_npz` reads it bit for bit.

    Parameters
    ----------
    batch : StructureBatch
        Any batch; its metadata and history have to be JSON.
    target : path or binary file
        Where to write. Nothing is appended to the name.

    Raises
    ------
    TypeError
        If metadata or history hold something that JSON does not know.
    ValueError
        If a label or a scalar cannot be written as an array without loss.
    """
    arrays: dict[str, Any] = {name: getattr(batch, name) for name in _ARRAYS[1:]}
    arrays["labels"] = _label_array(batch.labels)
    for index, (name, values) in enumerate(batch.scalars.items()):
        if values.dtype.kind not in "fiubU":
            raise ValueError(f"scalar {name!r} has type {values.dtype}: use numbers or strings")
        arrays[f"scalar_{index}"] = values
    # All samples of a host have the same metadata, or nearly so.
    texts = [json.dumps(entry) for entry in batch.metadata]
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    header = {
        "format": FORMAT_VERSION,
        "scalars": list(batch.scalars),
        "metadata": list(places),
        "metadata_rows": [places[text] for text in texts],
        "history": list(batch.history),
    }
    arrays["header"] = np.array(json.dumps(header))
    if isinstance(target, str | PathLike):
        with replace_file(Path(target)) as part, part.open("wb") as file:
            np.savez_compressed(file, **arrays)
    else:
        np.savez_compressed(target, **arrays)


def load_npz(source: _Target) -> StructureBatch:
    """Read a batch that `save_npz` wrote. Pickled objects are never loaded.

    Raises
    ------
    ValueError
        If the file is not such a file, of another version, or too large: see `check_npz`.
    """
    check_npz(source)
    try:
        return _load(source)
    except (BadZipFile, zlib.error, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{source} is damaged ({type(error).__name__}: {error})") from error


def _load(source: _Target) -> StructureBatch:
    loaded = np.load(source, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        raise ValueError(f"{source} holds a bare array: save_npz writes an archive of them")
    with loaded as file:
        missing = [name for name in ("header", *_ARRAYS) if name not in file.files]
        if missing:
            raise ValueError(f"{source} holds no StructureBatch: {', '.join(missing)} missing")
        header = json.loads(str(file["header"]))
        if not isinstance(header, dict):
            raise ValueError(f"{source} has a header that is no object of JSON")
        if header.get("format") != FORMAT_VERSION:
            raise ValueError(
                f"{source} has format {header.get('format')}, this version reads {FORMAT_VERSION}"
            )
        return _from_arrays(file, header)


def _from_arrays(file: Any, header: dict[str, Any]) -> StructureBatch:
    labels = file["labels"]
    if labels.ndim != 1 or len(labels) > MAX_ROWS:
        raise ValueError(f"it has labels of shape {labels.shape}, and at most {MAX_ROWS} are read")
    return StructureBatch(
        labels=tuple(map(str, labels.tolist())),
        scalars={name: file[f"scalar_{i}"] for i, name in enumerate(header["scalars"])},
        metadata=tuple(json.loads(header["metadata"][row]) for row in header["metadata_rows"]),
        history=tuple(header["history"]),
        **{name: file[name] for name in _ARRAYS[1:]},
    )


def _label_array(labels: tuple[str, ...]) -> NDArray[np.str_]:
    array = np.array(labels, dtype=np.str_)
    # NumPy drops NUL characters at the end of a string.
    if array.tolist() != list(labels):
        raise ValueError("a label ends in a NUL character: rename it")
    return array
