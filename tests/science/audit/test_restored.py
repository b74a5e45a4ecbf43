"""Audit of hydrogen by restoring it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint.science.audit import audit_by_restoring
from aiida_hpaint.science.audit.restored import _compare_energies
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.structures import StructureBatch, read_hosts
from aiida_hpaint.science.structures.insertion import remove_sites

BRUCITE = Path(__file__).parents[3] / "examples" / "references" / "brucite.cif"


def read() -> StructureBatch:
    return remove_sites(read_hosts(BRUCITE))[1]


@pytest.mark.parametrize(
    ("moved", "lower", "level"),
    [(0.1, 0.0, "G"), (0.1, 0.5, "G"), (1.0, 0.03, "A"), (1.0, 0.01, "B"), (1.0, 0.002, "C")],
)
def test_another_arrangement_is_rated_by_its_energy(moved: float, lower: float, level: str) -> None:
    published = read().with_scalars(energy=[-20.0])
    coords = published.frac_coords.copy()
    coords[np.flatnonzero(published.inserted)[0], 2] += moved / published.cells[0][2, 2]
    best = published.with_coords(coords).with_scalars(energy=[-20.0 - 5 * lower])
    alert = _compare_energies(best, published, "a potential")
    assert alert.level == level
    if moved > 0.3:
        assert f"{1000 * lower:.0f} meV/atom by a potential" in alert.detail


@pytest.mark.slow
def test_hydrogen_in_a_wrong_place_is_found_by_restoring() -> None:
    settings = load_protocol("fast", {"sampling": {"samples": 3}})
    assert [alert.level for alert in audit_by_restoring(read(), settings)] == ["G"]
    wrong = read()
    coords = wrong.frac_coords.copy()
    coords[wrong.inserted] = [[0.0, 0.0, 0.5], [0.5, 0.5, 0.0]]
    alerts = audit_by_restoring(wrong.with_coords(coords), settings)
    assert alerts[0].level == "A"
