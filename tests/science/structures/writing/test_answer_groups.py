"""The space group of a sample is that of its CIF."""

from __future__ import annotations

from pathlib import Path

import gemmi
import numpy as np
import pytest

from aiida_hpaint.science.structures import (
    StructureBatch,
    add_sites,
    prepare_hosts,
    read_hosts,
    write_cif,
)
from aiida_hpaint.science.structures.writing.answer_groups import find_answer_groups

ROOT = Path(__file__).parents[4]


def restore_brucite(shift: float) -> tuple[StructureBatch, StructureBatch]:
    """Brucite with H where it is published, one of them moved sidewards by a distance in Å."""
    host, problems = prepare_hosts(ROOT / "examples" / "hosts" / "brucite.cif")
    assert host is not None
    assert not problems
    published = read_hosts(ROOT / "examples" / "references" / "brucite.cif")
    frac = host.frac_coords.copy()
    frac[host.inserted] = published.frac_coords[published.numbers == 1]
    frac[-1] += np.array([shift, 0, 0]) @ np.linalg.inv(host.cells[0])
    return host.with_scalars(host=[0]), host.with_coords(frac).with_scalars(host=[0], rank=[0])


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.3])
def test_the_number_is_that_of_the_cif(shift: float) -> None:
    host, answer = restore_brucite(shift)
    number = int(find_answer_groups(answer, host, np.array([True]))[0])
    text = write_cif(answer, host=host, version="relaxed")
    block = gemmi.cif.read_string(text).sole_block()
    assert number == int(block.find_value("_space_group_IT_number"))
    assert (number == 164) == (shift < 0.2)


def test_what_is_no_candidate_has_none() -> None:
    host, answer = restore_brucite(0.0)
    assert find_answer_groups(answer, host, np.array([False])).tolist() == [0]
    unplaced = add_sites(answer, {"H": 1})
    assert find_answer_groups(unplaced, host, np.array([True])).tolist() == [0]
