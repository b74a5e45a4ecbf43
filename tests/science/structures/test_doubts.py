from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

from aiida_hpaint.science.structures import from_ase, prepare_hosts, read_hosts, remove_sites
from aiida_hpaint.science.structures.doubts import note_doubts

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.mark.parametrize(
    "path", sorted((EXAMPLES / "references").glob("*.cif")), ids=lambda p: p.stem
)
def test_real_hosts_raise_no_doubt(path: Path) -> None:
    host, _ = remove_sites(read_hosts(path), "H")
    assert note_doubts(host) is host


def test_a_metal_far_from_everything() -> None:
    box = Atoms("MgO2", positions=[[9, 9, 9], [1, 1, 1], [2.2, 1, 1]], cell=[18] * 3, pbc=True)
    [note] = note_doubts(from_ase([box])).metadata[0]["notes"]
    assert note == "Mg: no other atom is in reach of a bond: check cell and symmetry."


def test_oxygen_too_close_to_oxygen_of_another_polyhedron() -> None:
    column = Atoms("O3", positions=[[0, 0, z] for z in (0, 2.1, 4.2)], cell=[9, 9, 6.3], pbc=True)
    host, problems = prepare_hosts(column, "H:6")
    assert host is not None
    assert not problems
    assert any(note.startswith("O and O are 2.10 Å") for note in host.metadata[0]["notes"])


@pytest.mark.parametrize("centre", ["C", "N"])
def test_oxygen_around_one_atom_may_be_close(centre: str) -> None:
    turns = np.deg2rad([0, 120, 240])
    ring = 1.24 * np.stack([np.cos(turns), np.sin(turns), 0 * turns], axis=1)
    ion = Atoms(f"{centre}O3", positions=[[0, 0, 0], *ring], cell=[9] * 3, pbc=True)
    host = from_ase([ion])
    assert note_doubts(host) is host


def test_notes_come_after_those_of_the_reader() -> None:
    pair = from_ase([Atoms("FO", positions=[[0, 0, 0], [2.0, 0, 0]], cell=[9] * 3, pbc=True)])
    pair.metadata[0]["notes"] = ["as read"]  # type: ignore[index]
    assert len(note_doubts(pair).metadata[0]["notes"]) == 2
    assert pair.metadata[0]["notes"] == ["as read"]
