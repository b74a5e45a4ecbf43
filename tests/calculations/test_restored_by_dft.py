"""What density-functional theory restored is checked as other answers are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.structures import prepare_hosts, read_hosts, remove_inserted, to_pymatgen

ROOT = Path(__file__).parents[2]
BRUCITE = ROOT / "examples" / "hosts" / "brucite.cif"


def make_nodes(moves: list[float]) -> tuple[Any, Any, Any]:
    """Host, its node, and a node with H at the published place moved along c, in Å."""
    from aiida.orm import StructureData

    hosts, _ = prepare_hosts(BRUCITE)
    assert hosts is not None
    host = hosts[0]
    published = read_hosts(ROOT / "examples" / "references" / "brucite.cif")
    frac = host.frac_coords.copy()
    frac[host.inserted] = published.frac_coords[published.numbers == 1]
    frac[host.inserted, 2] += np.array(moves) / np.linalg.norm(host.cells[0][2])
    answer = to_pymatgen(host.with_coords(frac))[0]
    bare = to_pymatgen(remove_inserted(host))[0]
    for structure in (answer, bare):
        structure.remove_site_property("inserted")
    return host, StructureData(pymatgen=bare), StructureData(pymatgen=answer)


@pytest.mark.usefixtures("profile")
def test_a_good_answer_passes_and_a_stray_atom_fails() -> None:
    from aiida_hpaint.calculations.restored_by_dft import check_restored, read_restored

    host, bare, answer = make_nodes([0.0, 0.0])
    assert check_restored(answer, bare)["failed"] == []
    found = read_restored(answer, host)
    assert found.scalars["passes"].tolist() == [True]
    assert found.labels == ("brucite",)
    np.testing.assert_array_equal(found.inserted, host.inserted)
    _, _, stray = make_nodes([0.0, 1.0])
    assert check_restored(stray, bare)["failed"]
    checked = read_restored(stray, replace(host, scalars={"host": np.array([3])}))
    assert checked.scalars["passes"].tolist() == [False]
