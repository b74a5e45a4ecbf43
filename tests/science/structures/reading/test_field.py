"""Files as users have them: each kind is read as a crystallographer reads it, or refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher

from aiida_hpaint.science.structures import HostError, StructureBatch, to_pymatgen
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.hosts import iter_hosts
from aiida_hpaint.science.structures.reading import expand_record, read_records

FILES = Path(__file__).parent / "files"

BRUCITE = {"Mg": 1, "O": 2}
GYPSUM = {"Ca": 4, "S": 4, "O": 24}
OXALIC = {"C": 4, "O": 12}
LITHIA = {"Li": 2, "O": 2}

PLAIN = [
    *(
        (f"bru_{name}", BRUCITE)
        for name in (
            *("base.cif", "base.cif.gz", "bom.cif", "crlf.cif", "cr.cif", "utf16.cif"),
            *("semicolon_data.cif", "semicolon_shelx.cif", "formula_semicolon.cif"),
            *("cif2.cif", "mmcif.cif", "oldsym.cif", "hall.cif", "hm.cif", "hm_nospace.cif"),
            *("it.cif", "esd.cif", "round2.cif", "round066.cif", "charges.cif", "Z100.cif"),
            *("OH_type.cif", "D.cif", "attached.cif"),
        )
    ),
    *(
        (f"lab_{name}.cif", BRUCITE)
        for name in (
            *("O-H", "O-H1", "OH1", "Oh1", "OHa", "Ow", "OW1", "O_w", "O1W", "Aq1", "MG1"),
        )
    ),
    ("ms_label_only.cif", BRUCITE),
    ("phantom_text.cif", BRUCITE),
    ("pmg1415.cif", BRUCITE),
    ("lab2_Hw1.cif", {**BRUCITE, "H": 2}),
    ("lab2_Hh.cif", {**BRUCITE, "H": 2}),
    ("gyp_hm_I2a.cif", GYPSUM),
    ("gyp_amcsd_WatOW.cif", GYPSUM),
    ("ox_hm_n.cif", OXALIC),
    ("ox_hm_shelx.cif", OXALIC),
    ("ox_hm_shelx_only.cif", OXALIC),
    ("lioh_o1_S.cif", LITHIA),
    ("lioh_o2_Z.cif", LITHIA),
    ("lioh_o2_findsym.cif", LITHIA),
    ("nahf2_hex.cif", {"Na": 3, "F": 6}),
    ("nahf2_hex_h.cif", {"Na": 3, "F": 6}),
    ("nahf2_rh.cif", {"Na": 1, "F": 2}),
    ("bru.res", BRUCITE),
    ("x.res", OXALIC),
]
"""Files that need no note, and the content of their cells."""

NOTED = [
    ("bru_latin1.cif", BRUCITE, "not in UTF-8: it was read as Latin-1"),
    ("bru_cartn.cif", BRUCITE, "Cartesian coordinates were taken to be in the standard frame"),
    ("bru_Hdum000.cif", BRUCITE, "marked as dummies were left out: H1"),
    ("bru_Hocc0.cif", BRUCITE, "with occupancy 0 were left out: H1"),
    ("bru_Hq.cif", BRUCITE, "without a position were left out: H1"),
    ("gyp_Hdum000_one.cif", GYPSUM, "marked as dummies were left out: H1"),
    ("angle_missing.cif", BRUCITE, "_cell_angle_gamma is not given: it was taken as 90°"),
    ("modulated.cif", BRUCITE, "this is its average structure"),
    ("modulated_hm.cif", BRUCITE, "this is its average structure"),
    ("mag_nioh2.mcif", {"Ni": 2, "O": 4}, "without time reversal"),
    ("li_abw.cif", {"Li": 4, "Si": 4, "Al": 4, "O": 20}, "The identity is not among"),
    ("lab_W1.cif", BRUCITE, "W1 is O (W or O?)"),
    ("biphosphammite.cif", {"N": 4, "P": 4, "O": 16}, "does not hold together"),
]
"""Files that are read with a note."""

REFUSED = [
    ("gyp_nocentering_Z.cif", r"P2/c, No. 13.* contradicts the H-M symbol 'C 1 2/c 1' .*No. 15"),
    ("gyp_nocentering_noZ.cif", "contradicts the H-M symbol 'C 1 2/c 1'"),
    ("bru_hm_only_xyz_noformula.cif", "P1, No. 1.* contradicts the H-M symbol 'P -3 m 1'"),
    ("bru_nosym.cif", "it gives no symmetry"),
    ("ox_it14.cif", "14 leaves open .*: P 1 21/c 1, P 1 21/n 1, P 1 21/a 1"),
    ("lioh_o1_plain.cif", "leaves open which setting or origin it is"),
    ("lioh_o1_number.cif", "leaves open which setting or origin it is"),
    ("two_loops.cif", "block brucite gives _atom_site_fract_z twice"),
    ("bru_third.cif", "its position is 1/3 2/3 0.2203"),
    ("gyp_W1_add.cif", r"not clear from 'W1' \(W or O\?\).*_atom_site_type_symbol"),
    ("lab_W1_noformula.cif", r"'W1' \(W or O\?\)"),
    ("lab2_Ho1.cif", r"'Ho1' \(Ho or H\?\)"),
    ("lab2_Og1.cif", r"'Og1' \(Og or O\?\)"),
    ("POSCAR_v4", "VASP 5, with the element symbols"),
    ("nocell.xyz", "it has no cell"),
    ("slab.extxyz", "it is periodic in"),
    ("h_as_X.xyz", "it is no element"),
    ("bru.vesta", "Export it as CIF"),
]


def read(name: str) -> StructureBatch:
    (outcome,) = iter_hosts(FILES / name)
    if isinstance(outcome, HostError):
        raise outcome
    return outcome


def count(host: StructureBatch) -> dict[str, int]:
    return dict(Counter(get_symbol(number) for number in host.numbers.tolist()))


@pytest.mark.parametrize(("name", "content"), PLAIN)
@pytest.mark.filterwarnings("ignore::aiida_hpaint.science.structures.IsotopeWarning")
def test_these_are_read_without_a_note(name: str, content: dict[str, int]) -> None:
    host = read(name)
    assert count(host) == content
    assert host.metadata[0]["notes"] == []
    assert len(host.metadata[0]["site_labels"]) == len(host.numbers)


@pytest.mark.parametrize("name", [name for name, content in PLAIN if content is BRUCITE])
def test_brucite_is_the_same_crystal_in_every_spelling(name: str) -> None:
    found, base = (to_pymatgen(read(each))[0] for each in (name, "bru_base.cif"))
    matcher = StructureMatcher(ltol=1e-3, stol=0.02, primitive_cell=False, scale=False)
    assert matcher.fit(found, base)


@pytest.mark.parametrize(("name", "content", "note"), NOTED)
def test_these_are_read_with_a_note(name: str, content: dict[str, int], note: str) -> None:
    host = read(name)
    assert count(host) == content
    assert note in " ".join(host.metadata[0]["notes"])


@pytest.mark.parametrize(("name", "message"), REFUSED)
def test_these_are_refused(name: str, message: str) -> None:
    with pytest.raises(HostError, match=message):
        read(name)


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("two_blocks.cif", ["two_blocks-I", "two_blocks-II"]),
        ("two_same_block.cif", ["two_same_block-global-1", "two_same_block-global-2"]),
    ],
)
def test_each_block_is_a_host(name: str, labels: list[str]) -> None:
    hosts = [host for host in iter_hosts(FILES / name) if isinstance(host, StructureBatch)]
    assert [host.labels[0] for host in hosts] == labels
    assert [count(host) for host in hosts] == [BRUCITE, {"Ca": 1, "O": 2}]


@pytest.mark.parametrize("name", ["POSCAR_sd", "brucite_POSCAR", "bru.pwi", "bru.in"])
def test_formats_of_programs_are_read(name: str) -> None:
    host = read(name)
    assert count(host) == BRUCITE
    assert host.metadata[0]["source"] == name


def test_elements_in_the_title_of_a_poscar_are_taken_and_said() -> None:
    host = read("brucite_POSCAR")
    assert count(host) == BRUCITE
    assert "those of the title, as in files of VASP 4: Mg O." in host.metadata[0]["notes"][0]


def test_selective_dynamics_of_any_kind_change_nothing(tmp_path: Path) -> None:
    rows = (FILES / "POSCAR_sd").read_text("utf-8").split("\n")
    at = next(index for index, row in enumerate(rows) if row.lower().startswith(("direct", "cart")))
    listed = [f"{' '.join(row.split()[:3])} T T T" for row in rows[at + 1 : at + 4]]
    (tmp_path / "POSCAR").write_text("\n".join([*rows[: at + 1], *listed]) + "\n", "utf-8")
    (host,) = iter_hosts(tmp_path / "POSCAR")
    assert isinstance(host, StructureBatch)
    assert count(host) == BRUCITE


def test_each_frame_is_a_host() -> None:
    assert len(list(iter_hosts(FILES / "traj.extxyz"))) == 3


def test_mixed_type_symbols_are_sites_that_share_a_position() -> None:
    (record,) = read_records(FILES / "pmg440_pauling.cif")
    assert not isinstance(record, HostError)
    first, second = record.sites[:2]
    assert (first.symbol, first.occupancy) == ("Mg", 0.75)
    assert (second.symbol, second.occupancy) == ("Fe", 0.25)
    assert first.position == second.position
    with pytest.raises(HostError, match=r"Mg1-Mg: its occupancy is 0\.75"):
        expand_record(record)


def test_a_record_keeps_what_the_file_says() -> None:
    (record,) = read_records(FILES / "li_abw.cif")
    assert not isinstance(record, HostError)
    assert record.block == "8103382"
    assert record.space_group.hermann_mauguin == "P n a 21"
    assert record.space_group.hall == "P 2c -2n"
    assert record.units == 1
    assert record.formulas["structural"] == "|Li4(H2O)4| [Si4Al4O16]"
    assert [site.label for site in record.sites][:4] == ["Li", "Si", "Al", "O1"]
    assert "_symmetry_equiv_pos_as_xyz" in record.text
    assert len(record.source_hash) == 64


def test_attached_hydrogens_and_types_of_groups_are_kept() -> None:
    for name in ("bru_attached.cif", "bru_OH_type.cif"):
        (record,) = read_records(FILES / name)
        assert not isinstance(record, HostError)
        assert [site.attached_hydrogens for site in record.sites][-1] == 1


def test_charges_are_kept() -> None:
    (record,) = read_records(FILES / "bru_charges.cif")
    assert not isinstance(record, HostError)
    assert {site.charge for site in record.sites} <= {2.0, -2.0, -1.0}


def test_the_hash_is_that_of_the_file() -> None:

    path = FILES / "bru_base.cif.gz"
    assert (
        read(path.name).metadata[0]["source_hash"] == hashlib.sha256(path.read_bytes()).hexdigest()
    )


def test_cells_are_in_the_standard_frame() -> None:
    cell = read("bru_base.cif").cells[0]
    assert cell[0, 1:] == pytest.approx(np.zeros(2))
    assert cell[1, 2] == pytest.approx(0.0)
