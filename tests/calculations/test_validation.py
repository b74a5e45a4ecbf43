from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.build import bulk

from aiida_hpaint.science.structures import StructureBatch, from_ase

pytestmark = pytest.mark.usefixtures("profile")


@pytest.fixture
def ranked() -> StructureBatch:
    frames = [bulk("LiH", kind, a=4.02) for kind in ("rocksalt", "zincblende", "rocksalt")]
    batch = replace(from_ase(frames), labels=("a-1", "a-1", "b"))
    inserted = np.array([False, True] * 3)
    told = replace(batch, inserted=inserted, metadata=({}, {}, {"charge": 1}))
    return told.with_scalars(
        host=[0, 0, 1], rank=[0, 1, 0], energy=[-6.0, -5.9, -6.0], energy_above_best=[0, 0.05, 0]
    )


def test_chosen_structures_say_what_they_are(ranked: StructureBatch) -> None:
    from aiida.orm import Dict

    from aiida_hpaint.calculations.validation import choose_structures
    from aiida_hpaint.data.structure_batch import StructureBatchData

    references = StructureBatchData(ranked[[0, 2]].with_scalars(host=[0, 7]))
    choice = Dict({"candidates": None, "margin": 0.0})
    chosen = choose_structures(StructureBatchData(ranked), choice, references)
    assert sorted(chosen) == [
        "host_00000_rank_000",
        "host_00000_rank_001",
        "host_00000_reference",
        "host_00001_rank_000",
    ]
    facts = chosen["host_00000_rank_001"].base.attributes.get("hpaint")
    assert (facts["host"], facts["rank"], facts["row"], facts["role"]) == (0, 1, 1, "candidate")
    assert facts["inserted"] == [1]
    assert "charge" not in facts
    assert chosen["host_00001_rank_000"].base.attributes.get("hpaint")["charge"] == 1.0
    assert chosen["host_00000_reference"].label == "a-1"


def test_dft_starts_from_the_cell_of_the_candidate(ranked: StructureBatch) -> None:
    from aiida_hpaint.calculations.validation import make_dft_structures

    relaxed = replace(ranked, cells=ranked.cells * np.array([1.0, 1.1, 1.0])[:, None, None])
    starts = make_dft_structures(relaxed, None, None, 0.0)
    for key, row in (("host_00000_rank_000", 0), ("host_00000_rank_001", 1)):
        np.testing.assert_allclose(starts[key].cell, relaxed.cells[row])


def test_the_lowest_by_dft_of_each_host_is_kept(ranked: StructureBatch) -> None:
    from aiida.orm import Dict, StructureData

    from aiida_hpaint.calculations.validation import compare_validated, make_dft_structures

    starts = make_dft_structures(ranked, ranked[[0]], None, 0.0)
    energies = {"host_00000_rank_000": -10.0, "host_00000_rank_001": -10.5}
    energies |= {"host_00000_reference": -10.0}
    relaxed: dict[str, Dict | StructureData] = {}
    for key, start in starts.items():
        energy = energies.get(key)
        relaxed[f"{key}__start"] = start
        if energy is not None:
            relaxed[f"{key}__end"] = start.clone()
            relaxed[f"{key}__report"] = Dict({"status": "converged", "energy": energy, "jobs": 1})
    relaxed["host_00001_rank_000__report"] = Dict({"status": "failed", "message": "no such code"})
    found = compare_validated(**relaxed)
    assert list(found["structures"]) == ["host_00000"]
    lowest = found["structures"]["host_00000"]
    assert lowest.base.attributes.get("hpaint")["rank"] == 1
    assert lowest.base.attributes.get("hpaint")["inserted"] == [1]
    assert lowest.label == "a-1"
    assert found["summary"]["failed"][0]["message"] == "no such code"
    assert found["summary"]["les"]["value"] == 1.0
    assert found["summary"]["match"]["value"] == 0.0
    assert found["table"].get_content().count("\n") == 5


def test_nothing_to_compare(profile: object) -> None:
    from aiida_hpaint.calculations.validation import compare_validated

    assert compare_validated()["summary"]["hosts"] == 0
