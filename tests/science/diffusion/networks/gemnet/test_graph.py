from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.diffusion.networks.gemnet.candidates import find_candidate_edges
from aiida_hpaint.science.diffusion.networks.gemnet.graph import Graph, build_graph
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

from .samples import Row, batch, random_crystal, rock_salt

pytestmark = pytest.mark.numerics

EVERYTHING = GemNetSettings(neighbours=8192, images=20)


def graph_of(*rows: Row, settings: GemNetSettings | None = None) -> Graph:
    settings = settings or GemNetSettings()
    crystals = batch(*rows)
    return build_graph(crystals, find_candidate_edges(crystals, settings), settings)


def vectors(graph: Graph) -> Counter[tuple[int, int, tuple[float, ...]]]:
    """Edges as (source, target, vector), to compare whatever their order."""
    steps = (graph.direction * graph.distance[:, None]).numpy().round(6) + 0.0
    ends = zip(graph.source.tolist(), graph.target.tolist(), strict=True)
    return Counter((*pair, tuple(step)) for pair, step in zip(ends, steps, strict=True))


def neighbours(row: Row, cutoff: float) -> Counter[tuple[int, int, tuple[float, ...]]]:
    numbers, frac, cell, _ = row
    atoms = Atoms(numbers, scaled_positions=frac % 1, cell=cell, pbc=True)
    first, second, steps = neighbor_list("ijD", atoms, cutoff)
    return Counter(
        (int(i), int(j), tuple(step.round(6) + 0.0))
        for i, j, step in zip(first, second, steps, strict=True)
    )


SKEWED = np.array([[3.0, 0, 0], [7.5, 3.2, 0], [-4.0, 6.0, 3.1]])


@pytest.mark.parametrize(
    "row",
    [
        random_crystal(1, 0),
        random_crystal(2, 1),
        random_crystal(9, 2),
        (np.array([3, 9]), np.array([[0, 0, 0], [0.3, 0.6, 0.2]]), SKEWED, np.array([True, False])),
        rock_salt(),
    ],
)
def test_all_pairs_within_the_cutoff_are_found(row: Row) -> None:
    assert vectors(graph_of(row, settings=EVERYTHING)) == neighbours(row, 7.0)


@given(st.integers(1, 8), st.integers(0, 10**6))
@settings(max_examples=15)
def test_edges_come_in_opposite_pairs(sites: int, seed: int) -> None:
    graph = graph_of(random_crystal(sites, seed))
    swap = graph.swap
    assert (swap[swap] == torch.arange(len(swap))).all()
    assert (graph.source[swap] == graph.target).all()
    assert (graph.distance[swap] == graph.distance).all()
    assert (graph.direction[swap] == -graph.direction).all()


def test_each_site_keeps_its_nearest_neighbours() -> None:
    row, keep = random_crystal(6, 3, volume=8), 20
    found = vectors(graph_of(row, settings=GemNetSettings(neighbours=keep)))
    nearest: Counter[tuple[int, int, tuple[float, ...]]] = Counter()
    everything = neighbours(row, 7.0)
    for target in range(6):
        ending = [edge for edge in everything if edge[1] == target]
        nearest.update(sorted(ending, key=lambda edge: np.linalg.norm(edge[2]))[:keep])
    # of the two directions, that which ends at the later site decides
    assert {edge for edge in found if edge[0] < edge[1]} == {
        edge for edge in nearest if edge[0] < edge[1]
    }
    assert all(found[edge] == 1 for edge in found)


def test_tables_list_the_edges_that_end_at_each_site() -> None:
    graph = graph_of(random_crystal(5, 4), random_crystal(2, 5))
    values = torch.rand(len(graph.source), 3, dtype=torch.float64)
    sums = torch.stack([values[graph.target == site].sum(0) for site in range(7)])
    torch.testing.assert_close(graph.table(values).sum(1), sums)
    torch.testing.assert_close(graph.total(values), sums)


@pytest.mark.parametrize("ties", ["index", "shell"])
def test_structures_of_a_batch_have_the_edges_they_have_alone(ties: str) -> None:
    chosen = GemNetSettings(ties=ties)
    rows = [random_crystal(3, 6), rock_salt(), random_crystal(1, 7, volume=9)]
    together, start = graph_of(*rows, settings=chosen), 0
    for row in rows:
        alone, count = graph_of(row, settings=chosen), len(row[0])
        mine = (together.target >= start) & (together.target < start + count)
        assert (together.source[mine] - start == alone.source).all()
        assert (together.target[mine] - start == alone.target).all()
        assert (together.distance[mine] == alone.distance).all()
        assert (together.direction[mine] == alone.direction).all()
        start += count


def test_prepared_pairs_give_the_same_edges_after_sites_have_moved() -> None:
    numbers, frac, cell, unknown = random_crystal(8, 8)
    candidates = find_candidate_edges(batch((numbers, frac, cell, unknown)), GemNetSettings())
    moved = (frac + np.random.default_rng(1).random(frac.shape) * unknown[:, None]) % 1
    row = (numbers, moved, cell, unknown)
    reused = build_graph(batch(row), candidates, GemNetSettings())
    assert vectors(reused) == vectors(graph_of(row))


def test_whole_shells_do_not_depend_on_order_or_origin() -> None:
    numbers, frac, cell, unknown = rock_salt()
    chosen = GemNetSettings(ties="shell")
    rng = np.random.default_rng(0)
    order = rng.permutation(8)
    before = graph_of((numbers, frac, cell, unknown), settings=chosen)
    shuffled = (numbers[order], (frac[order] + rng.random(3)) % 1, cell, unknown[order])
    after = graph_of(shuffled, settings=chosen)
    # 32 neighbours, and a shell of 24 at sqrt(5)/2 edges which the 50th is part of
    counts = torch.bincount(before.target).tolist()
    assert counts == torch.bincount(after.target).tolist() == [56] * 8
    renamed = Counter({(order[i], order[j], step): n for (i, j, step), n in vectors(after).items()})
    assert renamed == vectors(before)


def test_ties_are_cut_by_order_where_the_published_models_do() -> None:
    graph = graph_of(rock_salt())
    last = graph.source[graph.target == 7]
    assert len(last) <= 50
    assert torch.bincount(graph.target).tolist() != [56] * 8


def test_a_lonely_site_has_no_edges() -> None:
    lonely = (np.array([2]), np.zeros((1, 3)), 20 * np.eye(3), np.array([True]))
    graph = graph_of(lonely)
    assert len(graph.source) == 0
    assert graph.table(torch.zeros(0, 4)).shape == (1, 0, 4)
    assert graph.total(torch.zeros(0, 4)).tolist() == [[0, 0, 0, 0]]
