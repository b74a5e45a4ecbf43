"""Crystals in settings that are not the standard one, in all formats, read by other programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import ase.io
import gemmi
import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp import Poscar

from aiida_hpaint.science.structures import (
    StructureBatch,
    add_sites,
    prepare_hosts,
    read_hosts,
    write_restored,
)
from aiida_hpaint.science.structures.writing.files import FORMATS
from aiida_hpaint.science.structures.writing.source import drop_source_texts

SITES = {"Ca1": (0.11, 0.23, 0.31), "O1": (0.35, 0.12, 0.17), "Cl1": (0.12, 0.43, 0.07)}
HYDROGEN = (0.43, 0.13, 0.11)

SETTINGS: dict[str, tuple[float, ...]] = {
    "P 1 21/n 1": (9.1, 10.3, 8.2, 90, 97, 90),
    "I 1 2/a 1": (12.1, 10.3, 11.2, 90, 103, 90),
    "B 1 1 2/b": (12.1, 11.3, 10.2, 90, 90, 101),
    "P 1 1 21/b": (9.1, 8.3, 10.2, 90, 90, 98),
    "A 1 1 2/a": (9.1, 11.3, 12.2, 90, 90, 95),
    "C -1": (12.1, 10.3, 9.2, 93, 97, 101),
}
"""Cells by the symbols of their settings; all sites are in general positions."""


def list_operations(symbol: str) -> list[gemmi.Op]:
    if symbol == "C -1":
        return [gemmi.Op(t) for t in ("x,y,z", "-x,-y,-z", "x+1/2,y+1/2,z", "-x+1/2,-y+1/2,-z")]
    return list(gemmi.find_spacegroup_by_name(symbol).operations())


def write_like_olex2(symbol: str, cell: tuple[float, ...], operations: list[str]) -> str:
    names = ("label", "type_symbol", "fract_x", "fract_y", "fract_z", "U_iso_or_equiv", "adp_type")
    more = ("occupancy", "site_symmetry_order", "calc_flag", "refinement_flags_posn")
    rows = [
        f"{label} {label[:-1]} {x:.4f}(3) {y:.4f}(3) {z:.4f}(3) 0.0200(3) Uiso 1 1 d ."
        for label, (x, y, z) in SITES.items()
    ]
    return "\n".join(
        [
            "data_olex2",
            *make_head(symbol, cell, len(operations), "_space_group_name_H-M_alt"),
            "loop_\n_space_group_symop_id\n_space_group_symop_operation_xyz",
            *(f"{number} '{each}'" for number, each in enumerate(operations, 1)),
            "loop_",
            *(f"_atom_site_{name}" for name in (*names, *more)),
            *rows,
        ]
    )


def write_like_icsd(symbol: str, cell: tuple[float, ...], operations: list[str]) -> str:
    names = ("label", "type_symbol", "symmetry_multiplicity", "Wyckoff_symbol")
    more = ("fract_x", "fract_y", "fract_z", "B_iso_or_equiv", "occupancy")
    charged = {"Ca1": "Ca2+", "O1": "O2-", "Cl1": "Cl1-"}
    rows = [
        f"{label} {charged[label]} {len(operations)} f {x} {y} {z} . 1."
        for label, (x, y, z) in SITES.items()
    ]
    return "\n".join(
        [
            "data_icsd",
            *make_head(symbol, cell, len(operations), "_symmetry_space_group_name_H-M"),
            "loop_\n_symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz",
            *(f"{number} '{each}'" for number, each in enumerate(operations, 1)),
            "loop_\n_atom_type_symbol\n_atom_type_oxidation_number\nCa2+ 2\nO2- -2\nCl1- -1",
            "loop_",
            *(f"_atom_site_{name}" for name in (*names, *more)),
            *rows,
        ]
    )


def write_like_vesta(symbol: str, cell: tuple[float, ...], operations: list[str]) -> str:
    names = ("label", "occupancy", "fract_x", "fract_y", "fract_z", "adp_type", "type_symbol")
    rows = [
        f"   {label}  1.0  {x:.6f}  {y:.6f}  {z:.6f}  Uiso {label[:-1]}"
        for label, (x, y, z) in SITES.items()
    ]
    return "\n".join(
        [
            "data_VESTA_phase_1",
            *make_head(symbol, cell, len(operations), "_space_group_name_H-M_alt"),
            "loop_\n_space_group_symop_operation_xyz",
            *(f"   '{each}'" for each in operations),
            "loop_",
            *(f"   _atom_site_{name}" for name in names),
            *rows,
        ]
    )


def make_head(symbol: str, cell: tuple[float, ...], units: int, name: str) -> list[str]:
    parts = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    return [
        f"_chemical_formula_sum 'Ca Cl H O'\n_cell_formula_units_Z {units}\n{name} '{symbol}'",
        *(f"_cell_{part} {value}" for part, value in zip(parts, cell, strict=True)),
    ]


def write_shelx(symbol: str, cell: tuple[float, ...], operations: list[str]) -> str:
    """Write a .res of a centrosymmetric group: SYMM has one of each pair about the origin."""
    lattice = {"P": 1, "I": 2, "A": 5, "B": 6, "C": 7}[symbol[0]]
    centring = {2: "1/2,1/2,1/2", 5: "0,1/2,1/2", 6: "1/2,0,1/2", 7: "1/2,1/2,0"}.get(lattice)
    known = {"x,y,z", "-x,-y,-z"}
    listed = []
    for each in operations:
        inverse = (gemmi.Op("-x,-y,-z") * gemmi.Op(each)).wrap().triplet()
        shifted = [(gemmi.Op(each)).triplet()]
        if centring is not None:
            x, y, z = centring.split(",")
            shift = gemmi.Op(f"x+{x},y+{y},z+{z}")
            shifted += [(shift * gemmi.Op(one)).wrap().triplet() for one in (each, inverse)]
        if not known & {inverse, *shifted}:
            listed.append(each)
        known |= {each, inverse}
    counts = " ".join([str(len(operations))] * 4)
    return "\n".join(
        [
            "TITL x",
            "CELL 0.71073 " + " ".join(map(str, cell)),
            f"ZERR {len(operations)} 0 0 0 0 0 0",
            f"LATT {lattice}",
            *(f"SYMM {each}" for each in listed if each != "x,y,z"),
            f"SFAC Ca O Cl H\nUNIT {counts}\nFVAR 1.0",
            *(
                f"{label} {kind} {x} {y} {z} 11 0.02"
                for kind, (label, (x, y, z)) in enumerate(SITES.items(), 1)
            ),
            "HKLF 4\nEND",
        ]
    )


Write = Callable[[str, tuple[float, ...], list[str]], str]


def make_answer(
    symbol: str, write: Write, suffix: str, folder: Path
) -> tuple[StructureBatch, StructureBatch]:
    """Return a host that was read from a file, and it with the H that its operations make."""
    operations = [each.triplet() for each in list_operations(symbol)]
    path = folder / f"host{suffix}"
    path.write_text(write(symbol, SETTINGS[symbol], operations) + "\n")
    host, problems = prepare_hosts(path)
    assert host is not None, problems
    assert int(host.inserted.sum()) == len(operations)
    images = [gemmi.Op(each).apply_to_xyz(list(HYDROGEN)) for each in operations]
    frac = np.concatenate([host.frac_coords[~host.inserted], np.array(images)])
    return host, replace(drop_source_texts(host), frac_coords=frac)


def compare(numbers: np.ndarray, frac: np.ndarray, answer: StructureBatch) -> None:
    """Check that a program reads the sites of the answer, in any order, within 0.01 Å."""
    assert sorted(numbers.tolist()) == sorted(answer.numbers.tolist())
    for number in np.unique(answer.numbers):
        shifts = frac[numbers == number][:, None] - answer.frac_coords[answer.numbers == number]
        lengths = np.linalg.norm((shifts - np.rint(shifts)) @ answer.cells[0], axis=-1)
        assert max(lengths.min(0).max(), lengths.min(1).max()) < 0.01


def read_atoms(path: Path, form: str) -> tuple[np.ndarray, np.ndarray]:
    atoms = ase.io.read(path, format=form)
    return atoms.numbers, atoms.get_scaled_positions()


def get_sites(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    return np.array([site.specie.Z for site in structure]), structure.frac_coords


def read_all(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read a file with each program that knows its format."""
    if path.suffix == ".cif":
        sites = gemmi.read_small_structure(str(path)).get_all_unit_cell_sites()
        numbers = np.array([site.element.atomic_number for site in sites])
        parsed = (numbers, np.array([site.fract.tolist() for site in sites]))
        ours = Structure.from_file(str(path), primitive=False)
        return [parsed, get_sites(ours), read_atoms(path, "cif")]
    if path.suffix == ".vasp":
        return [get_sites(Poscar.from_file(path).structure), read_atoms(path, "vasp")]
    if path.suffix == ".extxyz":
        return [read_atoms(path, "extxyz")]
    if path.suffix == ".json":
        return [get_sites(Structure.from_dict(json.loads(path.read_text("utf-8"))))]
    batch = read_hosts(path)  # no other program at hand reads SHELX with its symmetry
    return [(batch.numbers, batch.frac_coords)]


@pytest.mark.parametrize("symbol", SETTINGS)
@pytest.mark.parametrize(
    ("write", "suffix"),
    [
        (write_like_olex2, ".cif"),
        (write_like_icsd, ".cif"),
        (write_like_vesta, ".cif"),
        (write_shelx, ".res"),
    ],
)
def test_other_programs_read_what_was_restored(
    symbol: str, write: Write, suffix: str, tmp_path: Path
) -> None:
    host, answer = make_answer(symbol, write, suffix, tmp_path)
    files = write_restored(answer, tmp_path, "x", host=host, formats=tuple(FORMATS))
    assert len(files) == 2 * len(FORMATS)
    for path in files:
        for numbers, frac in read_all(path):
            compare(numbers, frac, answer)


def test_other_elements_are_inserted_too(tmp_path: Path) -> None:
    host, _ = make_answer("P 1 21/n 1", write_like_vesta, ".cif", tmp_path)
    bare = replace(host, metadata=tuple({**each, "budget": {}} for each in host.metadata))
    both = add_sites(bare, {"Li": 1})
    frac = both.frac_coords.copy()
    frac[both.inserted] = np.random.default_rng(0).random((int(both.inserted.sum()), 3))
    answer = replace(drop_source_texts(both), frac_coords=frac)
    for path in write_restored(answer, tmp_path, "x", host=both, formats=tuple(FORMATS)):
        for numbers, found in read_all(path):
            compare(numbers, found, answer)


def test_letters_of_a_lost_space_group_are_not_kept(tmp_path: Path) -> None:
    host, answer = make_answer("P 1 21/n 1", write_like_icsd, ".cif", tmp_path)
    frac = answer.frac_coords.copy()
    frac[-1] += 0.05
    lower = replace(answer, frac_coords=frac)
    for one, letters in ((answer, {"f", "?"}), (lower, {"?"})):
        first, _ = write_restored(one, tmp_path, "x", host=host)
        block = gemmi.cif.read(str(first)).sole_block()
        assert set(block.find_values("_atom_site_Wyckoff_symbol")) == letters
