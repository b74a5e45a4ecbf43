"""Reader of Lightning checkpoints that executes nothing in them.

`torch.save` writes a zip archive: a pickle that describes the objects, and a record of raw numbers
for each storage of tensors. `torch.load(weights_only=True)` refuses a file for a single unsupported
object, and which objects are supported depends on the version of torch.
Checkpoints of MatterGen contain callbacks, schedulers and configurations of packages that need not
be installed here, while only tensors and plain data are needed. Therefore the archive is read
directly, by `InertUnpickler`, and only the tensors of the network are loaded.
"""

from __future__ import annotations

import io
import math
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.diffusion.models.inert_pickles import (
    InertObject,
    InertUnpickler,
    to_plain_data,
)

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "UntypedStorage": torch.uint8,
}
_PLAIN_KEYS = ("epoch", "global_step", "pytorch-lightning_version")


@dataclass(frozen=True)
class LightningFile:
    """Contents of a Lightning checkpoint that conversion needs.

    Attributes
    ----------
    state_dict
        Parameters and buffers of the Lightning module by name.
    config
        Configuration that MatterGen's training stores in its checkpoints, if there is one.
    training
        Epoch, steps and version of Lightning.
    inert
        Names of the classes whose objects were skipped.
    """

    state_dict: dict[str, Tensor]
    config: dict[str, Any] | None
    training: dict[str, Any]
    inert: tuple[str, ...]


@dataclass(frozen=True)
class _Storage:
    """A record of the archive with `size` numbers."""

    key: str
    dtype: torch.dtype
    size: int


@dataclass(frozen=True)
class _View:
    """A tensor that has not been read yet: part of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_lightning(path: Path) -> LightningFile:
    """Read a `.ckpt` file; nothing in it is executed.

    Raises
    ------
    CheckpointError
        If it is not a checkpoint, is damaged, has no `state_dict`, or calls what no
        checkpoint needs.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise CheckpointError(
            f"{path} is not a readable checkpoint ({error}): it has to be a file that Lightning or "
            "torch.save wrote with torch 1.6 or later; if it is one, copy or fetch it again"
        ) from error


def _read(archive: zipfile.ZipFile) -> LightningFile:
    root = _root(archive)
    content, inert = _unpickle(archive.read(f"{root}data.pkl"))
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise CheckpointError("it has no state_dict: it is not a checkpoint of Lightning")
    config = to_plain_data(content.get("config"))
    return LightningFile(
        state_dict=_Reader(archive, root).tensors(state),
        config=config if isinstance(config, dict) else None,
        training={key: to_plain_data(content[key]) for key in _PLAIN_KEYS if key in content},
        inert=tuple(sorted(path for path in inert if not path.endswith("Storage"))),
    )


def _root(archive: zipfile.ZipFile) -> str:
    """Return the top folder inside the archive."""
    pickles = [name for name in archive.namelist() if name.endswith("data.pkl")]
    if len(pickles) != 1:
        raise CheckpointError("it is an archive, but torch.save did not write it")
    root = pickles[0].removesuffix("data.pkl")
    order = f"{root}byteorder"
    if order in archive.namelist() and archive.read(order).decode() != sys.byteorder:
        raise CheckpointError("it was written on a machine of another byte order")
    return root


def _unpickle(pickled: bytes) -> tuple[Any, set[str]]:
    unpickler = InertUnpickler(io.BytesIO(pickled), _builders(), _storage)
    try:
        return unpickler.load(), unpickler.inert
    except CheckpointError:
        raise
    except Exception as error:  # a damaged pickle can fail in any way
        raise CheckpointError(f"its pickle is damaged ({type(error).__name__}: {error})") from error


def _builders() -> dict[str, Callable[..., Any]]:
    """Return the functions that pickled tensors need: views of storages that are read later."""

    def view(storage: _Storage, offset: int, shape: Any, strides: Any, *_: Any) -> _View:
        return _View(storage, offset, tuple(shape), tuple(strides))

    def typed(storage: _Storage, *arguments: Any) -> _View | InertObject:
        return InertObject()  # float8 and similar types, which our networks do not have

    def parameter(data: _View, *_: Any) -> _View:
        return data

    def shape(sizes: Any = ()) -> tuple[int, ...]:
        return tuple(sizes)

    return {
        "torch._utils._rebuild_tensor": view,
        "torch._utils._rebuild_tensor_v2": view,
        "torch._utils._rebuild_tensor_v3": typed,
        "torch._utils._rebuild_parameter": parameter,
        "torch._utils._rebuild_parameter_with_state": parameter,
        "torch.Size": shape,
    }


def _storage(reference: Any) -> _Storage | InertObject:
    _, kind, key, _, size = reference
    dtype = _DTYPES.get(getattr(kind, "path", "").rpartition(".")[2])
    return InertObject() if dtype is None else _Storage(str(key), dtype, int(size))


class _Reader:
    """Reader of the tensors in an archive; each storage is read once."""

    def __init__(self, archive: zipfile.ZipFile, root: str) -> None:
        self._archive = archive
        self._root = root
        self._storages: dict[_Storage, Tensor] = {}

    def tensors(self, state: dict[Any, Any]) -> dict[str, Tensor]:
        """Read the tensors of a state dictionary."""
        return {str(name): self._tensor(name, value) for name, value in state.items()}

    def _tensor(self, name: str, value: Any) -> Tensor:
        if not isinstance(value, _View) or not isinstance(value.storage, _Storage):
            raise CheckpointError(f"'{name}' in its state_dict is not a plain tensor")
        try:
            numbers = self._numbers(value.storage)
            # A stride of zero could expand a small file to any size in memory.
            if math.prod(value.shape) > len(numbers):
                raise ValueError(f"{tuple(value.shape)} out of {len(numbers)} numbers")
            return numbers.as_strided(value.shape, value.strides, value.offset).clone()
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise CheckpointError(f"the tensor '{name}' in it is damaged: {error}") from error

    def _numbers(self, storage: _Storage) -> Tensor:
        if storage not in self._storages:
            record = self._archive.getinfo(f"{self._root}data/{storage.key}")
            width = storage.dtype.itemsize
            if record.file_size != storage.size * width:
                raise ValueError(f"{record.file_size} bytes for {storage.size} numbers")
            self._storages[storage] = self._load(record, storage.dtype)
        return self._storages[storage]

    def _load(self, record: zipfile.ZipInfo, dtype: torch.dtype) -> Tensor:
        if record.file_size == 0:
            return torch.empty(0, dtype=dtype)
        return torch.frombuffer(bytearray(self._archive.read(record)), dtype=dtype)
