"""A source with all that a refinement leaves: uncertainties, tensors, flags, geometry."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from gemmi import cif
from whole_cells import find_largest_distance

import aiida_hpaint.science.structures.writing as writing
from aiida_hpaint.science.structures import StructureBatch, add_sites, read_hosts, write_cif

SOURCE = """\
data_made_up
_audit_creation_method 'SHELXL-2018/3'
_chemical_formula_sum 'C2 H4 O2'
_chemical_formula_weight 60.05
_cell_formula_units_Z 4
_cell_length_a 5.012(2)
_cell_length_b 7.305(3)
_cell_length_c 9.118(4)
_cell_angle_alpha 90
_cell_angle_beta 101.20(3)
_cell_angle_gamma 90
_cell_volume 327.5(2)
_cell_measurement_temperature 120(2)
_symmetry_space_group_name_H-M 'P 21/n'
_refine_ls_R_factor_gt 0.0312
loop_
_symmetry_equiv_pos_as_xyz
'x, y, z'
'-x+1/2, y+1/2, -z+1/2'
'-x, -y, -z'
'x-1/2, -y-1/2, z-1/2'
loop_
_atom_type_symbol
_atom_type_description
C C
O O
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_U_iso_or_equiv
_atom_site_adp_type
_atom_site_occupancy
_atom_site_attached_hydrogens
_atom_site_calc_flag
_atom_site_refinement_flags_posn
_atom_site_refinement_flags_adp
_atom_site_disorder_group
C1 C 0.1012(3) 0.2034(2) 0.3021(2) 0.0200(3) Uani 1 3 d . . .
C2 C 0.2520(3) 0.3590(2) 0.2410(2) 0.0180(3) Uani 1 0 d . . .
O1 O 0.4510(3) 0.3310(2) 0.1550(2) 0.0240(3) Uani 1 1 d . . .
O2 O 0.2010(3) 0.5190(2) 0.2730(2) 0.0300(3) Uiso 1 0 d . . .
loop_
_atom_site_aniso_label
_atom_site_aniso_U_11
_atom_site_aniso_U_22
_atom_site_aniso_U_33
_atom_site_aniso_U_12
_atom_site_aniso_U_13
_atom_site_aniso_U_23
C1 0.0210(7) 0.0190(7) 0.0200(7) 0.0010(5) 0.0040(5) -0.0020(5)
C2 0.0180(7) 0.0170(7) 0.0190(7) 0.0000(5) 0.0030(5) 0.0010(5)
O1 0.0240(7) 0.0230(7) 0.0250(7) 0.0020(5) 0.0080(5) 0.0030(5)
loop_
_geom_bond_atom_site_label_1
_geom_bond_atom_site_label_2
_geom_bond_distance
_geom_bond_site_symmetry_2
_geom_bond_publ_flag
C1 C2 1.52(2) . ?
"""


@pytest.fixture
def host(tmp_path: Path) -> StructureBatch:
    """A molecule like acetic acid without its H."""
    path = tmp_path / "made_up.cif"
    path.write_text(SOURCE, "utf-8")
    return add_sites(read_hosts(path), "H:16")


@pytest.fixture
def answer(host: StructureBatch) -> StructureBatch:
    """The host with its H at idealised positions, and the notes and models of a restoration."""
    cell, coords = host.cells[0], host.frac_coords.copy()
    operations = [gemmi.Op(text) for text in read_operations(SOURCE)]
    carbon, oxygen = coords[0], coords[8]
    directions = [(-1, 0.2, 0.3), (0.2, -0.9, -0.3), (0.4, -0.3, 0.9)]
    sites = [carbon + 1.08 * unit(vector) @ np.linalg.inv(cell) for vector in directions]
    sites.append(oxygen + 0.98 * unit((0.8, 0.5, -0.2)) @ np.linalg.inv(cell))
    images = [operation.apply_to_xyz(site.tolist()) for site in sites for operation in operations]
    coords[host.inserted] = images
    metadata = {key: value for key, value in host.metadata[0].items() if key != "record"}
    metadata["checks"] = {"failed": [], "notices": ["C1 moved by 0.4 Å"]}
    models = (
        {"stage": "sample", "model": {"name": "some-generator", "sha256": "ab" * 32}},
        {"stage": "relax_all", "model": {"name": "some-potential", "sha256": "cd" * 32}},
    )
    return replace(host, frac_coords=coords, metadata=(metadata,), history=models)


def unit(vector: tuple[float, float, float]) -> np.ndarray:
    return np.array(vector) / np.linalg.norm(vector)


def read_operations(text: str) -> list[str]:
    values = cif.read_string(text).sole_block().find_values("_symmetry_equiv_pos_as_xyz")
    return [cif.as_string(value) for value in values]


def break_symmetry(answer: StructureBatch) -> StructureBatch:
    """Turn one H and its inverse away, so that only these two operations are left."""
    coords = answer.frac_coords.copy()
    coords[[-4, -2]] += np.array([[0.1, 0.02, 0.0], [-0.1, -0.02, 0.0]])
    return answer.with_coords(coords)


def test_rows_of_hydrogen_have_all_columns(host: StructureBatch, answer: StructureBatch) -> None:
    block = cif.read_string(write_cif(answer, host=host)).sole_block()
    names = ["label", "type_symbol", "U_iso_or_equiv", "adp_type", "occupancy", "calc_flag"]
    names += ["refinement_flags_posn", "refinement_flags_adp", "calc_attached_atom"]
    rows = [list(row) for row in block.find("_atom_site_", names)]
    assert rows[4:] == [
        ["H1A", "H", "0.03", "Uiso", "1", "c", "R", "U", "C1"],
        ["H1B", "H", "0.03", "Uiso", "1", "c", "R", "U", "C1"],
        ["H1C", "H", "0.03", "Uiso", "1", "c", "R", "U", "C1"],
        ["H1", "H", "0.036", "Uiso", "1", "c", "R", "U", "O1"],
    ]
    attached = list(block.find_values("_atom_site_attached_hydrogens"))
    assert attached == ["0"] * 8
    assert list(block.find_values("_atom_site_fract_x"))[:2] == ["0.1012(3)", "0.2520(3)"]
    assert list(block.find_values("_atom_type_symbol")) == ["C", "O", "H"]


def test_geometry_is_added_to_what_the_source_has(
    host: StructureBatch, answer: StructureBatch
) -> None:
    block = cif.read_string(write_cif(answer, host=host)).sole_block()
    bonds = [list(row) for row in block.find("_geom_bond_", ["atom_site_label_1", "distance"])]
    assert bonds == [["C1", "1.52(2)"], *[["C1", "1.080"]] * 3, ["O1", "0.980"]]


def test_what_put_them_there_is_written(host: StructureBatch, answer: StructureBatch) -> None:
    block = cif.read_string(write_cif(answer, host=host)).sole_block()
    texts = {item.pair[0]: cif.as_string(item.pair[1]) for item in block if item.pair is not None}
    assert texts["_aiida_hpaint_potential_name"] == "some-potential"
    assert texts["_aiida_hpaint_potential_sha256"] == "cd" * 32
    assert texts["_aiida_hpaint_generator_name"] == "some-generator"
    assert texts["_aiida_hpaint_source_file"] == "made_up.cif"
    assert texts["_aiida_hpaint_source_sha256"] == host.metadata[0]["source_hash"]
    assert texts["_aiida_hpaint_structure"] == "inserted"
    assert "_aiida_hpaint_search_potential_name" not in texts
    assert texts["_refine_ls_hydrogen_treatment"] == "noref"
    assert texts["_audit_creation_method"].startswith("SHELXL-2018/3; inserted sites by aiida-hp")
    assert "16 H per cell inserted" in texts["_audit_update_record"]
    checks = block.find("_aiida_hpaint_check_", ["outcome", "text"])
    assert [list(map(cif.as_string, row)) for row in checks] == [["notice", "C1 moved by 0.4 \\%A"]]


def test_the_potential_that_ranks_is_told_from_the_one_that_searched(
    host: StructureBatch, answer: StructureBatch
) -> None:
    last = {"stage": "rerank", "model": {"name": "better", "sha256": "ef" * 32}}
    both = replace(answer, history=(*answer.history, last)).with_scalars(ranked_by=["better"])
    block = cif.read_string(write_cif(both, host=host)).sole_block()
    found = [block.find_value(f"_aiida_hpaint_{name}") for name in ("potential_name", "ranked_by")]
    assert found == ["better", "better"]
    assert block.find_value("_aiida_hpaint_search_potential_name") == "some-potential"
    # It gave no energy: the first one ranks.
    block = cif.read_string(write_cif(both.with_scalars(ranked_by=["some-potential"]), host=host))
    assert block.sole_block().find_value("_aiida_hpaint_potential_name") == "some-potential"


def test_tensors_of_split_sites_are_turned_with_them(
    host: StructureBatch, answer: StructureBatch
) -> None:
    broken = break_symmetry(answer)
    text = write_cif(broken, host=host)
    assert find_largest_distance(text, broken) < 0.2
    block = cif.read_string(text).sole_block()
    assert len(block.find_values("_symmetry_equiv_pos_as_xyz")) == 2
    small = gemmi.make_small_structure_from_block(block)
    frames = {site.label: site for site in small.sites}
    assert {"C1", "C1_2", "O1", "O1_2"} <= set(frames)
    cell, inverse = np.array(small.cell.orth.mat.tolist()), np.array(small.cell.frac.mat.tolist())
    lengths = np.diag(np.linalg.norm(inverse, axis=1))

    def make_tensor(label: str) -> np.ndarray:
        tensor = np.array(frames[label].aniso.as_mat33().tolist())
        return np.asarray(cell @ lengths @ tensor @ lengths @ cell.T)

    first, second = make_tensor("C1"), make_tensor("C1_2")
    turned = [
        cell @ np.array(gemmi.Op(text).rot) / gemmi.Op.DEN @ inverse
        for text in read_operations(SOURCE)
    ]
    assert any(np.allclose(r @ first @ r.T, second, atol=1e-4) for r in turned)
    assert np.linalg.eigvalsh(first) == pytest.approx(np.linalg.eigvalsh(second), abs=1e-4)
    assert "1.52(2)" not in text
    notes = " ".join(" ".join(block.find_values("_aiida_hpaint_note_text")).split())
    assert "geometry of the source was removed" in notes


@pytest.mark.parametrize("version", ["inserted", "relaxed"])
@pytest.mark.parametrize("breaks", [False, True])
def test_the_dictionaries_know_and_accept_everything(
    host: StructureBatch, answer: StructureBatch, version: writing.Version, breaks: bool
) -> None:
    shown: list[str] = []
    rules = cif.Ddl(logger=shown.append, print_unknown_tags=True)
    rules.read_ddl(cif.read(str(Path(__file__).parent / "files" / "core.dic")))
    rules.read_ddl(cif.read(str(Path(writing.__file__).with_name("aiida_hpaint.dic"))))
    scored = answer.with_scalars(energy=[-1.0], rank=[0], status=["converged"])
    chosen = break_symmetry(scored) if breaks else scored
    assert rules.validate_cif(cif.read_string(write_cif(chosen, host=host, version=version)))
    assert shown == []


def test_a_wrong_formula_is_corrected(host: StructureBatch, answer: StructureBatch) -> None:
    text = host.metadata[0]["record"]["text"].replace("C2 H4 O2", "C2 O2")
    metadata = {**host.metadata[0], "record": {"text": text, "format": "cif"}}
    changed = replace(host, metadata=(metadata,))
    block = cif.read_string(write_cif(answer, host=changed)).sole_block()
    assert cif.as_string(block.find_value("_chemical_formula_sum")) == "C2 H4 O2"
    assert block.find_value("_chemical_formula_weight") == "60.05"
    assert "formula of the source" in " ".join(block.find_values("_aiida_hpaint_note_text"))
