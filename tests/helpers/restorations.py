"""Restorations that nobody ran: H of published structures, and worse arrangements beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from aiida_hpaint.science.restoration import Restoration
from aiida_hpaint.science.stages import FinishInputs, finish_restoration
from aiida_hpaint.science.structures import StructureBatch, concatenate, read_hosts, remove_sites
from aiida_hpaint.science.structures.status import SampleStatus

EXAMPLES = Path(__file__).parents[2] / "examples"


def make_restoration(
    names: Sequence[str] = ("brucite",),
    labels: Sequence[str] = (),
    statuses: Sequence[SampleStatus] = (SampleStatus.CONVERGED,) * 3,
) -> Restoration:
    """Return example hosts with a sample of each status: the first is the published structure."""
    hosts, references = _read(names)
    labels = labels or names
    hosts, references = replace(hosts, labels=labels), replace(references, labels=labels)
    samples = concatenate(
        [
            _move(references[row], row, number, status)
            for row in range(len(hosts))
            for number, status in enumerate(statuses)
        ]
    )
    history = (
        {
            "stage": "sample",
            "version": "0.1.0",
            "model": {"name": "bundled", "sha256": "5aa7"},
            "settings": {"samples": len(statuses), "steps": 25, "scheme": "td"},
            "seed": 7,
        },
        {
            "stage": "relax_all",
            "version": "0.1.0",
            "model": {"name": "toy", "package": "sevenn", "package_version": "1", "sha256": "70f"},
            "settings": {"moving": "all", "fmax": 0.05},
        },
    )
    samples = replace(samples, history=history)
    return Restoration(hosts, finish_restoration(samples, hosts, FinishInputs()))


def _read(names: Sequence[str]) -> tuple[StructureBatch, StructureBatch]:
    complete = read_hosts([EXAMPLES / "references" / f"{name}.cif" for name in names])
    return remove_sites(complete, "H")


def _move(reference: StructureBatch, row: int, number: int, status: SampleStatus) -> StructureBatch:
    """Return a structure whose inserted sites are the farther off, the higher the number."""
    coords = reference.frac_coords.copy()
    generator = np.random.default_rng(number)
    lengths = np.linalg.norm(reference.cells[0], axis=1)
    shifts = generator.normal(size=coords.shape) * 0.25 * min(number, 1) / lengths
    coords[reference.inserted] += shifts[reference.inserted]
    has_energy = status in (SampleStatus.CONVERGED, SampleStatus.HIGHER_IN_ENERGY)
    energy = -6.0 * reference.n_sites + 0.03 * number * reference.n_sites
    return reference.with_coords(coords).with_scalars(
        host=[row],
        sample=[number],
        status=[str(status)],
        energy=[energy if has_energy else np.nan],
        max_force=[0.03 if has_energy else np.nan],
        steps=[20],
    )
