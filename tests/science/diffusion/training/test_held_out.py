from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from aiida_hpaint.science.diffusion.training.files import Source, load_structures
from aiida_hpaint.science.diffusion.training.held_out import (
    find_held_out,
    formula_keys,
    write_matches,
)
from aiida_hpaint.science.diffusion.training.structures import TrainingStructures

CRYSTALS = Path(__file__).parents[1] / "data" / "crystals.npz"


def gathered(crystals: dict[str, Structure]) -> TrainingStructures:
    found = list(crystals.values())
    return TrainingStructures.of(
        np.array([len(crystal) for crystal in found]),
        np.concatenate([crystal.atomic_numbers for crystal in found]),
        np.concatenate([crystal.frac_coords for crystal in found]),
        np.stack([crystal.lattice.matrix for crystal in found]),
        np.array(list(crystals)),
    )


def rutile(a: float, c: float, x: float, metal: str = "Mg") -> Structure:
    lattice = Lattice.tetragonal(a, c)
    return Structure.from_spacegroup("P4_2/mnm", lattice, [metal, "H"], [[0] * 3, [x, x, 0]])


def test_supercells_and_strained_copies_are_found(crystals: dict[str, Structure]) -> None:
    training = gathered(
        {
            "the same": rutile(4.517, 3.02, 0.304),
            "super": rutile(4.6, 3.0, 0.3) * (2, 1, 1),
            "another metal": rutile(4.517, 3.02, 0.304, "Mn"),
            "other": crystals["brucite"],
        }
    )
    found = find_held_out(training, gathered({"MgH2": crystals["MgH2"]}))
    assert [removal.label for removal in found] == ["the same", "super"]
    assert {removal.reason for removal in found} == {"structure"}
    left = training.without([removal.index for removal in found])
    assert left.labels[left.chosen].tolist() == ["another metal", "other"]


def test_prototypes_find_what_the_matcher_calls_different(tmp_path: Path) -> None:
    stretched = rutile(4.517, 6.5, 0.25)
    training, held_out = gathered({"stretched": stretched}), gathered({"ref": rutile(4.5, 3, 0.3)})
    assert find_held_out(training, held_out) == []
    found = find_held_out(training, held_out, by="prototype")
    assert [removal.reason for removal in found] == ["A2B_tP6_136_f_a:H-Mg"]
    write_matches(found, tmp_path / "removed.csv")
    lines = (tmp_path / "removed.csv").read_text().splitlines()
    assert lines == ["removed,like,by", "stretched,ref,A2B_tP6_136_f_a:H-Mg"]


def test_everything_matches_itself_and_what_is_left_out_is_not_looked_at() -> None:
    structures = load_structures([Source(path=CRYSTALS)])
    part = structures.without(range(30))
    found = find_held_out(structures, part)
    assert {removal.index for removal in found} >= set(range(30, 40))
    assert find_held_out(structures.without(range(10, 40)), part) == []


ratios = st.dictionaries(st.sampled_from([1, 6, 8, 26]), st.integers(1, 6), min_size=1)


@given(ratios, ratios)
def test_keys_are_equal_where_reduced_formulas_are(one: dict, other: dict) -> None:
    from pymatgen.core import Element

    numbers = [np.repeat(list(x), list(x.values())) for x in (one, other)]
    rng = np.random.default_rng(0)
    structures = TrainingStructures.of(
        np.array([len(x) for x in numbers]),
        np.concatenate(numbers),
        rng.random((sum(map(len, numbers)), 3)),
        np.stack([np.eye(3) * 10] * 2),
    )
    keys = formula_keys(structures)
    names = [
        Composition({Element.from_Z(z): n for z, n in x.items()}).reduced_formula
        for x in (one, other)
    ]
    # pymatgen writes H2 and O2 for elements, whatever their number
    assert (keys[0] == keys[1]) == (names[0] == names[1])


def test_formulas_of_real_crystals() -> None:
    structures = load_structures([Source(path=CRYSTALS)])
    keys = formula_keys(structures)
    names = [
        Structure(Lattice(c.cell), c.numbers, c.frac).composition.reduced_formula
        for c in map(structures.crystal, range(len(structures)))
    ]
    for i in range(len(keys)):
        for j in range(i):
            assert (keys[i] == keys[j]) == (names[i] == names[j])


def test_nothing_is_removed_from_nothing() -> None:
    structures = load_structures([Source(path=CRYSTALS)])
    with pytest.raises(IndexError):
        structures.crystal(40)
