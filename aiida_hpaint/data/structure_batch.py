"""StructureBatchData: a node with many structures."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from io import BytesIO
from typing import Any

import numpy as np
from aiida.orm import Data, StructureData
from ase.data import chemical_symbols

from aiida_hpaint.data.caching import ContentCaching
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.conversion import from_pymatgen
from aiida_hpaint.science.structures.npz import load_npz, save_npz

__all__ = ["DETAILS", "StructureBatchData", "hash_content", "read_structure", "to_node"]

DETAILS = "hpaint"
"""Attribute of a StructureData with its inserted sites, scalars and whole label."""

LABEL_LIMIT = 1000
"""Largest number of labels in the attributes; the file has all."""

_VOLATILE = frozenset({"seconds", "device", "host", "time"})
_ARRAYS = ("cells", "site_counts", "numbers", "frac_coords", "inserted")


class StructureBatchData(Data):
    """An immutable node with a StructureBatch.

    The structures are in the file `batch.npz` of the node's repository. The attributes are for
    queries: `n_structures`, `n_sites`, `n_inserted`, `elements`, `inserted_elements`, `labels`
    (the first 1000 different ones), `labels_sha256`, `scalars` (their names), `statuses` (number of
    samples with each status), `stages`, `models` and `sha256` of the content.

    Parameters
    ----------
    batch
        The structures to store.
    """

    FILENAME = "batch.npz"
    _CLS_NODE_CACHING = ContentCaching

    def __init__(self, batch: StructureBatch, **kwargs: Any) -> None:
        if not isinstance(batch, StructureBatch):
            raise TypeError(f"a StructureBatch is needed, got {type(batch).__name__}")
        super().__init__(**kwargs)  # type: ignore[no-untyped-call]
        buffer = BytesIO()
        save_npz(batch, buffer)
        buffer.seek(0)
        self.base.repository.put_object_from_filelike(buffer, self.FILENAME)  # type: ignore[arg-type]
        self.base.attributes.set_many(_attributes(batch))

    @cached_property
    def batch(self) -> StructureBatch:
        """Structures with read-only arrays; the file is read once."""
        with self.base.repository.open(self.FILENAME, mode="rb") as handle:
            batch = load_npz(BytesIO(handle.read()))
        for name in _ARRAYS:
            getattr(batch, name).flags.writeable = False
        for values in batch.scalars.values():
            values.flags.writeable = False
        return batch

    @property
    def value(self) -> StructureBatch:
        """Structures, under the name that aiida-pythonjob uses."""
        return self.batch

    @property
    def sha256(self) -> str:
        """Digest of the content; see `hash_content`."""
        return str(self.base.attributes.get("sha256"))

    def __len__(self) -> int:
        return int(self.base.attributes.get("n_structures"))

    def get_structure(self, index: int) -> StructureData:
        """Return structure `index` as a StructureData that is not stored; see `to_structure`.

        Raises
        ------
        IndexError
            If there is no such structure.
        ValueError
            If a site of it has no position.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"there is no structure {index}: the node has {len(self)}")
        return to_structure(self.batch[index])

    def _validate(self) -> bool:
        super()._validate()
        if self.FILENAME not in self.base.repository.list_object_names():
            raise ValueError(f"the file {self.FILENAME} is missing")
        return True


def to_node(batch: StructureBatch, user: Any = None) -> StructureBatchData:
    """Make the node of a batch; aiida-pythonjob calls this for inputs and outputs of jobs."""
    return StructureBatchData(batch, user=user)


def to_structure(single: StructureBatch) -> StructureData:
    """Return the only structure of a batch as a StructureData that is not stored.

    Its attribute `hpaint` has the indices of the inserted sites, the whole label and the scalars.

    Raises
    ------
    ValueError
        If the batch has several structures, or a site without a position.
    """
    if len(single) != 1:
        raise ValueError(f"a batch of one structure is needed, got {len(single)}")
    if not single.placed[0]:
        raise ValueError(f"{single.labels[0]}: some sites have no position yet")
    structure = StructureData(cell=single.cells[0].tolist(), pbc=True)
    for number, position in zip(single.numbers, single.cart_coords, strict=True):
        structure.append_atom(position=position.tolist(), symbols=chemical_symbols[number])
    structure.label = single.labels[0][:255]
    details = {name: _plain(values[0]) for name, values in single.scalars.items()}
    details |= {"label": single.labels[0], "inserted": np.flatnonzero(single.inserted).tolist()}
    structure.base.attributes.set(DETAILS, details)
    return structure


def read_structure(structure: StructureData) -> StructureBatch:
    """Return a StructureData as a batch of one; its attribute `hpaint` names inserted sites."""
    batch = from_pymatgen([structure.get_pymatgen()])
    details = structure.base.attributes.get(DETAILS, None) or {}
    inserted = np.zeros(batch.n_sites, dtype=np.bool_)
    inserted[details.get("inserted", [])] = True
    label = str(details.get("label") or structure.label or batch.labels[0])
    return StructureBatch(
        labels=(label,),
        cells=batch.cells,
        site_counts=batch.site_counts,
        numbers=batch.numbers,
        frac_coords=batch.frac_coords,
        inserted=inserted,
    )


def hash_content(batch: StructureBatch) -> str:
    """Return the sha256 of a batch, without the times and computers in its history."""
    digest = hashlib.sha256()
    arrays = {name: getattr(batch, name) for name in _ARRAYS}
    arrays |= {f"scalars/{name}": batch.scalars[name] for name in sorted(batch.scalars)}
    for name, values in arrays.items():
        digest.update(f"{name} {values.dtype.kind} {values.shape}\n".encode())
        text = values.dtype.kind == "U"
        digest.update(
            "\0".join(values).encode() if text else np.ascontiguousarray(values).tobytes()
        )
    history = [{k: v for k, v in stage.items() if k not in _VOLATILE} for stage in batch.history]
    texts = [list(batch.labels), [dict(entry) for entry in batch.metadata], history]
    digest.update(json.dumps(texts, sort_keys=True).encode())
    return digest.hexdigest()


def _attributes(batch: StructureBatch) -> dict[str, Any]:
    labels = list(dict.fromkeys(batch.labels))
    joined = "\n".join(batch.labels).encode()
    stages = [str(record.get("stage", "")) for record in batch.history]
    models = [_model(record["model"]) for record in batch.history if record.get("model")]
    attributes: dict[str, Any] = {
        "n_structures": len(batch),
        "n_sites": batch.n_sites,
        "n_inserted": int(batch.inserted.sum()),
        "elements": _symbols(batch.numbers),
        "inserted_elements": _symbols(batch.numbers[batch.inserted]),
        "labels": labels[:LABEL_LIMIT],
        "labels_sha256": hashlib.sha256(joined).hexdigest(),
        "scalars": sorted(batch.scalars),
        "stages": list(dict.fromkeys(stages)),
        "models": [model for i, model in enumerate(models) if model not in models[:i]],
        "sha256": hash_content(batch),
    }
    if "status" in batch.scalars:
        attributes["statuses"] = dict(Counter(map(str, batch.scalars["status"])))
    return attributes


def _model(card: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(card[key]) for key in ("name", "sha256") if card.get(key)}


def _symbols(numbers: np.ndarray[Any, Any]) -> list[str]:
    return sorted(chemical_symbols[number] for number in np.unique(numbers))


def _plain(value: Any) -> Any:
    """Return a numpy scalar as a JSON value; NaN and infinity become None."""
    plain = value.item()
    return None if isinstance(plain, float) and not np.isfinite(plain) else plain
