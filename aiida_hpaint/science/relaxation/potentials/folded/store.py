"""Folded networks in files: tensors as safetensors, all else as JSON in their header."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.directions import Directions
from aiida_hpaint.science.relaxation.potentials.folded.parts import (
    Layer,
    Linear,
    Weights,
)
from aiida_hpaint.science.relaxation.potentials.folded.parts import Path as Coupling
from aiida_hpaint.science.relaxation.potentials.folded.radial import RadialTable

_CLASSES = {c.__name__: c for c in (Coupling, Directions, Layer, Linear, RadialTable, Weights)}


def save_weights(path: Path, weights: Weights, facts: Mapping[str, Any]) -> None:
    """Write weights and facts (JSON) to a file, at once or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    from safetensors.torch import save

    tensors: dict[str, torch.Tensor] = {}
    header = {"facts": json.dumps(facts), "network": json.dumps(_flatten(weights, tensors))}
    content = save(tensors, header)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(content)
        # Jobs that start together all write it; the last one wins, and all are equal.
        Path(name).replace(path)
    except OSError:
        with suppress(OSError):
            Path(name).unlink()
        raise


def load_weights(path: Path, facts: Mapping[str, Any]) -> Weights | None:
    """Read weights; None where there is no file, or it is damaged or has other facts."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as stored:
            header = stored.metadata()
            if json.loads(header["facts"]) != facts:
                return None
            names = list(stored.keys())
            # In memory of their own: where the file has them they are not aligned, and sums differ.
            tensors = {name: stored.get_tensor(name).clone() for name in names}
        found = _restore(json.loads(header["network"]), tensors)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, Weights) else None


def _flatten(part: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Return a part as JSON, and its tensors by the names that stand in their place."""
    if isinstance(part, torch.Tensor):
        name = f"{len(tensors):04d}"
        tensors[name] = part.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(part, slice):
        return {"slice": [part.start, part.stop]}
    if isinstance(part, dict):
        return {"by_degree": [[key, _flatten(value, tensors)] for key, value in part.items()]}
    if isinstance(part, tuple):
        return [_flatten(value, tensors) for value in part]
    if type(part).__name__ in _CLASSES:
        values = {f.name: _flatten(getattr(part, f.name), tensors) for f in fields(part)}
        return {"class": type(part).__name__, "values": values}
    return part


def _restore(part: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """Return what `_flatten` made JSON of."""
    if isinstance(part, list):
        return tuple(_restore(value, tensors) for value in part)
    if not isinstance(part, dict):
        return part
    if "tensor" in part:
        return tensors[part["tensor"]]
    if "slice" in part:
        return slice(*part["slice"])
    if "by_degree" in part:
        return {key: _restore(value, tensors) for key, value in part["by_degree"]}
    values = {name: _restore(value, tensors) for name, value in part["values"].items()}
    return _CLASSES[part["class"]](**values)
