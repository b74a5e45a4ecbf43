"""Samples of primitive cells, in the cells of the files that their hosts come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.fixed_host import FIXED_HOST, get_fixed_sites
from aiida_hpaint.science.structures.primitive.cell import PrimitiveCell
from aiida_hpaint.science.structures.primitive.searches import SEARCHED

__all__ = ["CELL_REPEATS", "expand_samples", "number_searches"]

CELL_REPEATS = "cell_repeats"
"""Scalar of samples: how often the cell that was searched is contained in that of the file."""

_OF_SITES = ("site_labels", "budget")
"""Metadata that say something of each site."""

_PER_ATOM = ("energy_above_best",)
"""Energies that are the same in all cells."""


def expand_samples(samples: StructureBatch, hosts: StructureBatch) -> StructureBatch:
    """Return samples in the cells of the files, whichever cells they were searched in.

    Energies of the cell become those of the file's. The scalar `cell_repeats` says how often the
    searched cell is contained in it. Samples that are in the cell of the file already stay as they
    are, so that the function may be called twice.

    Parameters
    ----------
    samples
        Samples with the scalar `host`; see `choose_searches`.
    hosts
        Hosts in the cells of their files, by their scalar `host`, or by their row.
    """
    searched = [entry.get(SEARCHED) or {} for entry in samples.metadata]
    repeats = np.array([about.get("repeats", 1) for about in searched], dtype=np.int64)
    samples = number_searches(samples).with_scalars(**{CELL_REPEATS: repeats})
    if not any("cell" in about for about in searched):
        return samples
    rows = hosts.find_host_rows()
    expanded = [
        _expand(sample, hosts[rows[int(sample.scalars["host"][0])]]) if "cell" in about else sample
        for sample, about in zip(samples, searched, strict=True)
    ]
    return concatenate(expanded)


def number_searches(samples: StructureBatch) -> StructureBatch:
    """Return samples whose numbers are those of their host: two searches take turns.

    The scalars `sample`, `parent` and `same_as` count the samples of one search until then.
    """
    searched = [entry.get(SEARCHED) or {} for entry in samples.metadata]
    count = np.array([about.get("searches", 1) for about in searched], dtype=np.int64)
    if not (count > 1).any():
        return samples
    turn = np.array([about.get("search", 0) for about in searched], dtype=np.int64)
    numbers: dict[str, NDArray[Any]] = {"sample": samples.scalars["sample"] * count + turn}
    for name in ("parent", "same_as"):
        if name in samples.scalars:
            named = samples.scalars[name]
            numbers[name] = np.where(named < 0, named, named * count + turn)
    metadata = tuple(
        {**entry, SEARCHED: {key: value for key, value in about.items() if key != "searches"}}
        if about
        else entry
        for entry, about in zip(samples.metadata, searched, strict=True)
    )
    return replace(samples.with_scalars(**numbers), metadata=metadata)


def _expand(sample: StructureBatch, host: StructureBatch) -> StructureBatch:
    about: Mapping[str, Any] = sample.metadata[0][SEARCHED]
    primitive = PrimitiveCell.from_json(about["cell"])
    metadata = {
        **sample.metadata[0],
        **{name: host.metadata[0][name] for name in _OF_SITES if name in host.metadata[0]},
        SEARCHED: {key: value for key, value in about.items() if key != "cell"},
        **_expand_record(sample, host, primitive),
    }
    energies = {
        name: values * primitive.repeats
        for name, values in sample.scalars.items()
        if name.split("_")[0] == "energy" and name not in _PER_ATOM
    }
    return replace(
        sample,
        cells=primitive.expand_cell(sample.cells[0], host)[None],
        site_counts=host.site_counts,
        numbers=host.numbers,
        frac_coords=primitive.expand(sample.frac_coords, host),
        inserted=host.inserted,
        metadata=(metadata,),
    ).with_scalars(**energies)


def _expand_record(
    sample: StructureBatch, host: StructureBatch, primitive: PrimitiveCell
) -> dict[str, Any]:
    """Return what the metadata of a sample say of it in the fixed host, in the file's cell."""
    sites = get_fixed_sites(sample)
    if sites is None:
        return {}
    coords = sample.frac_coords.copy()
    coords[sample.inserted] = sites
    record = sample.metadata[0][FIXED_HOST]
    found = {
        "frac_coords": primitive.expand(coords, host)[host.inserted].tolist(),
        "energy": record["energy"] * primitive.repeats,
    }
    return {FIXED_HOST: {**record, **found}}
