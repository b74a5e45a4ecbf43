from __future__ import annotations

import numpy as np
import pytest

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import read_parents, write_parents


def make_hydroxide() -> StructureBatch:
    numbers = [12, 8, 8, 1, 1]
    frac = np.linspace(0.05, 0.95, 15).reshape(5, 3)
    return StructureBatch(("x",), np.eye(3)[None] * 4, [5], numbers, frac, np.array(numbers) == 1)


def test_written_parents_are_read_and_the_rest_of_the_budget_stays() -> None:
    host = make_hydroxide()
    host = StructureBatch(
        host.labels,
        host.cells,
        host.site_counts,
        host.numbers,
        host.frac_coords,
        host.inserted,
        metadata=({"source": "a.cif", "budget": {"missing": 2}},),
    )
    written = write_parents(host, [np.array([2, 1])])
    assert read_parents(written).tolist() == [2, 1]
    assert written.metadata[0] == {
        "source": "a.cif",
        "budget": {"missing": 2, "parents": [2, 1]},
    }


def test_nothing_is_known_without_a_budget() -> None:
    assert read_parents(make_hydroxide()).tolist() == [-1, -1]


def test_a_budget_of_another_number_of_sites_says_nothing() -> None:
    host = write_parents(make_hydroxide(), [[1, 2]])
    more = StructureBatch(
        host.labels,
        host.cells,
        [6],
        [*host.numbers, 1],
        np.vstack([host.frac_coords, [[0.5, 0.5, 0.5]]]),
        [*host.inserted, True],
        metadata=host.metadata,
    )
    assert read_parents(more).tolist() == [-1, -1, -1]


@pytest.mark.parametrize("wrong", [3, 5, -2])
def test_a_parent_that_is_no_site_of_the_host_is_an_error(wrong: int) -> None:
    host = write_parents(make_hydroxide(), [[1, wrong]])
    with pytest.raises(ValueError, match=f"names site {wrong} as the parent"):
        read_parents(host)


def test_there_is_one_parent_for_each_inserted_site() -> None:
    with pytest.raises(ValueError, match="1 parents for 2 inserted sites"):
        write_parents(make_hydroxide(), [[1]])
