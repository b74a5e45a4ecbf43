from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aiida_hpaint.science.plausibility import count_misplaced
from aiida_hpaint.science.settings import SymmetrySettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import write_parents
from aiida_hpaint.science.symmetry import add_symmetric_proposals
from aiida_hpaint.science.symmetry.budget import Room
from aiida_hpaint.science.symmetry.group import SymmetryGroup

Read = Callable[[str], StructureBatch]
Make = Callable[..., StructureBatch]
BOTH = SymmetrySettings(symmetrised=True, wyckoff=10)


def make_room(structure: StructureBatch, parents: list[int]) -> Room | None:
    known = ~structure.inserted
    group = SymmetryGroup.of(
        structure.cells[0], structure.numbers[known], structure.frac_coords[known], 0.05
    )
    return Room.of(write_parents(structure, [parents]), group)


def make_pair(*hydrogens: float) -> StructureBatch:
    """Two O 2.4 Å apart along x, and H on the line between them."""
    numbers = [8, 8] + [1] * len(hydrogens)
    x = np.array([0.0, 2.4, *hydrogens])
    frac = np.stack([x, 0 * x, 0 * x], axis=1) / 12 + 0.2
    return StructureBatch(
        ("x",), np.eye(3)[None] * 12, [len(x)], numbers, frac, np.equal(numbers, 1)
    )


def points(structure: StructureBatch, room: Room) -> np.ndarray:
    return room.group.enter(structure.frac_coords[structure.inserted])


@pytest.mark.parametrize(
    ("places", "parents", "holds"),
    [
        ((-0.97, 3.37), [0, 1], True),
        ((-0.97, 3.37), [1, 0], True),
        ((-0.97, 3.37), [0, 0], False),
        ((1.2,), [0], True),
        ((1.2,), [1], True),
        ((0.97,), [1], False),
        ((-3.0,), [0], False),
    ],
)
def test_arrangements_are_compared_with_the_budget(
    places: tuple[float, ...], parents: list[int], holds: bool
) -> None:
    pair = make_pair(*places)
    room = make_room(pair, parents)
    assert room is not None
    assert room.holds(points(pair, room)) == holds


def test_there_is_no_room_to_speak_of_unless_all_parents_are_known() -> None:
    assert make_room(make_pair(-0.97, 3.37), [0, -1]) is None


def test_all_proposals_comply_with_the_budget(reference: Read, samples: Make) -> None:
    diaspore = reference("diaspore")
    drawn = samples(diaspore, 0.3, 4)
    free = add_symmetric_proposals(drawn, BOTH)
    # The O atoms of diaspore that carry H, and those that do not.
    room = make_room(diaspore, [0] * 4)
    assert room is not None
    loads, _ = Room(
        room.group, room.host, room.kinds, room.kind, np.full(len(room.host), 4)
    ).measure_loads(points(diaspore, room))
    true = loads.argmax(1).tolist()
    others = sorted(set(np.flatnonzero(diaspore.numbers == 8).tolist()) - set(true))
    for parents in (true, others):
        told = write_parents(drawn, [parents] * len(drawn))
        found = add_symmetric_proposals(told, BOTH)
        proposed = found[np.flatnonzero(found.scalars["origin"] != "generated")]
        assert len(proposed) or parents == others
        assert (count_misplaced(proposed) == 0).all()
        ignored = add_symmetric_proposals(told, BOTH, use_parents=False)
        assert np.array_equal(ignored.frac_coords, free.frac_coords)
