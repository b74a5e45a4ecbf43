"""Calcfunctions for relaxations by other packages: samples as StructureData, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, Int, Str, StructureData

from aiida_hpaint.data.structure_batch import StructureBatchData, read_structure, to_structure
from aiida_hpaint.science.structures import ACTIVE, SampleStatus, StructureBatch, concatenate

__all__ = ["collect_relaxed", "list_active_rows", "take_sample"]


def list_active_rows(samples: StructureBatch) -> list[int]:
    """Return the rows of the samples that a relaxation takes up."""
    statuses = [SampleStatus(str(status)) for status in samples.scalars["status"]]
    return [row for row, status in enumerate(statuses) if status in ACTIVE]


@calcfunction
def take_sample(samples: StructureBatchData, row: Int) -> StructureData:
    """Return one sample as a StructureData; its attribute `hpaint` names the inserted sites."""
    return to_structure(samples.batch[row.value])


@calcfunction
def collect_relaxed(
    samples: StructureBatchData, energy: Str, failures: Dict, **results: Any
) -> StructureBatchData:
    """Return samples with the positions, cells and energies of relaxations by another package.

    Parameters
    ----------
    samples
        Samples before the relaxations.
    energy
        Key of the energy (eV) in results that are a Dict.
    failures
        Messages of relaxations that failed, by row.
    results
        For each relaxed row `row_00000__structure` (StructureData with the sites in the order of
        the sample) and `row_00000__energy` (Dict or Float).
    """
    batch = samples.batch
    messages = failures.get_dict()
    missing = np.full(len(batch), np.nan)
    given = batch.scalars.get("energy", missing)
    batch = batch.with_scalars(energy=given, steps=batch.scalars.get("steps", np.zeros(len(batch))))
    rows = []
    for row, one in enumerate(batch):
        key = f"row_{row:05d}"
        if f"{key}__structure" in results:
            end, found = (results[f"{key}__{name}"] for name in ("structure", "energy"))
            one = _replace(one, end, found, energy.value)
        elif str(row) in messages:
            one = _mark(one, messages[str(row)])
        rows.append(one)
    joined = replace(concatenate(rows), history=batch.history)
    return StructureBatchData(joined.with_history({"stage": "relaxer"}))


def _replace(one: StructureBatch, end: StructureData, energy: Any, key: str) -> StructureBatch:
    relaxed = read_structure(end)
    if relaxed.numbers.tolist() != one.numbers.tolist():
        return _mark(one, "the relaxer returned other sites, or in another order")
    value = energy.get_dict().get(key) if isinstance(energy, Dict) else energy.value
    if not isinstance(value, int | float) or not np.isfinite(value):
        return _mark(one, f"the relaxer returned no energy: {key} is {value!r}")
    metadata = one.metadata
    if not np.allclose(relaxed.cells, one.cells):
        metadata = ({**metadata[0], "note": "the relaxer changed the cell"},)
    found = replace(one, cells=relaxed.cells, frac_coords=relaxed.frac_coords, metadata=metadata)
    return found.with_scalars(energy=[float(value)], status=[str(SampleStatus.CONVERGED)])


def _mark(one: StructureBatch, message: str) -> StructureBatch:
    metadata: Mapping[str, Any] = {**one.metadata[0], "error": message}
    return replace(one.with_scalars(status=[str(SampleStatus.FAILED)]), metadata=(metadata,))
