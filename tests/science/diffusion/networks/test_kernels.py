from __future__ import annotations

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.neighborlist import neighbor_list

from aiida_hpaint.science.diffusion.crystals import Crystals, collate
from aiida_hpaint.science.diffusion.networks.kernels import (
    RadialBasis,
    compute_kernels,
    find_pair_images,
)

pytestmark = pytest.mark.numerics

CUTOFF = 5.0


def crystal(sites: int, seed: int) -> tuple[Crystals, Atoms]:
    rng = np.random.default_rng(seed)
    cell = np.diag([3.0, 4.0, 6.0]) + rng.normal(0, 0.5, (3, 3))
    frac = rng.random((sites, 3))
    numbers = rng.integers(1, 30, sites)
    atoms = Atoms(numbers, scaled_positions=frac, cell=cell, pbc=True)
    return collate([numbers], [frac], [cell], [np.zeros(sites, bool)]), atoms


def test_kernels_sum_the_neighbours_that_ase_finds() -> None:
    crystals, atoms = crystal(5, 0)
    basis = RadialBasis(8, CUTOFF).double()
    kernels = compute_kernels(crystals, find_pair_images(crystals, CUTOFF), basis)[0].numpy()
    expected = np.zeros_like(kernels)
    for i, j, distance, vector in zip(*neighbor_list("ijdD", atoms, CUTOFF), strict=True):
        radial = basis(torch.tensor([distance], dtype=torch.float64))[0].numpy()
        expected[:, 0, i, j] += radial
        expected[:, 1:, i, j] += radial[:, None] * vector / max(distance, 0.3)
    np.testing.assert_allclose(kernels, expected, atol=1e-10)


def test_pairs_split_into_parts_add_up() -> None:
    crystals, _ = crystal(6, 1)
    basis = RadialBasis(8, CUTOFF).double()
    pairs = find_pair_images(crystals, CUTOFF)
    some = torch.arange(len(pairs.first)) % 3 == 0
    parts = [compute_kernels(crystals, pairs.choose(keep), basis) for keep in (some, ~some)]
    torch.testing.assert_close(sum(parts), compute_kernels(crystals, pairs, basis))


def test_basis_vanishes_at_the_cutoff() -> None:
    basis = RadialBasis(8, CUTOFF)
    assert basis(torch.tensor([CUTOFF])).abs().max() < 1e-6
