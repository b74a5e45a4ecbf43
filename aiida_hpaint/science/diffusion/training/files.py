"""Readers of training data: npz, extended XYZ, CIF, and cache folders of MatterGen."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, Field, model_validator

from aiida_hpaint.science.diffusion.training.structures import (
    TrainingDataError,
    TrainingStructures,
    join_structures,
)
from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.settings import HostSettings, Settings
from aiida_hpaint.science.structures.archives import check_npz
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.errors import HostError
from aiida_hpaint.science.structures.extxyz import read_extxyz
from aiida_hpaint.science.structures.hosts import iter_hosts

NPZ_KEYS = ("num_atoms", "atomic_numbers", "frac_coords", "lattice")
"""Arrays of an npz: number of sites of each structure, all sites, all cells (rows, Å)."""

CACHE_KEYS = ("num_atoms", "atomic_numbers", "pos", "cell")
"""The same arrays, as MatterGen 1.0 names the files of its caches."""

_LABELS = ("material_id", "structure_id", "labels")


class Source(Settings):
    """A file or folder with structures; short form in YAML: its path."""

    path: Path = Field(
        description="npz, extxyz, CIF, a folder of CIFs or a cache folder of MatterGen"
    )
    sha256: str = Field("", description="expected sha256, see `hash_source`; empty: not checked")
    name: str = Field("", description="name on the card; unset: that of the file or folder")
    weight: float = Field(
        1.0, gt=0, description="how often its structures are drawn, relative to other sources'"
    )

    @model_validator(mode="before")
    @classmethod
    def _from_path(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str | Path) else value


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Sources = Annotated[tuple[Source, ...], BeforeValidator(_listed)]
"""One source or a list of them."""


def load_structures(sources: Sequence[Source]) -> TrainingStructures:
    """Read and check all structures of some sources.

    Raises
    ------
    TrainingDataError
        If a source is missing, has another sha256, or has structures that cannot be used.
    """
    return join_structures([read_source(source) for source in sources])


def read_source(source: Source) -> TrainingStructures:
    """Read and check the structures of one source.

    Arrays of a cache folder stay on disk and are mapped into memory.

    Raises
    ------
    TrainingDataError
        As `load_structures`.
    """
    path = source.path.expanduser()
    read = _reader(path)
    if source.sha256 and (found := hash_source(path)) != source.sha256:
        raise TrainingDataError(
            f"{path} has the sha256 {found[:12]}..., not {source.sha256[:12]}...: "
            "the data have changed"
        )
    try:
        structures = read(path)
        return replace(structures, weights=np.full_like(structures.weights, source.weight))
    except (TrainingDataError, HostError) as error:
        raise TrainingDataError(f"{path}: {error}") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise TrainingDataError(f"{path} cannot be read: {error}") from error


def hash_source(path: Path) -> str:
    """Return the sha256 of a file; of a folder, that of the names and hashes of its files."""
    if path.is_file():
        return hash_file(path)
    listed = [f"{file.name} {hash_source(file)}\n" for file in _files_of(path)]
    return hashlib.sha256("".join(listed).encode()).hexdigest()


def describe_source(source: Source, structures: TrainingStructures) -> dict[str, Any]:
    """Return name, hash and size of a source, for the card."""
    weight = {} if source.weight == 1 else {"weight": source.weight}
    return {
        "name": source.name or source.path.name,
        "sha256": source.sha256 or hash_source(source.path.expanduser()),
        "structures": len(structures),
        "sites": int(structures.sizes.sum()),
        **weight,
    }


def _reader(path: Path) -> Callable[[Path], TrainingStructures]:
    readers = {".npz": _read_npz, ".extxyz": _read_extxyz, ".xyz": _read_extxyz, ".cif": _read_cif}
    if path.is_dir():
        if (path / "num_atoms.npy").is_file():
            return _read_cache
        if any(path.glob("*.cif")):
            return _read_cif
        raise TrainingDataError(
            f"the folder {path} has neither CIF files nor {', '.join(map(_npy, CACHE_KEYS))}"
        )
    if not path.is_file():
        raise TrainingDataError(f"there is no file or folder {path}")
    if path.suffix.lower() not in readers:
        raise TrainingDataError(
            f"{path} is not of a supported kind: give {', '.join(readers)}, a folder of CIFs "
            "or a cache folder of MatterGen"
        )
    return readers[path.suffix.lower()]


def _read_npz(path: Path) -> TrainingStructures:
    check_npz(path, limit=None)
    with np.load(path, allow_pickle=False) as data:
        missing = [key for key in NPZ_KEYS if key not in data]
        if missing:
            raise TrainingDataError(f"it has no {', '.join(missing)}")
        labels = next((data[key].astype(np.str_) for key in _LABELS if key in data), None)
        return _checked([data[key] for key in NPZ_KEYS], labels)


def _read_cache(path: Path) -> TrainingStructures:
    files = [path / _npy(key) for key in CACHE_KEYS]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise TrainingDataError(f"it has no {', '.join(missing)}")
    arrays = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]
    names = path / "structure_id.npy"
    labels = np.load(names, allow_pickle=False).astype(np.str_) if names.is_file() else None
    return _checked(arrays, labels)


def _read_extxyz(path: Path) -> TrainingStructures:
    return _from_batch(read_extxyz(path))


def _read_cif(path: Path) -> TrainingStructures:
    found: list[StructureBatch] = []
    for file in _files_of(path) if path.is_dir() else [path]:
        if file.suffix.lower() != ".cif":
            continue
        for structure in iter_hosts(file, HostSettings(disorder="refuse")):
            if isinstance(structure, HostError):
                raise structure
            found.append(structure)
    return _from_batch(concatenate(found))


def _from_batch(batch: StructureBatch) -> TrainingStructures:
    labels: NDArray[np.str_] = np.array(batch.labels, dtype=np.str_)
    return TrainingStructures.of(
        batch.site_counts, batch.numbers, batch.frac_coords, batch.cells, labels
    )


def _checked(arrays: list[NDArray[Any]], labels: NDArray[np.str_] | None) -> TrainingStructures:
    counts, numbers, frac, cells = arrays
    return TrainingStructures.of(counts, numbers, frac, cells, labels)


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _npy(key: str) -> str:
    return f"{key}.npy"
