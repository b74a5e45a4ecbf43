"""Operations as text: gemmi is the oracle for what they mean, groups for their products."""

from __future__ import annotations

import gemmi
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures.reading.operations import (
    add_identity,
    find_missing_product,
    format_operation,
    from_gemmi,
    parse_operation,
    same_operations,
    stack_operations,
)

GROUPS = list(gemmi.spacegroup_table())
SPELLINGS = [
    lambda op: op.triplet(),
    lambda op: op.triplet().upper().replace(",", ", "),
    lambda op: f"'{op.triplet()}'",
]


@given(group=st.sampled_from(GROUPS), index=st.integers(0, 191), spell=st.sampled_from(SPELLINGS))
def test_operations_mean_what_gemmi_says(group: gemmi.SpaceGroup, index: int, spell) -> None:  # type: ignore[no-untyped-def]
    operations = list(group.operations())
    operation = operations[index % len(operations)]
    seitz = np.array(operation.float_seitz())
    found = parse_operation(spell(operation))
    assert found is not None
    assert (found[0] == seitz[:3, :3]).all()
    assert found[1] == pytest.approx(seitz[:3, 3])
    again = parse_operation(format_operation(*found))
    assert again is not None
    assert (again[0] == found[0]).all()
    assert np.mod(again[1] - found[1] + 0.5, 1.0) == pytest.approx(np.full(3, 0.5))


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("1/2+x, y, z", (0.5, 0, 0)),
        ("x+0.5,y,z", (0.5, 0, 0)),
        ("x+.3333,y,z-0.33", (1 / 3, 0, -1 / 3)),
        ("0.66667+x,y,z", (2 / 3, 0, 0)),
        ("x+1/5,y,z", (0.2, 0, 0)),
        ("+x,+y,z+3/2", (0, 0, 1.5)),
        ("x, y, z + 0.05", (0, 0, 1 / 24)),
    ],
)
def test_translations(text: str, shift: tuple[float, float, float]) -> None:
    found = parse_operation(text)
    assert found is not None
    assert (found[0] == np.eye(3)).all()
    assert found[1] == pytest.approx(np.array(shift), abs=0.01)


@pytest.mark.parametrize(
    "text",
    ["x,y", "x,y,x", "x,y,z,t", "one", "x/2,y,z", "2x,y,z", "x,,z", "x+1/0,y,z", "x;y;z", ""],
)
def test_what_is_no_operation(text: str) -> None:
    assert parse_operation(text) is None


@given(group=st.sampled_from(GROUPS), data=st.data())
def test_groups_are_closed_and_parts_of_them_are_not(
    group: gemmi.SpaceGroup, data: st.DataObject
) -> None:
    whole = from_gemmi(np.eye(3), group.operations())
    assert find_missing_product(whole) is None
    assert same_operations(whole, whole)
    if len(whole) < 3:
        return
    left_out = data.draw(st.integers(1, len(whole) - 1))
    rows = [row for row in range(len(whole)) if row != left_out]
    part = stack_operations(
        np.eye(3), [(whole.rotations[row], whole.translations[row]) for row in rows]
    )
    assert find_missing_product(part) is not None
    assert not same_operations(part, whole)


def test_the_identity_is_added_once() -> None:
    found = [parse_operation(text) for text in ("-x,-y,-z", "-x,-y,-z", "x+1,y,z")]
    operations = stack_operations(np.eye(3), [each for each in found if each])
    assert len(operations) == 2
    assert not add_identity(operations)[1]
    alone, was_missing = add_identity(stack_operations(np.eye(3), [found[0]] if found[0] else []))
    assert was_missing
    assert len(alone) == 2
