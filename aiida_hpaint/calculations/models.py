"""Nodes of the files that a training job retrieved."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import ArrayData, FolderData, Str

__all__ = ["CURVE_FILE", "collect_model"]

CURVE_FILE = "loss.csv"


@calcfunction
def collect_model(retrieved: FolderData, name: Str) -> dict[str, Any]:
    """Create the nodes of the model and the loss curve of a finished training.

    Returns
    -------
    mapping
        `model`: FolderData with weights, card and the list of removed structures, if any; its
        attributes `name` and `sha256` are those of the card. `curve`: ArrayData with `step`,
        `loss` and `validation_loss` (NaN where it was not measured).
    """
    repository = retrieved.base.repository
    model = FolderData()
    for file in sorted(repository.list_object_names()):
        if file.startswith(f"{name.value}."):
            content: Any = io.BytesIO(repository.get_object_content(file, "rb"))
            model.base.repository.put_object_from_filelike(content, file)
    card = json.loads(repository.get_object_content(f"{name.value}.json", "r"))
    model.base.attributes.set_many({"name": card["name"], "sha256": card["sha256"]})
    model.label = card["name"]
    return {"model": model, "curve": _curve(repository.get_object_content(CURVE_FILE, "r"))}


def _curve(text: str) -> ArrayData:
    rows = list(csv.DictReader(io.StringIO(text)))
    node = ArrayData()
    node.set_array("step", np.array([int(row["step"]) for row in rows]))
    for key in ("loss", "validation_loss"):
        node.set_array(key, np.array([float(row[key] or "nan") for row in rows]))
    return node
