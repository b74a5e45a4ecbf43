"""H in geometric positions: placed before a generator samples the other sites beside them.

Each sample draws those of groups that may turn anew. All relax with the others later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.diffusion.lattice import find_shortest_distances
from aiida_hpaint.science.diffusion.sampling.equivalent_groups import (
    EquivalentGroups,
    find_symmetry,
    list_equivalent,
)
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
from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

SHAKEN = 0.03
"""Standard deviation (Å) by which H is displaced, so that no symmetry of ideal positions holds a
relaxation on a saddle point; with less than `filter.same` samples stay duplicates."""

TURNED = 0.3
"""Share of samples in which CH3, NH3 and amines turn freely about their bonds."""

ALIKE = 0.5
"""Share of samples in which groups that the host's symmetry makes equivalent are turned alike."""

CROWDED = 1.7
"""Distance in Å from other sites below which one of two positions of an H is avoided: shorter than
the hydrogen bonds of amines."""


def sample_with_geometric(
    generator: Generator,
    requests: Sequence[SampleRequest],
    settings: SamplingSettings,
    record: int,
    tick: Tick | None,
) -> list[SampledPath]:
    """Sample requests beside their H in geometric positions, and return paths of all sites."""
    found: dict[int, SymmetryOperations] = {}  # requests of one host have one frame
    for request in requests:
        if request.geometric and id(request.frame) not in found:
            found[id(request.frame)] = find_symmetry(request)
    begun = [
        place_geometric(request, found[id(request.frame)]) if request.geometric else request
        for request in requests
    ]
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


def place_geometric(
    request: SampleRequest, symmetry: SymmetryOperations | None = None
) -> SampleRequest:
    """Return a request in which H in geometric positions are known.

    Groups without a choice come first. Groups that turn about an axis are staggered, or else
    those with most room of some random positions are taken, one group after the other; of two
    positions of an amine one with room. All are displaced a little. In a share of the samples
    groups that operations of the host map onto each other are turned and displaced alike.
    """
    rng, cell = request.rng, request.frame.cell
    turned = bool(rng.random() < TURNED)
    if symmetry is not None and (len(symmetry) == 1 or rng.random() >= ALIKE):
        symmetry = None
    frac, unknown = request.frac.copy(), request.unknown.copy()
    groups = sorted(request.geometric, key=lambda group: not group.directions.is_fixed)
    for alike in list_equivalent(groups, frac, symmetry):
        group = alike.first
        directions = group.directions.draw(rng, turned)
        choices = frac[group.parent] + group.length * directions @ np.linalg.inv(cell)
        best = _choose(choices, alike, request.numbers, frac, ~unknown, cell)
        shaken = rng.normal(0.0, SHAKEN, choices[best].shape)
        placed = alike.repeat(choices[best] + shaken @ np.linalg.inv(cell), frac)
        for each, positions in zip((group, *alike.others), placed, strict=True):
            frac[each.sites] = positions
            unknown[each.sites] = False
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


def _choose(
    choices: FloatArray,
    alike: EquivalentGroups,
    numbers: IntArray,
    frac: FloatArray,
    placed: BoolArray,
    cell: FloatArray,
) -> int:
    """Return which of the (a, n, 3) choices for a group has most room, or room enough.

    Directions without an axis are equally good where nothing is within `CROWDED`. Distances are
    rounded, so that no rounding error decides between equal ones.
    """
    if len(choices) == 1:
        return 0
    from ase.data import covalent_radii

    turns = alike.first.directions.axis is not None
    units = covalent_radii + covalent_radii[1] if turns else np.ones(len(covalent_radii))
    room = np.round(
        [_measure_room(each, alike, units, numbers, frac, placed, cell) for each in choices], 6
    )
    return int((room if turns else np.minimum(room, CROWDED)).argmax())


def _measure_room(
    choice: FloatArray,
    alike: EquivalentGroups,
    units: FloatArray,
    numbers: IntArray,
    frac: FloatArray,
    placed: BoolArray,
    cell: FloatArray,
) -> float:
    """Return the shortest distance of the H of a choice to others, in units of their elements.

    Others are the sites that have a place and the H of equivalent groups. Neighbours of the parent
    are left out, which are as far from all choices.
    """
    from ase.data import covalent_radii

    parent, others = alike.first.parent, np.flatnonzero(placed)
    radii = covalent_radii[numbers]
    lengths = find_shortest_distances(cell, frac[[parent]], frac[others])[0]
    others = others[lengths > LONGEST_BOND * (radii[others] + radii[parent])]
    images = alike.repeat(choice, frac)[1:].reshape(-1, 3)
    points = np.concatenate([frac[others], images])
    if not len(points):
        return 0.0
    scale = np.concatenate([units[numbers[others]], np.full(len(images), units[1])])
    return float((find_shortest_distances(cell, choice, points) / scale).min())


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
