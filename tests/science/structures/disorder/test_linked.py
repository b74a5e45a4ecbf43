"""Groups of what is linked, compared with networkx."""

from __future__ import annotations

import networkx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.science.structures.disorder.linked import group_linked, number_linked


@given(st.data(), st.integers(1, 12))
def test_groups_are_those_of_networkx(data: st.DataObject, size: int) -> None:
    place = st.integers(0, size - 1)
    links = data.draw(st.lists(st.tuples(place, place), max_size=12))
    graph = networkx.Graph(links)
    graph.add_nodes_from(range(size))
    groups = group_linked(size, links)
    assert sorted(map(sorted, groups)) == sorted(map(sorted, networkx.connected_components(graph)))
    numbers = number_linked(size, np.array(links, dtype=np.int64).reshape(-1, 2))
    assert all(len(set(numbers[group].tolist())) == 1 for group in groups)
    assert len(set(numbers.tolist())) == len(groups)


def test_nothing_has_no_groups() -> None:
    assert group_linked(0, []) == []
