from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from aiida_hpaint.science.evaluation import compare
from aiida_hpaint.science.evaluation.equivalence import find_host_symmetry
from aiida_hpaint.science.structures.batch import StructureBatch

Make = Callable[..., StructureBatch]


def test_a_structure_matches_itself(brucite: Make) -> None:
    found = compare(brucite(), brucite())
    assert found.match
    assert found.rmsd == pytest.approx(0, abs=1e-9)
    assert found.site_distances.tolist() == pytest.approx([0, 0])


def test_a_displaced_site_is_at_its_displacement(brucite: Make) -> None:
    moved = [[1 / 3, 2 / 3, 0.43 + 0.2 / 4.766], [2 / 3, 1 / 3, 0.57]]
    found = compare(brucite(moved), brucite())
    assert found.match
    assert sorted(found.site_distances) == pytest.approx([0, 0.2])


def test_equivalent_sites_are_the_same_answer(brucite: Make) -> None:
    tilted = np.array([[0.38, 0.68, 0.43], [0.60, 0.30, 0.58]])
    image = find_host_symmetry(brucite()).images(tilted)[5]
    found = compare(brucite(image), brucite(tilted))
    assert found.match
    assert found.site_distances.max() < 1e-6


def test_a_drift_of_the_whole_crystal_is_removed(brucite: Make) -> None:
    shifted = brucite().with_coords(np.add(brucite().frac_coords, [0.01, 0.02, 0.9]))
    assert compare(shifted, brucite()).site_distances.max() < 1e-9


def test_another_arrangement_does_not_match(brucite: Make) -> None:
    wrong = [[0.1, 0.1, 0.5], [0.6, 0.1, 0.5]]
    found = compare(brucite(wrong), brucite())
    assert not found.match
    assert found.rmsd is None
    assert found.site_distances.max() > 0.5


def test_the_rmsd_is_that_of_pymatgen(brucite: Make) -> None:
    noisy = brucite().frac_coords + np.random.default_rng(0).normal(0, 0.01, (5, 3))
    candidate = brucite().with_coords(noisy)

    def structure(batch: StructureBatch) -> Structure:
        return Structure(Lattice(batch.cells[0]), batch.numbers.tolist(), batch.frac_coords)

    oracle = StructureMatcher().get_rms_dist(structure(brucite()), structure(candidate))
    assert compare(candidate, brucite()).rmsd == pytest.approx(oracle[0])
