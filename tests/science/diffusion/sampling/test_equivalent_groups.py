"""Groups that the host's symmetry makes equivalent are turned alike, in a share of the samples."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import molecule
from ase.spacegroup import crystal
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion.sampling.generation import generate
from aiida_hpaint.science.evaluation.equivalence import find_closest_distances, find_host_symmetry
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import StructureBatch, from_ase, remove_sites

CELL = [4.2, 12.6, 7.0, 90, 91.3, 90]
"""Å and degrees, as of propane in P2_1/c."""


def make_crystal(name: str) -> StructureBatch:
    """Return a molecule in a general position of P2_1/c, without its H."""
    one = molecule(name)
    one.rotate(35, (1.0, 0.4, 0.2))
    one.set_cell(Atoms(cell=CELL).cell)
    one.positions += 0.25 * one.cell.sum(0) - one.positions.mean(0) - 0.1 * one.cell[1]
    whole = crystal(
        one.symbols, one.get_scaled_positions(), spacegroup=14, cellpar=CELL, onduplicates="keep"
    )
    assert len(whole) == 4 * len(one)
    return remove_sites(from_ase([whole]))[0]


def sample(host: StructureBatch, count: int = 20) -> StructureBatch:
    settings = SamplingSettings(generator="random", samples=count, redraws=0)
    return generate(host, settings)


def count_operations(one: StructureBatch) -> int:
    found = spglib.get_symmetry((one.cells[0], one.frac_coords, one.numbers), symprec=0.02)
    return len(found["rotations"])


@pytest.mark.parametrize("name", ["C3H8", "C2H6", "H3CNH2"])
def test_half_of_the_samples_keep_all_operations_of_the_host(name: str) -> None:
    host = make_crystal(name)
    kept = [count_operations(one) for one in sample(host)]
    assert set(kept) == {1, 4}
    assert 5 <= kept.count(4) <= 15


def test_turns_of_alike_samples_differ() -> None:
    samples = sample(make_crystal("C2H6"))
    kept = [one for one in samples if count_operations(one) == 4]
    first = kept[0].frac_coords[kept[0].inserted]
    others = [one.frac_coords[one.inserted] - first for one in kept[1:]]
    assert any(np.abs(shift - np.rint(shift)).max() > 0.05 for shift in others)


def test_a_sample_does_not_depend_on_the_setting_of_the_cell() -> None:
    host = make_crystal("C3H8")
    change = np.array([[1, 0, 1], [0, -1, 0], [0, 0, -1]])
    turn = Rotation.from_euler("xyz", [0.3, 0.8, -0.5]).as_matrix()
    known = np.flatnonzero(~host.inserted)
    relisted = np.arange(host.n_sites)
    relisted[known] = known[::-1]
    moved = (host.frac_coords[relisted] + [0.17, 0.31, 0.05]) @ np.linalg.inv(change)
    other = replace(
        host,
        cells=(change @ host.cells[0] @ turn)[None],
        frac_coords=moved - np.floor(moved),
        numbers=host.numbers[relisted],
    )
    symmetry = find_host_symmetry(host)
    for one, again in zip(sample(host, 6), sample(other, 6), strict=True):
        back = again.frac_coords[again.inserted] @ change - [0.17, 0.31, 0.05]
        numbers = one.numbers[one.inserted]
        apart = find_closest_distances(symmetry, numbers, one.frac_coords[one.inserted], back)
        assert apart.max() < 1e-4
