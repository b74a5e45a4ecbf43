"""H in geometric positions: placed before a generator samples the other sites beside them.

Each sample draws those of groups that may turn anew. All relax with the others later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.diffusion.lattice import find_shortest_distances
from aiida_hpaint.science.diffusion.sampling.generators import (
    Generator,
    SampledPath,
    SampleRequest,
    Tick,
)
from aiida_hpaint.science.diffusion.sampling.schedule import list_recorded_steps
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.geometric import DRAWN, GEOMETRIC
from aiida_hpaint.science.structures.geometric.bonds import LONGEST_BOND
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

SHAKEN = 0.03
"""Standard deviation (Å) by which H is displaced, so that no symmetry of ideal positions holds a
relaxation on a saddle point; with less than `filter.same` samples stay duplicates."""

TURNED = 0.3
"""Share of samples in which CH3, NH3 and amines turn freely about their bonds."""


def sample_with_geometric(
    generator: Generator,
    requests: Sequence[SampleRequest],
    settings: SamplingSettings,
    record: int,
    tick: Tick | None,
) -> list[SampledPath]:
    """Sample requests beside their H in geometric positions, and return paths of all sites."""
    begun = [place_geometric(request) if request.geometric else request for request in requests]
    rows = [row for row, request in enumerate(begun) if request.unknown.any()]
    left = [begun[row] for row in rows]
    sampled = generator.sample(left, settings, record=record, tick=tick) if rows else []
    frames = len(list_recorded_steps(settings)) if record else 0
    still = SampledPath(none := np.zeros((0, 3)), [none] * (frames + 1), [none] * frames)
    paths = dict(zip(rows, sampled, strict=True))
    return [
        _join(request, start, paths.get(row, still))
        for row, (request, start) in enumerate(zip(requests, begun, strict=True))
    ]


def place_geometric(request: SampleRequest) -> SampleRequest:
    """Return a request in which H in geometric positions are known.

    Groups without a choice come first. Groups that turn about an axis are staggered, or else
    those with most room of some random positions are taken, one group after the other. All are
    displaced a little.
    """
    turned = bool(request.rng.random() < TURNED)
    frac, unknown, cell = request.frac.copy(), request.unknown.copy(), request.frame.cell
    for group in sorted(request.geometric, key=lambda group: not group.directions.is_fixed):
        directions = group.directions.draw(request.rng, turned)
        choices = frac[group.parent] + group.length * directions @ np.linalg.inv(cell)
        best = 0
        if len(choices) > 1:
            room = _measure_room(choices, group.parent, request.numbers, frac, ~unknown, cell)
            best = int(room.argmax())
        shaken = request.rng.normal(0.0, SHAKEN, choices[best].shape)
        frac[group.sites] = choices[best] + shaken @ np.linalg.inv(cell)
        unknown[group.sites] = False
    left = unknown[request.unknown]
    order = np.argsort(np.argsort(request.order[left]))
    return replace(
        request,
        frac=frac,
        unknown=unknown,
        parents=request.parents[left],
        order=order,
        geometric=(),
    )


def _measure_room(
    choices: FloatArray,
    parent: int,
    numbers: IntArray,
    frac: FloatArray,
    placed: BoolArray,
    cell: FloatArray,
) -> FloatArray:
    """Return the shortest distance of the H of each choice to others, in sums of covalent radii.

    Neighbours of the parent are left out, which are as far from all choices, and distances are
    rounded, so that no rounding error decides between equal ones.
    """
    from ase.data import covalent_radii

    others, radii = np.flatnonzero(placed), covalent_radii[numbers]
    lengths = find_shortest_distances(cell, frac[[parent]], frac[others])[0]
    others = others[lengths > LONGEST_BOND * (radii[others] + radii[parent])]
    if not len(others):
        return np.zeros(len(choices))
    distances = find_shortest_distances(cell, choices.reshape(-1, 3), frac[others])
    ratios = (distances / (radii[others] + covalent_radii[1])).reshape(len(choices), -1)
    return np.asarray(ratios.min(axis=1).round(6))


def note_beginnings(samples: StructureBatch, requests: Sequence[SampleRequest]) -> StructureBatch:
    """Say in the metadata of samples how many of their H began where bonds and valences say."""
    metadata = []
    for entry, request in zip(samples.metadata, requests, strict=True):
        total = int(request.unknown.sum())
        placed = sum(len(group.sites) for group in request.geometric)
        notes = {
            GEOMETRIC: f"In the cell that was searched {placed} of {total} H began in geometric "
            "positions, where the other bonds of their C and N put them, and relaxed",
            DRAWN: f"In the cell that was searched the atoms that {request.drawn} of {total} H "
            "began at were drawn by bond valences, as neither record nor bonds say which carry H",
        }
        for key, count in ((GEOMETRIC, placed), (DRAWN, request.drawn)):
            if count and key not in entry:
                entry = {**entry, key: count, "notes": [*entry.get("notes", ()), notes[key]]}
        metadata.append(entry)
    return replace(samples, metadata=tuple(metadata))


def _join(request: SampleRequest, start: SampleRequest, path: SampledPath) -> SampledPath:
    """Return the path of all unknown sites of a request; the others stand still in it."""
    if start is request:
        return path
    sampled = start.unknown[request.unknown]

    def complete(positions: FloatArray) -> FloatArray:
        whole = start.frac[request.unknown].copy()
        whole[sampled] = positions
        return whole

    return SampledPath(
        complete(path.final),
        [complete(positions) for positions in path.positions],
        [complete(means) for means in path.means],
    )
