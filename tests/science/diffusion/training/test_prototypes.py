from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from aiida_hpaint.science.diffusion.training.prototypes import (
    prototype_label,
    standardise,
    wyckoff_labels,
)

# Labels of the AFLOW prototype encyclopedia (Mehl et al. 2017), elements in alphabetical order.
KNOWN = {
    "AB_cF8_225_a_b:Cl-Na": ("Fm-3m", Lattice.cubic(5.64), {"Na": [0, 0, 0], "Cl": [0.5] * 3}),
    "A_cI2_229_a:W": ("Im-3m", Lattice.cubic(3.16), {"W": [0, 0, 0]}),
    "A_hP2_194_c:Mg": ("P6_3/mmc", Lattice.hexagonal(3.2, 5.2), {"Mg": [1 / 3, 2 / 3, 0.25]}),
    "AB2_cF12_225_a_c:Ca-F": ("Fm-3m", Lattice.cubic(5.46), {"Ca": [0, 0, 0], "F": [0.25] * 3}),
    "A2B_tP6_136_f_a:O-Ti": (
        "P4_2/mnm",
        Lattice.tetragonal(4.59, 2.96),
        {"Ti": [0, 0, 0], "O": [0.305, 0.305, 0]},
    ),
    "AB_hP4_186_b_b:S-Zn": (
        "P6_3mc",
        Lattice.hexagonal(3.82, 6.26),
        {"Zn": [1 / 3, 2 / 3, 0], "S": [1 / 3, 2 / 3, 0.375]},
    ),
    "AB3C_cP5_221_a_c_b:Ca-O-Ti": (
        "Pm-3m",
        Lattice.cubic(3.8),
        {"Ca": [0, 0, 0], "Ti": [0.5] * 3, "O": [0, 0.5, 0.5]},
    ),
}


def label(structure: Structure) -> str | None:
    numbers = np.array(structure.atomic_numbers)
    return prototype_label(numbers, structure.frac_coords, structure.lattice.matrix)


@pytest.mark.parametrize("wanted", KNOWN)
def test_known_prototypes_have_their_label(wanted: str) -> None:
    group, lattice, sites = KNOWN[wanted]
    structure = Structure.from_spacegroup(group, lattice, list(sites), list(sites.values()))
    assert label(structure) == wanted


def described_anew(structure: Structure, rng: np.random.Generator) -> Structure:
    """The same crystal in another cell, turned, shifted, and with its sites in another order."""
    shear = np.array([[1, 0, 0], [rng.integers(-1, 2), 1, 0], [0, rng.integers(-1, 2), 1]])
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    axes, order = rng.permutation(3), rng.permutation(len(structure))
    frac = (structure.frac_coords + rng.random(3)) @ np.linalg.inv(shear)
    cell = shear @ structure.lattice.matrix @ turn
    numbers = np.array(structure.atomic_numbers)[order]
    return Structure(Lattice(cell[axes]), numbers, frac[order][:, axes])


@cache
def aflow() -> list[tuple[Structure, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pymatgen.analysis.prototypes import AflowPrototypeMatcher

        known: Any = AflowPrototypeMatcher()
    return [(structure, info["tags"]["aflow"]) for structure, info in known._prototype_db]


def test_labels_are_independent_of_the_description() -> None:
    rng = np.random.default_rng(0)
    for structure, name in aflow()[5::60]:
        assert label(structure) == label(described_anew(structure, rng)), name


@pytest.mark.parametrize(
    ("every", "least"), [(15, 20), pytest.param(1, 278, marks=pytest.mark.long)]
)
def test_labels_agree_with_the_prototypes_of_aflow(every: int, least: int) -> None:
    same_group = same_letters = 0
    for structure, name in aflow()[::every]:
        mine = label(structure)
        assert mine is not None
        stoichiometry, pearson, group, *letters = name.split("_")
        found = mine.partition(":")[0].split("_")
        if [pearson, group] != found[1:3] or sorted(stoichiometry) != sorted(found[0]):
            continue  # of higher symmetry, within our tolerance, than the encyclopedia says
        same_group += 1
        numbers = np.array(structure.atomic_numbers)
        standard = standardise(numbers, structure.frac_coords, structure.lattice.matrix)
        assert standard is not None
        elements = sorted({str(element) for element in structure.composition.elements})
        ways = [sorted(way.split("_")) for way in wyckoff_labels(standard, elements)]
        same_letters += sorted(letters) in ways
    assert same_group >= least
    assert same_letters >= same_group - 1


def test_no_label_without_symmetry() -> None:
    assert prototype_label(np.array([1, 1]), np.zeros((2, 3)), np.eye(3)) is None
