"""Proposals: arrangements that keep symmetry operations of the host, added to the samples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.plausibility import find_contacts, find_too_close
from aiida_hpaint.science.settings import SymmetrySettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.sample_origin import GENERATED, SYMMETRISED, WYCKOFF
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.symmetry.budget import Room
from aiida_hpaint.science.symmetry.distinct import DistinctArrangements
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.positions import (
    HostSites,
    compute_bond_ratios,
    find_special_positions,
)
from aiida_hpaint.science.symmetry.symmetrise import symmetrise_arrangement
from aiida_hpaint.science.symmetry.wyckoff import propose_wyckoff
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

UNMOVED = 0.02
"""Distance in Å within which all sites of a proposal agree with a sample that it repeats."""

REPEATED = 0.1
"""Distance in Å within which all inserted sites of two arrangements agree that are the same."""


@dataclass(frozen=True)
class Proposal:
    """Inserted sites (m, 3), fractional in the given cell, their origin and their sample."""

    frac: FloatArray
    origin: str
    parent: int


@dataclass(frozen=True)
class _Host:
    """Sites of a host (n, 3), their numbers, the numbers (m,) of its inserted sites, their room."""

    group: SymmetryGroup
    frac: FloatArray
    kinds: IntArray
    numbers: IntArray
    room: Room | None

    def distinct(self, tolerance: float) -> DistinctArrangements:
        return DistinctArrangements(self.group, self.numbers, self.frac, self.kinds, tolerance)


def make_proposals(
    samples: StructureBatch,
    usable: BoolArray,
    settings: SymmetrySettings,
    use_parents: bool = True,
) -> list[Proposal]:
    """Make proposals for a host, each once, and none that repeats a sample.

    Parameters
    ----------
    samples
        S samples of one host, all with positions.
    usable : (S,)
        Samples to symmetrise; all samples count for Wyckoff positions.
    use_parents
        Whether all inserted sites of a proposal are where the budget of the host says.
    """
    one, known = samples[0], ~samples[0].inserted
    group = SymmetryGroup.of(
        one.cells[0], one.numbers[known], one.frac_coords[known], settings.tolerance
    )
    if len(group) == 1:
        return []
    sites = group.enter(one.frac_coords[known])
    room = Room.of(one, group) if use_parents else None
    host = _Host(group, sites, one.numbers[known], one.numbers[one.inserted], room)
    arrangements = group.enter(samples.frac_coords[samples.inserted])
    arrangements = arrangements.reshape(len(samples), -1, 3)
    kept, weights = _representatives(host, arrangements, usable)
    numbers, offered = samples.scalars["sample"], host.distinct(REPEATED)
    sampled = host.distinct(UNMOVED)
    for index in kept:
        sampled.add(arrangements[index])
    found = []
    for frac, origin, index in _candidates(host, arrangements, kept, weights, usable, settings):
        if sampled.find(frac) is None and offered.add(frac) is None:
            parent = -1 if index is None else int(numbers[index])
            found.append(Proposal(group.leave(frac), origin, parent))
    return found


def _representatives(
    host: _Host, arrangements: FloatArray, usable: BoolArray
) -> tuple[IntArray, FloatArray]:
    """Return indices of samples that repeat no other, and the share that each represents."""
    distinct, counts, kept = host.distinct(REPEATED), [], []
    # Usable samples come first, so that no other one represents them.
    for index in np.argsort(~usable, kind="stable"):
        place = distinct.add(arrangements[index])
        if place is None:
            kept.append(index)
            counts.append(1)
        else:
            counts[place] += 1
    return np.array(kept), np.array(counts) / len(arrangements)


def _candidates(
    host: _Host,
    arrangements: FloatArray,
    kept: IntArray,
    weights: FloatArray,
    usable: BoolArray,
    settings: SymmetrySettings,
) -> Iterator[tuple[FloatArray, str, int | None]]:
    """Yield arrangements, their origins, and the indices of the samples they come from."""
    if settings.symmetrised:
        for index in kept[usable[kept]]:
            for frac in symmetrise_arrangement(
                host.group, host.numbers, arrangements[index], settings.reach
            ):
                if host.room is None or host.room.holds(frac):
                    yield frac, SYMMETRISED, int(index)
    if settings.wyckoff and len(set(host.numbers.tolist())) == 1:
        sites = _sites(host, arrangements[kept], weights, settings.tolerance)
        for frac in propose_wyckoff(host.group, sites, settings.reach, settings.wyckoff):
            yield frac, WYCKOFF, None


def _sites(
    host: _Host, arrangements: FloatArray, weights: FloatArray, tolerance: float
) -> HostSites:
    count = len(host.numbers)
    order = np.argsort(-weights, kind="stable")
    sites = HostSites(
        host.frac,
        host.kinds,
        arrangements[order].reshape(-1, 3),
        np.repeat(weights[order], count),
        find_special_positions(host.group, host.kinds, host.frac, tolerance),
        int(host.numbers[0]),
        count,
        host.room,
    )
    # The order of sites in a sample is arbitrary: sites near the host come first.
    lengths = compute_bond_ratios(host.group, sites, sites.sampled).reshape(-1, count)
    inner = np.argsort(lengths.round(6), axis=1, kind="stable")
    sampled = np.take_along_axis(arrangements[order], inner[:, :, None], axis=1)
    return replace(sites, sampled=sampled.reshape(-1, 3))


def add_symmetric_proposals(
    samples: StructureBatch, settings: SymmetrySettings, use_parents: bool = True
) -> StructureBatch:
    """Append proposals that are symmetric under operations of their host to the samples.

    Parameters
    ----------
    samples
        With the scalars `host`, `sample` and `status`. Those that are SAMPLED and have no sites too
        close to each other are symmetrised; all that have positions count for Wyckoff positions.
    use_parents
        Whether all inserted sites of a proposal are where the budget of the host says.

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
        parent=samples.scalars.get("parent", np.full(len(samples), -1)),
    )
    batches = [sampled, *_propose_by_host(sampled, settings, use_parents)]
    together = concatenate(batches)
    record = {
        "stage": "symmetry",
        "version": __version__,
        "settings": settings.model_dump(mode="json"),
        "make_proposals": len(together) - len(samples),
        "seconds": round(time.monotonic() - began, 3),
    }
    return together.with_history(record)


def _propose_by_host(
    sampled: StructureBatch, settings: SymmetrySettings, use_parents: bool
) -> list[StructureBatch]:
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
        found = make_proposals(samples, usable, settings, use_parents)
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
