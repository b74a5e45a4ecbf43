"""Hosts from all kinds of sources, good ones beside bad ones."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ase.io
import numpy as np
import pytest
from ase.build import bulk, molecule
from pymatgen.core import Molecule, Structure
from pymatgen.io.vasp import Poscar

from aiida_hpaint.science.structures import (
    HostError,
    StructureBatch,
    concatenate,
    partition_hosts,
    prepare_hosts,
    read_hosts,
    save_npz,
    to_ase,
    to_pymatgen,
    write_extxyz,
)


def node(structure: Any, **attributes: Any) -> SimpleNamespace:
    """Something that gives a pymatgen structure, as AiiDA's StructureData does."""
    return SimpleNamespace(get_pymatgen=lambda: structure, **attributes)


def test_all_kinds_of_sources_give_the_same_crystal(
    tmp_path: Path, rock_salt: StructureBatch
) -> None:
    structure, atoms = to_pymatgen(rock_salt)[0], to_ase(rock_salt)[0]
    write_extxyz(rock_salt, tmp_path / "a.extxyz")
    save_npz(rock_salt, tmp_path / "a.npz")
    Poscar(structure).write_file(tmp_path / "POSCAR", significant_figures=16)
    Poscar(structure).write_file(tmp_path / "a.vasp", significant_figures=16)
    ase.io.write(tmp_path / "plain.xyz", atoms, format="extxyz", columns=["symbols", "positions"])
    ase.io.write(tmp_path / "a.cif", atoms)
    ase.io.write(tmp_path / "a.xsf", atoms)
    paths: list[Any] = [str(path) for path in sorted(tmp_path.iterdir())]
    hosts = read_hosts([*paths, structure, atoms, node(structure, label="node"), rock_salt])
    assert len(hosts) == 11
    for one in hosts:
        assert one.numbers.tolist() == rock_salt.numbers.tolist()
        assert one.cells[0] == pytest.approx(rock_salt.cells[0], abs=1e-6)
        apart = one.frac_coords - rock_salt.frac_coords  # ASE writes CIFs with 0 for 1
        assert apart - np.round(apart) == pytest.approx(0.0, abs=1e-6)
        assert not one.inserted.any()


@pytest.mark.parametrize("kind", ["path", "Path", "structure", "atoms", "batch", "node"])
def test_a_single_source_needs_no_list(
    tmp_path: Path, rock_salt: StructureBatch, kind: str
) -> None:
    write_extxyz(rock_salt, tmp_path / "a.extxyz")
    sources = {
        "path": str(tmp_path / "a.extxyz"),
        "Path": tmp_path / "a.extxyz",
        "structure": to_pymatgen(rock_salt)[0],
        "atoms": to_ase(rock_salt)[0],
        "batch": rock_salt,
        "node": node(to_pymatgen(rock_salt)[0]),
    }
    hosts = read_hosts(sources[kind])
    assert np.array_equal(hosts.frac_coords, rock_salt.frac_coords)


def test_direct_coordinates_of_a_poscar_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "POSCAR-spinel.vasp"
    path.write_text(
        "any comment\n1.0\n4 0 0\n0.1 4 0\n0 0 4\nO Mg O\n1 1 1\nSelective dynamics\nDirect\n"
        "0.1 -0.25 1.7 T T F\n0.3333333333333333 0 0 T T T\n0.5 0.5 0.5 F F F\n"
    )
    hosts = read_hosts(path)
    assert hosts.labels == ("spinel",)
    assert hosts.metadata[0]["source"] == "POSCAR-spinel.vasp"
    assert hosts.numbers.tolist() == [8, 12, 8]
    assert hosts.frac_coords.tolist() == [[0.1, -0.25, 1.7], [1 / 3, 0, 0], [0.5, 0.5, 0.5]]
    assert hosts.cells[0].tolist() == [[4, 0, 0], [0.1, 4, 0], [0, 0, 4]]


def test_nodes_bring_label_and_uuid(rock_salt: StructureBatch) -> None:
    structure = to_pymatgen(rock_salt)[0]
    hosts = read_hosts([node(structure, label="my host", uuid="1234"), node(structure, label="")])
    assert hosts.labels == ("my host", "MgO")
    assert hosts.metadata[0]["uuid"] == "1234"


def test_oxidation_states_are_dropped() -> None:
    structure = Structure(np.eye(3) * 4.2, ["Mg2+", "O2-"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert read_hosts(structure).numbers.tolist() == [12, 8]


BAD = [
    ("overlapping.cif", "site O1: it is 0.21 Å from O2: it seems split"),
    ("no_cell.xyz", "it has no cell"),
    ("flat_cell.vasp", "its cell is flat"),
    ("no_elements.vasp", "is no readable POSCAR .*VASP 5"),
    ("dummy.extxyz", "it is no element"),
    ("cut_off.extxyz", "it says 3 sites and lists 1"),
    ("two_origins.cif", "leaves open which setting or origin it is: F d -3 m:1, F d -3 m:2"),
    ("no_symmetry.cif", "it gives no symmetry"),
    ("unknown_site.cif", "is not clear from 'M'"),
    ("nowhere.cif", "there is no such file"),
    (".", "it is a directory"),
]


@pytest.mark.parametrize(("name", "message"), BAD)
def test_bad_files_are_refused(files: Path, name: str, message: str) -> None:
    with pytest.raises(HostError, match=message):
        read_hosts(files / name)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (molecule("H2O"), "H2O: it has no cell"),
        (node(Molecule(["H"], [[0, 0, 0]]), label="gas"), "gas: it has no cell"),
        (node(None), "it has no cell"),
        (SimpleNamespace(get_pymatgen=lambda: 1 / 0, label="odd"), "odd: it gives no pymatgen"),
        (4, "object of type int: it is no structure. Give a path"),
    ],
)
def test_bad_objects_are_refused(source: Any, message: str) -> None:
    with pytest.raises(HostError, match=message):
        read_hosts([source])


def test_unknown_formats_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("MgO is a nice crystal")
    with pytest.raises(HostError, match=r"notes.txt: its format cannot be read .* Convert it"):
        read_hosts(tmp_path / "notes.txt")


def test_no_sources_are_an_error() -> None:
    with pytest.raises(ValueError, match="no hosts were given"):
        read_hosts([])


def test_a_campaign_goes_on_with_the_good_ones(files: Path, examples: Path) -> None:
    sources = [files / name for name, _ in BAD] + [examples / "hosts" / "brucite.cif"]
    hosts, problems = partition_hosts(sources)
    assert hosts is not None
    # The file with a dummy and the file that is cut off hold a good frame each.
    assert hosts.labels == ("good-one", "MgO", "brucite")
    assert len(problems) == len(BAD) + 1
    with pytest.raises(HostError) as caught:
        read_hosts(sources)
    assert caught.value.problems == problems
    assert partition_hosts(files / "no_cell.xyz")[0] is None


def test_hosts_and_problems_of_the_same_name_are_told_apart(examples: Path, tmp_path: Path) -> None:
    text = (examples / "hosts" / "brucite.cif").read_text()
    for folder, content in {"a": text, "b": text, "c": text.replace("0.333", "x.333")}.items():
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "brucite.cif").write_text(content)
    hosts, problems = prepare_hosts(sorted(tmp_path.glob("*/*.cif")))
    assert hosts is not None
    assert hosts.labels == ("a/brucite", "b/brucite")
    assert {problem.label for problem in problems} == {"c/brucite"}
    assert hosts.metadata[0]["source"] == "brucite.cif"


def test_starting_points_of_one_host_keep_its_label(examples: Path) -> None:
    one = read_hosts(examples / "hosts" / "brucite.cif")
    points = concatenate([one, one, one]).with_scalars(host=[0, 0, 1])
    hosts, problems = prepare_hosts(points, {"H": 2})
    assert hosts is not None
    assert not problems
    assert hosts.labels == ("brucite", "brucite", "brucite-2")


def test_preparing_counts_host_by_host(examples: Path, files: Path) -> None:
    names = ["brucite", "sodium_alanate"]
    paths = [examples / "hosts" / f"{name}.cif" for name in names]
    complete = examples / "references" / "brucite.cif"
    hosts, problems = prepare_hosts([*paths, complete, bulk("Fe"), files / "flat_cell.vasp"])
    assert hosts is not None
    assert hosts.labels == ("hosts/brucite", "sodium_alanate")
    assert hosts.insert_counts.tolist() == [2, 16]
    assert [str(problem).partition(".")[0] for problem in problems[:2]] == [
        "references/brucite: nothing is missing: _chemical_formula_sum: 'H2 Mg O2' times 1 gives 2 "
        "H in the cell, and 2 listed",
        "Fe: its file does not say how many H it lacks",
    ]
    assert len(problems) == 3


def test_preparing_adds_what_is_asked(examples: Path) -> None:
    hosts, problems = prepare_hosts(examples / "hosts" / "brucite.cif", "H:2,Li:1")
    assert hosts is not None
    assert not problems
    assert hosts.numbers.tolist() == [12, 8, 8, 1, 1, 3]
    again, problems = prepare_hosts(hosts)
    assert again is not None
    assert again.equals(hosts)
    with pytest.raises(ValueError, match="is negative"):
        prepare_hosts(hosts, "H:-1")


def test_results_are_hosts_beside_other_hosts(tmp_path: Path, rock_salt: StructureBatch) -> None:
    results = rock_salt.with_scalars(host=[0], rank=[0], energy=[-1.0])
    write_extxyz(results, tmp_path / "candidates.extxyz")
    save_npz(rock_salt, tmp_path / "other.npz")
    hosts = read_hosts([tmp_path / "other.npz", tmp_path / "candidates.extxyz"])
    assert hosts.scalars == {}
    assert "notes" not in hosts.metadata[0]
    note = hosts.metadata[1]["notes"][-1]
    assert note == "Left out, as other hosts have none of it: host, rank, energy."
