"""Parents of H in organic hosts: what is clear stays, what is open is drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from ase.build import molecule

from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.structures import StructureBatch, from_ase, remove_sites
from aiida_hpaint.science.structures.budget.inferred import (
    draw_parents,
    has_open_places,
    infer_parents,
)


def take_out(name: str) -> tuple[StructureBatch, Counter[int]]:
    atoms = molecule(name)
    atoms.set_cell([[6.0, 0.0, 0.0], [0.7, 6.5, 0.0], [0.4, 0.9, 7.5]])
    atoms.pbc = True
    atoms.center()
    hosts, complete = remove_sites(from_ase([atoms]))
    return hosts, Counter(find_parents(complete).tolist())


def draw(host: StructureBatch, seed: int) -> Counter[int]:
    unknown = host.inserted
    parents = infer_parents(host, unknown)
    keys = host.frac_coords[~unknown] @ [1.0, 0.6, 0.3]
    return Counter(draw_parents(host, unknown, parents, np.random.default_rng(seed), keys).tolist())


@pytest.mark.parametrize("name", ["C6H6", "CH3CONH2", "isobutane", "C5H5N", "C4H4NH"])
def test_h_of_carbon_and_of_amides_is_clear(name: str) -> None:
    host, true = take_out(name)
    found = Counter(infer_parents(host, host.inserted).tolist())
    found.pop(-1, None)
    assert found == {site: n for site, n in true.items() if site in found}
    assert all(site in found for site in true if host.numbers[site] == 6)


def test_only_organic_hosts_have_open_places() -> None:
    acid, water = (take_out(name)[0] for name in ("HCOOH", "H2O"))
    nothing = np.full(2, -1)
    assert has_open_places(acid, acid.inserted, nothing)
    assert not has_open_places(water, water.inserted, nothing)
    assert not has_open_places(acid, acid.inserted, np.array([0, 1]))


def test_the_oxygen_of_an_acid_is_drawn_and_its_carbon_is_clear() -> None:
    host, _ = take_out("HCOOH")
    oxygens = set(np.flatnonzero(host.numbers == 8).tolist())
    carbon = int(np.flatnonzero(host.numbers == 6)[0])
    drawn = [draw(host, seed) for seed in range(40)]
    assert all(each[carbon] == 1 and sum(each.values()) == 2 for each in drawn)
    carriers = Counter(site for each in drawn for site in each if site in oxygens)
    # The long bond C-O lacks more than the double bond, and mostly carries the H.
    assert set(carriers) == oxygens
    lengths = np.linalg.norm(host.cart_coords - host.cart_coords[carbon], axis=1)
    assert max(carriers, key=carriers.__getitem__) == max(oxygens, key=lengths.__getitem__)


def test_h_with_a_position_is_carried_already() -> None:
    host, true = take_out("CH3OH")
    parents = np.array(sorted(true.elements()))
    carbon = int(np.flatnonzero(host.numbers == 6)[0])
    complete = molecule("CH3OH")
    coords = host.frac_coords.copy()
    # The H of the methyl group are placed, that of the hydroxyl group is not.
    atoms = complete.positions - complete.positions[0] + host.cart_coords[0]
    hydrogens = atoms[complete.numbers == 1]
    lengths = np.linalg.norm(hydrogens - host.cart_coords[carbon], axis=1)
    placed = np.argsort(lengths)[:3]
    sites = np.flatnonzero(host.inserted)[placed]
    coords[sites] = hydrogens[placed] @ np.linalg.inv(host.cells[0])
    partial = host.with_coords(coords)
    unknown = np.isnan(coords).any(axis=1)
    assert unknown.sum() == 1
    assert carbon not in infer_parents(partial, unknown)
    assert len(parents) == 4
    rng, keys = np.random.default_rng(0), np.arange((~unknown).sum(), dtype=float)
    drawn = draw_parents(partial, unknown, np.array([-1]), rng, keys)
    assert host.numbers[drawn].tolist() == [8]


def test_draws_do_not_depend_on_the_order_of_atoms() -> None:
    from dataclasses import replace

    host, _ = take_out("HCOOH")
    swap = np.array([2, 0, 1, 3, 4])
    relisted = replace(host, numbers=host.numbers[swap], frac_coords=host.frac_coords[swap])
    for seed in range(10):
        there = {int(swap[site]): n for site, n in draw(relisted, seed).items()}
        assert there == draw(host, seed)
