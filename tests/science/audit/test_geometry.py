"""Audit of the surroundings of hydrogen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.science.audit import audit_geometry
from aiida_hpaint.science.structures import StructureBatch, from_ase, read_hosts, to_ase

REFERENCES = Path(__file__).parents[3] / "examples" / "references"


def read(name: str) -> StructureBatch:
    return read_hosts(REFERENCES / f"{name}.cif")


def stretch(crystal: StructureBatch, factor: float) -> StructureBatch:
    """Return a crystal whose H are `factor` times as far from their nearest neighbours."""
    (atoms,) = to_ase(crystal)
    distances = atoms.get_all_distances(mic=True, vector=True)
    lengths = np.linalg.norm(distances, axis=-1) + 1e6 * np.eye(len(atoms))
    for site in np.flatnonzero(atoms.numbers == 1):
        nearest = lengths[site].argmin()
        atoms.positions[site] -= (factor - 1) * distances[site, nearest]
    return replace(from_ase([atoms]), labels=crystal.labels)


@pytest.mark.parametrize("path", sorted(REFERENCES.glob("*.cif")), ids=lambda path: path.stem)
def test_neutron_structures_are_not_doubtful(path: Path) -> None:
    assert audit_geometry(read_hosts(path)) == []


@pytest.mark.parametrize(
    ("factor", "level", "name"),
    [
        (0.85, "G", "X-H as X-rays see it"),
        (0.7, "B", "X-H too short"),
        (1.3, "C", "X-H long"),
        (1.7, "A", "H bonded to nothing"),
    ],
)
def test_hydrogen_at_a_wrong_distance_is_found(factor: float, level: str, name: str) -> None:
    alerts = audit_geometry(stretch(read("brucite"), factor))
    assert (level, name) in [(alert.level, alert.name) for alert in alerts]


def test_the_command_rates_a_molecule_as_serious(tmp_path: Path) -> None:
    (atoms,) = to_ase(read("brucite"))
    hydrogen = np.flatnonzero(atoms.numbers == 1)
    atoms.positions[hydrogen] = [[1.5, 1.0, 2.4], [1.5, 1.0, 3.14]]
    path = tmp_path / "wrong.extxyz"
    atoms.write(path)
    result = CliRunner().invoke(main, ["audit", str(path), str(REFERENCES / "brucite.cif")])
    assert result.exit_code == 1
    assert "stray H2" in result.output
    result = CliRunner().invoke(main, ["audit", str(path), "--json"])
    (alerts,) = json.loads(result.stdout).values()
    assert alerts[0]["level"] == "A"


def test_without_hydrogen_there_is_nothing_to_audit() -> None:
    result = CliRunner().invoke(main, ["audit", str(REFERENCES.parent / "hosts" / "brucite.cif")])
    assert result.exit_code == 0
    assert "nothing to audit" in " ".join(result.output.split())
