"""propose: samples, and beside them arrangements that keep operations of the host."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint import __version__
from aiida_hpaint.evaluation.screening import too_close
from aiida_hpaint.settings import SymmetrySettings
from aiida_hpaint.structures.batch import StructureBatch, concatenate
from aiida_hpaint.structures.fate import Fate
from aiida_hpaint.symmetry.distinct import Distinct
from aiida_hpaint.symmetry.group import FloatArray, Group, IntArray
from aiida_hpaint.symmetry.symmetrise import symmetrise

DRAWN, SYMMETRISED, WYCKOFF = "drawn", "symmetrised", "wyckoff"
"""Values of the scalar `origin`."""

SAME = 0.02
"""Å, within which a symmetrised sample is the sample."""

REPEATED = 0.1
"""Å, within which all inserted sites of two arrangements agree, so that one is enough."""


@dataclass(frozen=True)
class Proposal:
    """Sites (m, 3), fractional in the given cell; where they come from; and of which sample."""

    frac: FloatArray
    origin: str
    parent: int


def propose(samples: StructureBatch, settings: SymmetrySettings) -> StructureBatch:
    """The samples, followed by proposals that are symmetric under operations of their host.

    Parameters
    ----------
    samples
        With the scalars `host`, `sample` and `fate`. Those that are SAMPLED and have no sites too
        close to each other are symmetrised.

    Returns
    -------
    The samples, unchanged and in order, then proposals (fate SAMPLED), host by host; their
    numbers (`sample`) go on after the largest of the host. New scalars: `origin` ('drawn',
    'symmetrised' or 'wyckoff') and `parent` (the `sample` that was symmetrised, -1 elsewhere).
    With nothing asked for, the batch that was given.
    """
    if not settings.symmetrised and not settings.wyckoff:
        return samples
    began = time.monotonic()
    drawn = samples.with_scalars(
        origin=np.full(len(samples), DRAWN), parent=np.full(len(samples), -1)
    )
    batches = [drawn]
    for host in dict.fromkeys(samples.scalars["host"].tolist()):
        members = np.where(samples.scalars["host"] == host)[0]
        found = _proposals(samples, members, settings)
        batches += [_rows(drawn[members], found)] if found else []
    together = concatenate(batches)
    return together.with_history(
        {
            "stage": "symmetry",
            "version": __version__,
            "settings": settings.model_dump(mode="json"),
            "proposals": len(together) - len(samples),
            "seconds": round(time.monotonic() - began, 3),
        }
    )


def _proposals(
    samples: StructureBatch, members: NDArray[np.intp], settings: SymmetrySettings
) -> list[Proposal]:
    first = samples[int(members[0])]
    known, inserted = ~first.inserted, first.inserted
    if not inserted.any():
        return []
    group = Group.of(
        first.cells[0], first.numbers[known], first.frac_coords[known], settings.tolerance
    )
    if len(group) == 1:
        return []
    numbers = first.numbers[inserted]
    host = group.enter(first.frac_coords[known])
    offered = Distinct(group, numbers, host, first.numbers[known], REPEATED)
    found = []
    for index, frac in _worth_it(samples, members, group, first):
        parent = int(samples.scalars["sample"][index])
        for sites in symmetrise(group, numbers, frac, settings.reach):
            moved = np.linalg.norm((sites - frac) @ group.cell, axis=1).max()
            if moved < SAME or offered.add(sites) is not None:
                continue
            found.append(Proposal(group.leave(sites), SYMMETRISED, parent))
    return [proposal for proposal in found if not _clashes(first, proposal)]


def _worth_it(
    samples: StructureBatch, members: NDArray[np.intp], group: Group, first: StructureBatch
) -> list[tuple[int, FloatArray]]:
    """Samples to symmetrise, by index, and their sites: without those that repeat another."""
    known = ~first.inserted
    kept = Distinct(
        group,
        first.numbers[first.inserted],
        group.enter(first.frac_coords[known]),
        first.numbers[known],
        REPEATED,
    )
    chosen = []
    for index in members[samples.scalars["fate"][members] == Fate.SAMPLED.value]:
        sample = samples[int(index)]
        frac = group.enter(sample.frac_coords[sample.inserted])
        if kept.add(frac) is None and not too_close(sample):
            chosen.append((int(index), frac))
    return chosen


def _clashes(host: StructureBatch, proposal: Proposal) -> bool:
    return too_close(_filled(host, proposal.frac))


def _filled(host: StructureBatch, frac: FloatArray) -> StructureBatch:
    coords = host.frac_coords.copy()
    coords[host.inserted] = frac
    return host.with_coords(coords)


def _rows(drawn: StructureBatch, proposals: list[Proposal]) -> StructureBatch:
    """Proposals of one host as a batch; what else a sample has is its parent's, or the first's."""
    numbers: IntArray = drawn.scalars["sample"]
    rows = [max(np.flatnonzero(numbers == p.parent), default=0) for p in proposals]
    batch = drawn[np.array(rows)]
    coords = batch.frac_coords.copy()
    coords[batch.inserted] = np.concatenate([proposal.frac for proposal in proposals])
    values: dict[str, Any] = {
        "sample": numbers.max() + 1 + np.arange(len(proposals)),
        "fate": np.full(len(proposals), Fate.SAMPLED.value),
        "origin": np.array([proposal.origin for proposal in proposals]),
        "parent": np.array([proposal.parent for proposal in proposals]),
    }
    return replace(batch.with_coords(coords).with_scalars(**values), history=())
