"""Other formats of restored crystals, and the two versions of each."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from pymatgen.core import Structure

from aiida_hpaint.science.structures import add_sites, read_extxyz, read_hosts, write_restored
from aiida_hpaint.science.structures.writing import FORMATS
from aiida_hpaint.science.structures.writing.crystal import describe_crystal
from aiida_hpaint.science.structures.writing.shelx import format_shelx

from .conftest import FILES, Crystal, make_crystal

BRUCITE = """\
TITL brucite, its own title
CELL 0.71 3.14979 3.14979 4.7702 90 90 120
ZERR 1 0.00004 0.00004 0.0007 0 0 0
LATT 1
SYMM -Y,X-Y,Z
SYMM -X+Y,-X,Z
SYMM Y,X,-Z
SYMM X-Y,-Y,-Z
SYMM -X,-X+Y,-Z
SFAC MG O
UNIT 1 2
L.S. 10
FVAR 0.5
Mg 1 0 0 0 10.08333 0.01
O 2 0.333333 0.666667 0.2203 10.16667 0.011 0.011 =
     0.012 0 0 0.0055
HKLF 4
END
"""


def test_each_format_has_both_versions(brucite_crystal: Crystal, tmp_path: Path) -> None:
    crystal = brucite_crystal
    written = write_restored(
        crystal.answer, tmp_path, "brucite", host=crystal.host, formats=tuple(FORMATS)
    )
    assert [path.name for path in written][:4] == [
        "brucite.cif",
        "brucite_relaxed.cif",
        "brucite.res",
        "brucite_relaxed.res",
    ]
    elements = sorted(crystal.answer.numbers.tolist())
    for path in written:
        assert path.is_file()
    poscar = ase.io.read(tmp_path / "brucite_relaxed.vasp", format="vasp")
    assert sorted(poscar.numbers.tolist()) == elements
    extxyz = read_extxyz(tmp_path / "brucite.extxyz")
    assert extxyz.inserted.tolist() == crystal.answer.inserted.tolist()
    structure = Structure.from_dict(json.loads((tmp_path / "brucite.json").read_text("utf-8")))
    assert structure.labels[-1] == "H"
    assert structure.site_properties["inserted"] == crystal.answer.inserted.tolist()


def test_without_a_host_there_is_one_version(brucite_crystal: Crystal, tmp_path: Path) -> None:
    written = write_restored(brucite_crystal.answer, tmp_path, "brucite", formats=["cif", "poscar"])
    assert [path.name for path in written] == ["brucite.cif", "brucite.vasp"]


def test_unknown_formats_are_refused(brucite_crystal: Crystal, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no format 'pdb': choose among cif, res"):
        write_restored(brucite_crystal.answer, tmp_path, "brucite", formats=["pdb"])


def test_shelx_files_hold_the_same_crystal(crystal: Crystal, tmp_path: Path) -> None:
    path = tmp_path / "out.res"
    path.write_text(format_shelx(describe_crystal(crystal.answer, crystal.host)), "ascii")
    read = read_hosts(path)
    for number in np.unique(crystal.answer.numbers):
        ours = crystal.answer.frac_coords[crystal.answer.numbers == number]
        theirs = read.frac_coords[read.numbers == number]
        assert len(ours) == len(theirs)
        shifts = ours[:, None] - theirs
        lengths = np.linalg.norm((shifts - np.rint(shifts)) @ read.cells[0], axis=-1)
        assert lengths.min(0).max() < 0.01


@pytest.mark.parametrize("treatment", ["riding", "restrained"])
def test_a_shelx_source_keeps_its_instructions(tmp_path: Path, treatment: str) -> None:
    source = tmp_path / "brucite.res"
    source.write_text(BRUCITE, "ascii")
    host = add_sites(read_hosts(source), "H:2")
    coords = host.frac_coords.copy()
    coords[-2:] = [[1 / 3, 2 / 3, 0.42], [2 / 3, 1 / 3, 0.58]]
    crystal = describe_crystal(host.with_coords(coords), host)
    text = format_shelx(crystal, treatment)  # type: ignore[arg-type]
    lines = text.splitlines()
    assert [line for line in BRUCITE.splitlines() if line not in lines] == ["UNIT 1 2"]
    assert "UNIT 1 2 2" in lines
    assert lines.index("SFAC H") < lines.index("UNIT 1 2 2")
    place = lines.index("     0.012 0 0 0.0055")
    assert lines[place + 1] == ("AFIX 3" if treatment == "riding" else "AFIX 0")
    expected = "H 3 0.333333 0.666667 0.420000 10.16667 -1.50000"
    assert " ".join(lines[place + 2].split()) == expected
    assert ("DFIX 0.953 0.02 O H" in lines) is (treatment == "restrained")
    (tmp_path / "again.res").write_text(text, "ascii")
    again = read_hosts(tmp_path / "again.res")
    assert sorted(again.numbers.tolist()) == [1, 1, 8, 8, 12]


def test_carbon_gets_the_geometry_that_shelxl_knows(tmp_path: Path) -> None:
    acetamide = make_crystal(FILES / "Acetamide_19020.cif", tmp_path)
    lines = format_shelx(describe_crystal(acetamide.answer, acetamide.host)).splitlines()
    codes = [line for line in lines if line.startswith("AFIX")]
    assert codes == ["AFIX 137", "AFIX 0", "AFIX 3", "AFIX 0"]
