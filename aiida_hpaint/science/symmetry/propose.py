"""Proposals: arrangements that keep symmetry operations of the host, added to the samples."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.plausibility import find_contacts, find_too_close
from aiida_hpaint.science.settings import SymmetrySettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.sample_origin import GENERATED
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.symmetry.host import Proposal, make_proposals


def add_symmetric_proposals(samples: StructureBatch, settings: SymmetrySettings) -> StructureBatch:
    """Append proposals that are symmetric under operations of their host to the samples.

    Parameters
    ----------
    samples
        With the scalars `host`, `sample` and `status`. Those that are SAMPLED and have no sites too
        close to each other are symmetrised; all that have positions count for Wyckoff positions.

    Returns
    -------
    The samples, unchanged and in order, then proposals (status SAMPLED), host by host; their
    numbers (`sample`) continue after the largest of the host. New scalars: `origin` ('generated',
    'symmetrised' or 'wyckoff') and `parent` (the `sample` that was symmetrised, -1 elsewhere).
    If the settings ask for no proposals, the batch itself.
    """
    if not settings.symmetrised and not settings.wyckoff:
        return samples
    began = time.monotonic()
    sampled = samples.with_scalars(
        origin=samples.scalars.get("origin", np.full(len(samples), GENERATED)).astype("U16"),
        parent=np.full(len(samples), -1),
    )
    batches = [sampled, *_propose_by_host(sampled, settings)]
    together = concatenate(batches)
    record = {
        "stage": "symmetry",
        "version": __version__,
        "settings": settings.model_dump(mode="json"),
        "make_proposals": len(together) - len(samples),
        "seconds": round(time.monotonic() - began, 3),
    }
    return together.with_history(record)


def _propose_by_host(sampled: StructureBatch, settings: SymmetrySettings) -> list[StructureBatch]:
    """Return proposals, one batch for each host that has some."""
    batches = []
    hosts, pending = (
        sampled.scalars["host"],
        sampled.scalars["status"] == SampleStatus.SAMPLED.value,
    )
    for host in dict.fromkeys(hosts.tolist()):
        placed = np.flatnonzero((hosts == host) & sampled.placed & (sampled.insert_counts > 0))
        if not len(placed):
            continue
        samples = sampled[placed]
        usable = pending[placed] & ~find_too_close(find_contacts(samples, np.arange(len(samples))))
        found = make_proposals(samples, usable, settings)
        if found:
            # Numbers continue after all samples of the host, including those without positions.
            batches.append(
                _make_batch(samples, found, int(sampled.scalars["sample"][hosts == host].max()))
            )
    return batches


def _make_batch(samples: StructureBatch, found: Sequence[Proposal], last: int) -> StructureBatch:
    """Return a batch of proposals without sites too close, numbered after the last sample.

    Other data of a proposal are those of its parent, or of the first sample.
    """
    numbers = samples.scalars["sample"].tolist()
    batch = samples[[numbers.index(p.parent) if p.parent in numbers else 0 for p in found]]
    coords = batch.frac_coords.copy()
    coords[batch.inserted] = np.concatenate([proposal.frac for proposal in found])
    values: dict[str, Any] = {
        "status": np.full(len(found), SampleStatus.SAMPLED.value),
        "origin": np.array([proposal.origin for proposal in found]),
        "parent": np.array([proposal.parent for proposal in found]),
    }
    batch = replace(batch.with_coords(coords).with_scalars(**values), history=())
    batch = batch[np.flatnonzero(~find_too_close(find_contacts(batch, np.arange(len(batch)))))]
    return batch.with_scalars(sample=last + 1 + np.arange(len(batch)))
