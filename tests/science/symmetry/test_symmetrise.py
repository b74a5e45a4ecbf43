from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st

from aiida_hpaint.science.evaluation.matching import compute_inserted_distances
from aiida_hpaint.science.settings import SymmetrySettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry import add_symmetric_proposals
from aiida_hpaint.science.symmetry.group import SymmetryGroup
from aiida_hpaint.science.symmetry.symmetrise import find_mappings

Read = Callable[[str], StructureBatch]
Make = Callable[..., StructureBatch]
SYMMETRISED = SymmetrySettings(symmetrised=True)
NAMES = ["brucite", "portlandite", "lithium_hydroxide", "diaspore", "sodium_alanate"]


def group_number(structure: StructureBatch, tolerance: float = 1e-3) -> int:
    cell = (structure.cells[0], structure.frac_coords, structure.numbers)
    return int(spglib.get_symmetry_dataset(cell, symprec=tolerance).number)


def proposals(samples: StructureBatch, settings: SymmetrySettings = SYMMETRISED) -> StructureBatch:
    found = add_symmetric_proposals(samples, settings)
    return found[np.flatnonzero(found.scalars["origin"] != "generated")]


@pytest.mark.parametrize("length", [0.1, 0.3])
@pytest.mark.parametrize("name", NAMES)
def test_a_perturbed_crystal_gets_its_space_group_back(
    reference: Read, samples: Make, name: str, length: float
) -> None:
    crystal = reference(name)
    found = proposals(samples(crystal, length))
    assert group_number(crystal) in [group_number(structure) for structure in found]
    nearest = min(
        float(compute_inserted_distances(structure, crystal).max()) for structure in found
    )
    assert nearest <= length + 1e-6


def test_coordinates_that_symmetry_determines_are_exact(reference: Read, samples: Make) -> None:
    crystal = reference("brucite")
    found = proposals(samples(crystal, 0.3))
    best = found[int(np.argmin([compute_inserted_distances(one, crystal).max() for one in found]))]
    hydrogen = best.frac_coords[best.inserted]
    # Position 2d of P-3m1: (1/3, 2/3, z) and its inverse; z alone is free.
    np.testing.assert_allclose(np.sort(hydrogen[:, 0]), [1 / 3, 2 / 3], atol=1e-9)
    assert hydrogen[:, 2].sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_proposals_have_operations_exactly(reference: Read, samples: Make, name: str) -> None:
    crystal = reference(name)
    known = ~crystal.inserted
    group = SymmetryGroup.of(
        crystal.cells[0], crystal.numbers[known], crystal.frac_coords[known], 0.05
    )
    settings = SymmetrySettings(symmetrised=True, wyckoff=5)
    for structure in proposals(samples(crystal, 0.2, 3), settings):
        hydrogen = group.enter(structure.frac_coords[structure.inserted])
        distances, _ = find_mappings(group, structure.numbers[structure.inserted], hydrogen, 0.01)
        kept = np.flatnonzero(np.isfinite(distances))
        assert len(kept) > 1
        assert distances[kept].max() < 1e-8
        np.testing.assert_array_equal(group.closure(kept), kept)


def test_a_symmetric_sample_has_no_other_version_of_itself(reference: Read, samples: Make) -> None:
    assert len(proposals(samples(reference("brucite"), 1e-4))) == 0


def test_a_host_without_symmetry_has_no_proposals(reference: Read, samples: Make) -> None:
    crystal = reference("diaspore")
    rng = np.random.default_rng(1)
    frac = crystal.frac_coords + rng.normal(0, 0.03, crystal.frac_coords.shape)
    settings = SymmetrySettings(symmetrised=True, wyckoff=5)
    assert len(proposals(samples(crystal.with_coords(frac), 0.1, 3), settings)) == 0


def test_no_site_moves_farther_than_the_reach(reference: Read, samples: Make) -> None:
    crystal = reference("sodium_alanate")
    drawn = samples(crystal, 0.3, 4)
    for structure in proposals(drawn, SymmetrySettings(symmetrised=True, reach=0.25)):
        parent = drawn[int(structure.scalars["parent"][0])]
        shift = structure.frac_coords - parent.frac_coords
        moved = np.linalg.norm((shift - np.rint(shift)) @ crystal.cells[0], axis=1)
        assert moved.max() <= 0.25 + 1e-9


def _moved(drawn: StructureBatch, seed: int) -> StructureBatch:
    """The same sample, rotated, from another origin, with permuted sites, in another cell."""
    rng = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    cell = np.eye(3, dtype=int)
    for _ in range(3):
        first, second = rng.permutation(3)[:2]
        cell[first] += int(rng.integers(-1, 2)) * cell[second]
    order = rng.permutation(drawn.n_sites)
    frac = (drawn.frac_coords + rng.random(3)) @ np.linalg.inv(cell)
    return StructureBatch(
        drawn.labels,
        (cell @ drawn.cells[0] @ turn)[None],
        drawn.site_counts,
        drawn.numbers[order],
        frac[order],
        drawn.inserted[order],
        drawn.scalars,
    )


@given(st.integers(0, 10_000))
@settings(max_examples=12)
@pytest.mark.parametrize("name", ["brucite", "lithium_hydroxide", "diaspore"])
def test_frame_cell_and_order_change_nothing(
    reference: Read, samples: Make, name: str, seed: int
) -> None:
    drawn = samples(reference(name), 0.2, 1, seed)
    moved = _moved(drawn, seed)
    ours, theirs = proposals(drawn), proposals(moved)
    assert len(ours) == len(theirs)
    spectra = [[_spectrum(structure) for structure in found] for found in (ours, theirs)]
    for left, right in zip(*spectra, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


@given(st.integers(0, 10_000))
@settings(max_examples=8)
@pytest.mark.parametrize("name", ["brucite", "diaspore"])
def test_frame_cell_and_order_leave_the_best_wyckoff_positions(
    reference: Read, samples: Make, name: str, seed: int
) -> None:
    drawn = samples(reference(name), 0.2, 1, seed)
    moved = _moved(drawn, seed)
    asked = SymmetrySettings(wyckoff=1)
    ours, theirs = (_spectrum(proposals(one, asked)[0]) for one in (drawn, moved))
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def _spectrum(structure: StructureBatch) -> object:
    """Distances from the H to all sites, sorted: the same however the crystal is described."""
    from pymatgen.core import Lattice, Structure

    crystal = Structure(
        Lattice(structure.cells[0]), structure.numbers.tolist(), structure.frac_coords
    )
    centres = np.flatnonzero(structure.inserted)
    _, _, _, distances = crystal.get_neighbor_list(4.0, sites=[crystal[i] for i in centres])
    # Shells at the very cut-off may differ by rounding.
    return np.sort(distances[(distances > 1e-8) & (distances < 3.5)])
