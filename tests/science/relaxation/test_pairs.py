from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.cell import Cell
from ase.neighborlist import neighbor_list
from hypothesis import assume, given
from hypothesis import strategies as st

from aiida_hpaint.science.relaxation.potentials.pairs import find_pairs

from .crystals import arguments, brucite, magnesium_hydride, sodium_alanate


def as_table(first, second, vectors):
    rows = np.column_stack([first, second, np.round(vectors, 6) + 0.0])
    return rows[np.lexsort(rows.T[::-1])]


def ase_table(structures, cutoff):
    tables, start = [], 0
    for atoms in structures:
        i, j, vectors = neighbor_list("ijD", atoms, cutoff, self_interaction=False)
        tables.append(as_table(i + start, j + start, vectors))
        start += len(atoms)
    return np.concatenate(tables)


def our_table(structures, cutoff):
    _, positions, cells, counts = arguments(structures)
    pairs = find_pairs(positions, cells, counts, cutoff)
    return as_table(pairs.first.numpy(), pairs.second.numpy(), pairs.vectors.numpy())


def test_crystals_of_different_sizes_agree_with_ase():
    structures = [brucite(), sodium_alanate(), magnesium_hydride(), brucite()]
    np.testing.assert_allclose(our_table(structures, 5.0), ase_table(structures, 5.0), atol=2e-6)


@given(
    lengths=st.tuples(*[st.floats(1.8, 9.0)] * 3),
    angles=st.tuples(*[st.floats(55.0, 110.0)] * 3),
    sites=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_skew_cells_and_sites_outside_the_cell_agree_with_ase(lengths, angles, sites, seed):
    frac = np.random.default_rng(seed).uniform(-1.7, 2.3, (sites, 3))
    # Angles like 55, 110, 55 leave no volume, and relaxations refuse such cells.
    assume(Cell.new([1, 1, 1, *angles]).volume > 0.1)
    atoms = Atoms("H" * sites, scaled_positions=frac, cell=[*lengths, *angles], pbc=True)
    ours, theirs = our_table([atoms], 3.1), ase_table([atoms], 3.1)
    assert len(ours) == len(theirs)
    np.testing.assert_allclose(ours, theirs, atol=2e-6)


def test_pairs_are_sorted_by_their_first_site():
    _, positions, cells, counts = arguments([sodium_alanate(), brucite(), sodium_alanate()])
    first = find_pairs(positions, cells, counts, 4.0).first.numpy()
    assert (np.diff(first) >= 0).all()


def test_a_lonely_site_has_no_pairs():
    pairs = find_pairs(np.zeros((1, 3)), 20 * np.eye(3)[None], np.array([1]), 5.0)
    assert len(pairs.first) == 0
    assert pairs.vectors.shape == (0, 3)
