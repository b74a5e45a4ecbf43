"""Second derivatives that an optimiser begins with."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.relaxation.evaluator import Structures
from aiida_hpaint.science.relaxation.optimizers.curvature import SOFTEST, estimate_hessians


def stack(*crystals) -> Structures:
    return Structures(
        numbers=np.concatenate([atoms.numbers for atoms in crystals]),
        positions=np.concatenate([atoms.positions for atoms in crystals]),
        cells=np.array([atoms.cell.array for atoms in crystals]),
        counts=np.array([len(atoms) for atoms in crystals]),
    )


def water():
    atoms = molecule("H2O")
    atoms.set_cell(np.diag([6.0, 7.0, 8.0]))
    return atoms


def test_a_bond_is_stiff_along_itself_and_soft_across():
    atoms = water()
    structures, moving = stack(atoms), np.array([False, True, False])
    (hessian,) = estimate_hessians(structures, moving)
    bond = atoms.positions[1] - atoms.positions[0]
    bond /= np.linalg.norm(bond)
    across = np.array([1.0, 0.0, 0.0])  # the molecule lies in the plane of y and z
    # The stretch of a free molecule is 53 eV/Å² (8.45 mdyn/Å; Herzberg 1945).
    assert 40 < bond @ hessian @ bond < 90
    assert SOFTEST <= across @ hessian @ across + 1e-9 < 8


def test_each_structure_has_its_own_and_fixed_sites_have_none():
    salt = bulk("NaCl", "rocksalt", 5.64)
    moving = np.array([True, True, False, True, True])
    both = estimate_hessians(stack(water(), salt), moving)
    alone = estimate_hessians(stack(water()), moving[:3])
    assert [hessian.shape for hessian in both] == [(6, 6), (6, 6)]
    assert np.allclose(both[0], alone[0], rtol=1e-12)
    for hessian in both:
        assert np.allclose(hessian, hessian.T, atol=1e-10)
        assert np.linalg.eigvalsh(hessian).min() >= SOFTEST - 1e-9


def test_orientation_and_setting_of_the_cell_change_nothing_else():
    salt = bulk("NaCl", "rocksalt", 5.64)
    salt.rattle(0.1, seed=3)
    structures, moving = stack(salt), np.ones(2, dtype=bool)
    (hessian,) = estimate_hessians(structures, moving)
    sheared = replace(
        structures, cells=np.array([[1, 2, 0], [0, 1, -1], [0, 0, 1]]) @ structures.cells
    )
    assert np.allclose(estimate_hessians(sheared, moving)[0], hessian, rtol=1e-9)
    turn = Rotation.from_euler("xyz", [20, 50, 70], degrees=True).as_matrix()
    turned = replace(
        structures, cells=structures.cells @ turn, positions=structures.positions @ turn
    )
    turns = np.kron(np.eye(2), turn)
    expected = turns.T @ hessian @ turns
    assert np.allclose(estimate_hessians(turned, moving)[0], expected, rtol=1e-9, atol=1e-9)


def test_sites_on_top_of_each_other_stay_finite():
    atoms = water()
    atoms.positions[1] = atoms.positions[0] + [1e-3, 0, 0]
    (hessian,) = estimate_hessians(stack(atoms), np.ones(3, dtype=bool))
    assert np.isfinite(hessian).all()
