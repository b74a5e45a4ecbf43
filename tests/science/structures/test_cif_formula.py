"""Counting the H that a CIF's formula has and its sites have not."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiida_hpaint.science.structures import (
    HostError,
    IsotopeWarning,
    count_missing_from_formula,
    read_hosts,
)

BRUCITE = {"formula": "'H2 Mg O2'", "units": "1"}


def brucite(folder: Path, formula: str | None, units: str | None, *rows: str) -> Path:
    """A CIF of brucite with a formula and Z; further rows of sites may follow Mg and O."""
    lines = ["data_x", "_cell_length_a 3.15", "_cell_length_b 3.15", "_cell_length_c 4.77"]
    lines += ["_cell_angle_gamma 120", "_space_group_IT_number 164"]
    lines += [] if formula is None else [f"_chemical_formula_sum {formula}"]
    lines += [] if units is None else [f"_cell_formula_units_Z {units}"]
    lines += ["loop_", "_atom_site_label"]
    lines += [f"_atom_site_fract_{axis}" for axis in "xyz"]
    lines += ["Mg1 0 0 0", "O1 0.3333 0.6667 0.2203", *rows, ""]
    path = folder / "x.cif"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("formula", "units"),
    [
        ("'H2 Mg O2'", "1"),
        ("'Mg1 O2 H2'", "1"),
        ("'Mg O2 D2'", "1"),
        ("MgO2H2", "1"),
        ("'H1.00 Mg0.5 O1'", "2"),
        ("'H2 Mg O2'", "?"),
        ("'H2 Mg O2'", None),
        ("'H Mg0.5 O'", None),
    ],
)
def test_the_formula_tells_how_many(tmp_path: Path, formula: str, units: str | None) -> None:
    assert count_missing_from_formula(brucite(tmp_path, formula, units)) == {"H": 2}


def test_sites_that_are_there_do_not_miss(tmp_path: Path) -> None:
    complete = brucite(tmp_path, "'H2 Mg O2'", "1", "H1 0.3333 0.6667 0.413")
    assert count_missing_from_formula(complete) == {"H": 0}
    with pytest.warns(IsotopeWarning):
        assert count_missing_from_formula(
            brucite(tmp_path, "'D2 Mg O2'", "1", "D 0.3333 0.6667 0.413")
        ) == {"H": 0}
    half = brucite(tmp_path, "'H3 Mg O2'", "1", "H1 0.3333 0.6667 0.413")
    assert count_missing_from_formula(half) == {"H": 1}


def test_a_formula_without_the_element_misses_none(tmp_path: Path) -> None:
    path = brucite(tmp_path, "'Mg O2'", "1")
    assert count_missing_from_formula(path) == {"H": 0}
    assert count_missing_from_formula(path, "Li") == {"Li": 0}


def test_other_elements_are_counted_alike(tmp_path: Path) -> None:
    path = brucite(tmp_path, "'Li3 Mg O2'", "1")
    assert count_missing_from_formula(path, "Li") == {"Li": 3}
    with pytest.raises(HostError, match=r"does not fit its other sites \(Li0 Mg1 O2\)"):
        count_missing_from_formula(path, "H")


@pytest.mark.parametrize(
    ("formula", "units", "message"),
    [
        (None, "1", "its CIF has no _chemical_formula_sum. Say how many to add, for example H:4"),
        ("?", "1", "no _chemical_formula_sum"),
        ("'Mg(OH)2'", "1", r"_chemical_formula_sum 'Mg\(OH\)2' cannot be read"),
        ("'Mg Wa2'", "1", "cannot be read"),
        ("'H1.5 Mg O2'", "1", "gives 1.5 H per cell, which is no whole number"),
        ("'H2 Mg O2'", "2", r"it has Z = 2, but its other sites \(Mg1 O2\) make Z = 1"),
        ("'H2 Mg O3'", "1", r"does not fit its other sites \(Mg1 O2\) with any whole Z"),
        ("'H2 Mg O2 S'", "1", r"\(Mg1 O2 S0\)"),
        ("'H4 Mg2 O4'", None, "with any whole Z"),
        ("'H2'", None, "with any whole Z"),
    ],
)
def test_what_cannot_be_told_is_an_error(
    tmp_path: Path, formula: str | None, units: str | None, message: str
) -> None:
    with pytest.raises(HostError, match=f"^x: .*{message}"):
        count_missing_from_formula(brucite(tmp_path, formula, units))


def test_too_many_sites_are_an_error(tmp_path: Path) -> None:
    path = brucite(tmp_path, "'H Mg O2'", "1", "H1 0.3333 0.6667 0.413")
    with pytest.raises(HostError, match="it has 2 H and its formula only 1"):
        count_missing_from_formula(path)


def test_a_batch_remembers_its_formula(tmp_path: Path) -> None:
    hosts = read_hosts(brucite(tmp_path, "'H2 Mg O2'", "1"))
    assert count_missing_from_formula(hosts) == {"H": 2}
    with pytest.raises(ValueError, match="2 structures: count them one at a time"):
        count_missing_from_formula(hosts[[0, 0]])


def test_a_file_of_several_is_not_counted(tmp_path: Path) -> None:
    path = brucite(tmp_path, "'H2 Mg O2'", "1")
    text = path.read_text("utf-8")
    path.write_text(text + text.replace("data_x", "data_y"), encoding="utf-8")
    with pytest.raises(HostError, match=r"it holds 2 structures \(x-x, x-y\)"):
        count_missing_from_formula(path)


def test_disorder_is_reported_first(files: Path) -> None:
    with pytest.raises(HostError, match="its occupancy is"):
        count_missing_from_formula(files / "partial_occupancy.cif")
