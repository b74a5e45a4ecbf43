from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk
from pymatgen.core import Lattice
from pymatgen.symmetry.groups import SpaceGroup

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.symmetry.group import SymmetryGroup, wrap_differences
from aiida_hpaint.science.symmetry.orbits import make_orbit, snap_to_symmetry
from aiida_hpaint.science.symmetry.positions import find_special_positions
from aiida_hpaint.science.symmetry.products import multiply_operations
from aiida_hpaint.science.symmetry.wyckoff import find_index_two_subgroups
from aiida_hpaint.science.types import HpaintWarning

Read = Callable[[str], StructureBatch]
NAMES = ["brucite", "lithium_hydroxide", "sodium_alanate", "diaspore"]


def host_group(crystal: StructureBatch, tolerance: float = 0.05) -> SymmetryGroup:
    known = ~crystal.inserted
    return SymmetryGroup.of(
        crystal.cells[0], crystal.numbers[known], crystal.frac_coords[known], tolerance
    )


@pytest.mark.parametrize("name", NAMES)
def test_operations_are_those_of_spglib(reference: Read, name: str) -> None:
    crystal = reference(name)
    known = ~crystal.inserted
    cell = (crystal.cells[0], crystal.frac_coords[known], crystal.numbers[known])
    assert len(host_group(crystal)) == len(spglib.get_symmetry(cell, symprec=0.05)["rotations"])


@pytest.mark.parametrize("name", NAMES)
def test_products_close_exactly(reference: Read, name: str) -> None:
    check_products(host_group(reference(name)))


@pytest.mark.parametrize("shift", [0.0, 0.003])
@pytest.mark.parametrize(
    ("crystal", "operations"),
    [
        (bulk("MgO", "rocksalt", a=4.21, cubic=True) * (2, 2, 1), 16 * 16),
        (bulk("Cu", cubic=True) * (2, 2, 2), 48 * 32),
        (bulk("Mg") * (3, 3, 2), 24 * 18),
    ],
    ids=["tetragonal", "cubic", "hexagonal"],
)
def test_supercells_have_all_pure_translations(
    crystal: Atoms, operations: int, shift: float
) -> None:
    frac = crystal.get_scaled_positions()
    shaken = frac + np.random.default_rng(0).normal(0, shift, frac.shape) / crystal.cell.lengths()
    group = SymmetryGroup.of(crystal.cell.array, crystal.numbers, shaken, 0.1)
    assert len(group) == operations
    check_products(group)


def test_the_largest_supercells_have_the_identity_alone() -> None:
    crystal = bulk("Cu", cubic=True) * (4, 4, 4)  # 48 * 256 operations
    frac = crystal.get_scaled_positions()
    with pytest.warns(HpaintWarning, match="none of the 12288 symmetry operations"):
        group = SymmetryGroup.of(crystal.cell.array, crystal.numbers, frac, 0.1)
    assert len(group) == 1


def test_operations_that_lack_a_product_are_no_group() -> None:
    turns = np.array([np.eye(3), [[0, -1, 0], [1, 0, 0], [0, 0, 1]]], dtype=np.int64)
    assert multiply_operations(turns, np.zeros((2, 3))) is None
    unequal = np.array([np.eye(3), np.eye(3), -np.eye(3)], dtype=np.int64)
    assert multiply_operations(unequal, np.array([[0, 0, 0], [0.5, 0, 0], [0, 0, 0]])) is None


def check_products(group: SymmetryGroup) -> None:
    """Compare all products with what matrices and vectors give."""
    for left in range(len(group)):
        found = group.products[left]
        turned = group.translations @ group.rotations[left].T + group.translations[left]
        np.testing.assert_array_equal(
            group.rotations[left] @ group.rotations, group.rotations[found]
        )
        assert np.abs(wrap_differences(turned - group.translations[found])).max() < 1e-12


def test_a_host_that_is_symmetric_within_the_tolerance_has_a_group_that_closes(
    reference: Read,
) -> None:
    crystal = reference("sodium_alanate")
    rng = np.random.default_rng(0)
    shaken = crystal.with_coords(
        crystal.frac_coords + rng.normal(0, 0.001, crystal.frac_coords.shape)
    )
    group = host_group(shaken, 0.1)
    assert len(group) == len(host_group(crystal))
    some = group.images(np.array([[0.1, 0.2, 0.3]]))
    all_of_all = group.images(some.reshape(-1, 3)).reshape(-1, 3)
    distances = np.abs(wrap_differences(all_of_all[:, None] - some[:, 0])).max(-1).min(-1)
    assert distances.max() < 1e-12


def test_without_any_site_there_is_the_identity_alone() -> None:
    assert len(SymmetryGroup.of(np.eye(3) * 4, np.zeros(0, dtype=int), np.zeros((0, 3)), 0.05)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_subgroups_have_half_of_the_operations_and_close(reference: Read, name: str) -> None:
    group = host_group(reference(name))
    subgroups = find_index_two_subgroups(group)
    assert subgroups
    assert len({tuple(members) for members in subgroups}) == len(subgroups)
    for members in subgroups:
        assert len(members) == len(group) // 2
        np.testing.assert_array_equal(group.closure(members), members)


@pytest.mark.parametrize("name", NAMES)
def test_orbits_are_the_equivalent_sites_of_spglib(reference: Read, name: str) -> None:
    crystal = reference(name)
    group = host_group(crystal)
    known = crystal.frac_coords[~crystal.inserted]
    cell = (crystal.cells[0], known, crystal.numbers[~crystal.inserted])
    equivalent = spglib.get_symmetry_dataset(cell, symprec=0.05).equivalent_atoms
    points, keeping = snap_to_symmetry(group, group.enter(known), 0.01)
    for index in range(len(known)):
        size = (equivalent == equivalent[index]).sum()
        found = make_orbit(group, points[index], keeping[index])
        assert len(found) == size
        np.testing.assert_array_equal(found[0], points[index])


@pytest.mark.parametrize(
    ("symbol", "fixed"),
    [
        ("Fm-3m", [(0.5, 0.5, 0.5), (0.25, 0.25, 0.25), (0, 0.25, 0.25)]),
        ("P6_3/mmc", [(0, 0, 0), (0, 0, 0.25), (1 / 3, 2 / 3, 0.25), (0.5, 0, 0)]),
        ("I-43d", [(0.375, 0, 0.25), (0.875, 0, 0.25)]),
        ("P4_2/mnm", [(0, 0.5, 0.25), (0, 0.5, 0), (0, 0, 0.5)]),
    ],
)
def test_positions_without_free_parameters(symbol: str, fixed: list[tuple[float, ...]]) -> None:
    space_group = SpaceGroup(symbol)
    hexagonal = symbol.startswith("P6")
    lattice = Lattice.hexagonal(5, 8) if hexagonal else Lattice.tetragonal(6, 6)
    if symbol.startswith("P4"):
        lattice = Lattice.tetragonal(6, 7)
    # In Fm-3m a general position has 192 points; this one tells as much.
    start = (0.11, 0.0, 0.0) if symbol == "Fm-3m" else (0.11, 0.23, 0.37)
    host = np.array(space_group.get_orbit(start))
    numbers = np.full(len(host), 12)
    group = SymmetryGroup.of(lattice.matrix, numbers, host, 0.01)
    assert len(group) == len(space_group.symmetry_ops)
    found = find_special_positions(group, numbers, group.enter(host), 0.01)
    for point in fixed:
        shifts = wrap_differences(found - group.enter(np.array(point)))
        assert np.linalg.norm(shifts @ group.cell, axis=1).min() < 1e-3
