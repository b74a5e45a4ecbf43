"""CIFs: every site of the cell, in order, nothing merged; pymatgen is the oracle."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from aiida_hpaint.science.structures import (
    HostError,
    IsotopeWarning,
    StructureBatch,
    to_pymatgen,
)
from aiida_hpaint.science.structures.hosts import iter_hosts
from aiida_hpaint.science.structures.reading import expand_record, read_records
from aiida_hpaint.science.structures.records import Record

HEAD = """data_x
_cell_length_a 4.2
_cell_length_b 4.2
_cell_length_c 4.2
_space_group_name_H-M_alt 'P 1'
loop_
"""


def read(path: Path) -> StructureBatch:
    (outcome,) = iter_hosts(path)
    if isinstance(outcome, HostError):
        raise outcome
    return outcome


def written(folder: Path, text: str) -> Path:
    path = folder / "x.cif"
    path.write_text(text, encoding="utf-8")
    return path


def sites(folder: Path, columns: str, *rows: str) -> Path:
    names = "\n".join(f"_atom_site_{name}" for name in columns.split())
    return written(folder, f"{HEAD}{names}\n" + "\n".join(rows) + "\n")


@pytest.mark.parametrize("name", ["brucite", "diaspore", "sodium_alanate"])
def test_the_crystal_is_what_pymatgen_reads(examples: Path, name: str) -> None:
    path = examples / "references" / f"{name}.cif"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen says that it rounded 0.333333
        oracle = Structure.from_file(path)
    structure = to_pymatgen(read(path))[0]
    assert structure.lattice.matrix == pytest.approx(oracle.lattice.matrix)
    matcher = StructureMatcher(ltol=1e-4, stol=1e-4, primitive_cell=False)
    assert matcher.get_rms_dist(structure, oracle)[0] < 1e-4


def test_listed_coordinates_and_their_order_are_kept(tmp_path: Path) -> None:
    columns = "label type_symbol fract_x fract_y fract_z"
    path = sites(tmp_path, columns, "O1 O2- 1.25 -0.1(2) .5", "Mg1 Mg2+ 0 1e-1 3.", "O2 O .5 .5 0")
    batch = read(path)
    assert batch.numbers.tolist() == [8, 12, 8]
    assert batch.frac_coords.tolist() == [[1.25, -0.1, 0.5], [0.0, 0.1, 3.0], [0.5, 0.5, 0.0]]


def test_equivalents_follow_their_site(examples: Path) -> None:
    batch = read(examples / "references" / "sodium_alanate.cif")
    assert batch.numbers.tolist() == [11] * 4 + [13] * 4 + [1] * 16
    assert batch.frac_coords[8].tolist() == [0.2372, 0.3869, 0.5456]
    assert ((batch.frac_coords >= 0) & (batch.frac_coords < 1)).all()


@pytest.mark.parametrize("third", ["0.33", "0.333", "0.3333", "0.333333"])
def test_special_positions_typed_to_few_digits_stay_one_site(tmp_path: Path, third: str) -> None:
    text = HEAD.replace("P 1", "P -3 m 1").replace("loop_", "_cell_angle_gamma 120\nloop_")
    columns = ["label", "type_symbol", "fract_x", "fract_y", "fract_z"]
    names = "\n".join(f"_atom_site_{name}" for name in columns)
    two = str(round(1 - float(third), len(third) - 2))
    rows = f"Mg1 Mg 0 0 0\nO1 O {third} {two} 0.22\n"
    assert read(written(tmp_path, f"{text}{names}\n{rows}")).numbers.tolist() == [12, 8, 8]


def test_sites_on_top_of_each_other_are_not_merged(tmp_path: Path) -> None:
    path = sites(tmp_path, "label fract_x fract_y fract_z", "Mg1 0 0 0", "Fe1 0 0 0")
    (record,) = read_records(path)
    assert isinstance(record, Record)
    assert expand_record(record).numbers.tolist() == [12, 26]


@pytest.mark.parametrize(
    ("label", "number"),
    [("Ca1", 20), ("C1", 6), ("OW", 8), ("Ow2", 8), ("H1A", 1), ("AL1", 13), ("O1'", 8), ("D2", 1)],
)
@pytest.mark.filterwarnings("ignore::aiida_hpaint.science.structures.IsotopeWarning")
def test_labels_alone_tell_most_elements(tmp_path: Path, label: str, number: int) -> None:
    path = sites(tmp_path, "label fract_x fract_y fract_z", f'"{label}" 0 0 0')
    assert read(path).numbers.tolist() == [number]


@pytest.mark.parametrize("label", ["CA1", "SI2", "M1", "T1", "Dum1", "X", "?"])
def test_labels_that_leave_doubt_are_refused(tmp_path: Path, label: str) -> None:
    path = sites(tmp_path, "label fract_x fract_y fract_z", f"{label} 0 0 0")
    with pytest.raises(HostError, match=r"element is not clear .* _atom_site_type_symbol"):
        read(path)


def test_all_bad_sites_are_listed_at_once(files: Path) -> None:
    with pytest.raises(HostError) as caught:
        read(files / "unknown_site.cif")
    assert [problem.site for problem in caught.value.problems] == ["site W1", "site Mg2"]
    assert "is not clear from 'M'" in str(caught.value)
    assert "its position is 0.5 1/3 0" in str(caught.value)


def test_partial_occupancy_names_site_and_value(files: Path) -> None:
    message = r"partial_occupancy, site H1: its occupancy is 0.333. Choose one ordered"
    (record,) = read_records(files / "partial_occupancy.cif")
    assert isinstance(record, Record)
    with pytest.raises(HostError, match=message):
        expand_record(record)


def test_full_occupancy_may_be_rounded(tmp_path: Path) -> None:
    columns = "label fract_x fract_y fract_z occupancy"
    assert len(read(sites(tmp_path, columns, "Mg1 0 0 0 0.9999", "O1 .5 .5 .5 ."))) == 1


def test_an_occupancy_above_one_within_its_uncertainty_is_full(tmp_path: Path) -> None:
    columns = "label fract_x fract_y fract_z occupancy"
    batch = read(sites(tmp_path, columns, "Mg1 0 0 0 1.012(5)", "O1 .5 .5 .5 1.00(2)"))
    assert "three uncertainties were taken as 1: Mg1." in " ".join(batch.metadata[0]["notes"])
    with pytest.raises(HostError, match=r"site Mg1: its occupancy is 1.04\(1\)"):
        read(sites(tmp_path, columns, "Mg1 0 0 0 1.04(1)", "O1 .5 .5 .5 1"))


def test_deuterium_counts_as_hydrogen(files: Path) -> None:
    with pytest.warns(IsotopeWarning, match="deuterium: 2 D are treated as H"):
        batch = read(files / "deuterium.cif")
    assert batch.numbers.tolist() == [12, 8, 8, 1, 1]
    assert batch.metadata[0]["isotopes"] == {"D": 2}


def test_each_block_is_a_structure(tmp_path: Path, files: Path) -> None:
    texts = [
        (files / name).read_text("utf-8")
        for name in ("overlapping.cif", "no_symmetry.cif", "partial_occupancy.cif")
    ]
    texts.append("data_global\n_journal_year 1995\n")
    *bad, good = iter_hosts(written(tmp_path, "\n".join(texts)))
    assert isinstance(good, StructureBatch)
    assert good.labels == ("x-partial",)
    assert good.metadata[0]["block"] == "partial"
    assert [error.problems[0].label for error in bad] == ["x-overlapping", "x-none"]  # type: ignore[union-attr]


def test_angles_not_given_are_right(files: Path, tmp_path: Path) -> None:
    text = (files / "no_symmetry.cif").read_text("utf-8")
    path = written(tmp_path, text.replace("loop_", "_space_group_it_number 1\nloop_", 1))
    assert read(path).cells[0] == pytest.approx(np.eye(3) * 4.2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it lists no sites"),
        ("this is no CIF", "it is no readable CIF"),
        ("data_x\nloop_\n_atom_site_fract_x\n", "is no readable CIF|has no cell|lists no sites"),
        (HEAD.replace("a 4.2", "a ?") + "_atom_site_fract_x\n0\n", "_cell_length_a is ?"),
        (HEAD.replace("a 4.2", "a -1") + "_atom_site_fract_x\n0\n", "_cell_length_a is -1"),
    ],
)
def test_what_is_no_structure_is_said(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(HostError, match=message.replace("?", r"\?")):
        read(written(tmp_path, text))


def test_data_names_in_any_case_and_with_dots(tmp_path: Path, files: Path) -> None:
    text = (files / "overlapping.cif").read_text("utf-8").replace("0.97", "0.27")
    text = text.replace("_atom_site_fract", "_ATOM_SITE.fract").replace(
        "_cell_length", "_Cell.length"
    )
    assert len(read(written(tmp_path, text)).numbers) == 3
