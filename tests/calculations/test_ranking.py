from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from aiida.orm import Dict, Int, Str

from aiida_hpaint.calculations import failures, ranking, split_and_join
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.stages import FinishInputs
from aiida_hpaint.science.structures import StructureBatch, concatenate

pytestmark = pytest.mark.usefixtures("profile")


def test_chunks_are_all_hosts_and_know_their_places(brucite: StructureBatch) -> None:
    hosts = StructureBatchData(brucite[[0] * 5])
    chunks = split_and_join.split_hosts(hosts, Int(10))
    assert list(chunks) == ["chunk_0000", "chunk_0001", "chunk_0002"]
    places = [node.batch.scalars["host"].tolist() for node in chunks.values()]
    assert places == [[0, 1], [2, 3], [4]]


def test_hosts_without_a_job_become_failed_samples(brucite: StructureBatch) -> None:
    hosts = brucite[[0, 0]].with_scalars(host=[3, 5])
    node = failures.mark_as_failed(StructureBatchData(hosts), Int(2), Str("out of memory"))
    assert node.batch.scalars["host"].tolist() == [3, 3, 5, 5]
    assert node.batch.scalars["sample"].tolist() == [0, 1, 0, 1]
    assert set(node.batch.scalars["status"]) == {"failed"}
    assert {entry["error"] for entry in node.batch.metadata} == {"out of memory"}
    assert node.batch.history[-1] == {"stage": "mark_as_failed", "reason": "out of memory"}


def test_what_was_relaxed_before_a_failure_stands(samples: StructureBatch) -> None:
    node = failures.mark_as_failed(StructureBatchData(samples), Int(0), Str("killed"))
    assert node.batch.scalars["status"].tolist() == ["not converged", "too close", "failed"]
    assert ["error" in entry for entry in node.batch.metadata] == [True, False, True]
    np.testing.assert_array_equal(node.batch.frac_coords, samples.frac_coords)


def hosts_of(batch: StructureBatch) -> StructureBatch:
    """The batch's hosts, once each, without scalars and history."""
    first = [batch.labels.index(label) for label in dict.fromkeys(batch.labels)]
    return replace(batch[first], scalars={}, history=())


@pytest.fixture
def ranked(samples: StructureBatch, brucite: StructureBatch) -> dict[str, object]:
    relaxed = samples.with_scalars(
        energy_sampled=[0.0] * 3,
        max_force=[0.1] * 3,
        steps=[3] * 3,
        status=["converged", "not converged", "collapsed"],
        energy=[-6.5, -7.0, np.nan],
    )
    failed = failures.mark_as_failed(
        StructureBatchData(brucite.with_scalars(host=[2])), Int(1), Str("x")
    )
    chunks = {"chunk_0001": failed, "chunk_0000": StructureBatchData(relaxed)}
    hosts = StructureBatchData(concatenate([hosts_of(samples), hosts_of(brucite)]))
    finish = Dict(FinishInputs(checks=None).model_dump())
    result: dict[str, object] = ranking.rank_samples(hosts, finish=finish, **chunks)
    return result


def test_samples_of_all_chunks_are_ranked(ranked: dict[str, object]) -> None:
    node = ranked["samples"]
    assert isinstance(node, StructureBatchData)
    batch = node.batch
    assert batch.scalars["host"].tolist() == [0, 0, 1, 2]
    assert batch.scalars["rank"].tolist() == [1, 0, -1, -1]
    assert batch.scalars["energy_above_best"][0] == pytest.approx(0.25)
    assert np.isnan(batch.scalars["energy"][3])


def test_the_summary_names_hosts_without_a_candidate(ranked: dict[str, object]) -> None:
    summary = ranked["summary"].get_dict()  # type: ignore[attr-defined]
    assert summary["n_hosts"] == 3
    assert summary["n_restored"] == 1
    assert summary["n_samples"] == 4
    assert summary["without_candidate"] == ["ß 2", "brucite"]
    assert summary["statuses"]["failed"] == 1


def test_the_table_has_a_line_for_each_sample(ranked: dict[str, object]) -> None:
    text = ranked["table"].get_content()  # type: ignore[attr-defined]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["label"] for row in rows] == ["Li-H.a", "Li-H.a", "ß 2", "brucite"]
    assert [row["rank"] for row in rows] == ["1", "0", "-1", "-1"]
    assert rows[1]["energy"] == "-7.0"
    assert rows[3]["energy"] == ""
    assert rows[3]["error"] == "x"


def test_the_lowest_of_each_host_is_picked(ranked: dict[str, object]) -> None:
    picked = ranking.pick_structures(ranked["samples"])
    assert list(picked) == ["host_00000"]
    structure = picked["host_00000"]
    assert structure.label == "Li-H.a"
    assert structure.base.attributes.get("hpaint")["row"] == 1
    assert structure.base.attributes.get("hpaint")["energy"] == -7.0
    assert structure.creator.inputs.samples == ranked["samples"]


def test_hosts_whose_candidates_all_fail_are_not_restored(brucite: StructureBatch) -> None:
    loose, bonded = brucite.frac_coords.copy(), brucite.frac_coords.copy()
    loose[brucite.inserted] = [[0, 0, 0.5], [0.5, 0.5, 0.5]]
    upper = brucite.frac_coords[brucite.numbers == 8][:, 2] < 0.5
    oxygen = brucite.frac_coords[brucite.numbers == 8]
    bonded[brucite.inserted] = oxygen + np.where(upper, 0.2, -0.2)[:, None] * [0, 0, 1]
    placed = [brucite.with_coords(coords) for coords in (loose, bonded)]
    relaxed = concatenate(placed).with_scalars(
        host=[0, 1],
        sample=[0, 0],
        status=["converged"] * 2,
        energy=[-9.0, -7.0],
        energy_sampled=[0.0] * 2,
        max_force=[0.01] * 2,
        steps=[3] * 2,
    )
    hosts = StructureBatchData(brucite[[0, 0]])
    ranked = ranking.rank_samples(hosts, chunk_0000=StructureBatchData(relaxed))
    assert ranked["samples"].batch.scalars["rank"].tolist() == [0, 0]
    assert ranked["samples"].batch.scalars["passes"].tolist() == [False, True]
    assert list(ranking.pick_structures(ranked["samples"])) == ["host_00001"]
    summary = ranked["summary"].get_dict()
    assert (summary["n_restored"], summary["without_candidate"]) == (1, [])
    assert list(summary["failing"]) == ["brucite"]


def test_cells_that_relaxed_go_into_table_and_structures(samples: StructureBatch) -> None:
    stretched = replace(
        samples,
        cells=samples.cells * 1.02,
        history=({"stage": "relax_all", "settings": {"moving": "all", "cell": "free"}},),
    )
    relaxed = stretched.with_scalars(
        energy=[-6.5, -7.0, -3.0],
        energy_sampled=[0.0] * 3,
        energy_fixed_cell=[-6.0, -6.8, np.nan],
        max_force=[0.01] * 3,
        max_stress=[0.1, 0.2, np.nan],
        steps=[3] * 3,
        status=["converged", "converged", "failed"],
    )
    hosts, finish = StructureBatchData(hosts_of(samples)), FinishInputs(checks=None)
    chunk = StructureBatchData(relaxed)
    found = ranking.rank_samples(hosts, finish=Dict(finish.model_dump()), chunk_0000=chunk)
    rows = list(csv.DictReader(io.StringIO(found["table"].get_content())))
    changes = [row["volume_change"] for row in rows]
    assert [float(text) for text in changes if text] == [pytest.approx(100 * (1.02**3 - 1))] * 2
    assert [row["max_stress"] for row in rows if row["max_stress"]] == ["0.1", "0.2"]
    (picked,) = ranking.pick_structures(found["samples"]).values()
    np.testing.assert_allclose(picked.cell, relaxed.cells[1])
    assert picked.base.attributes.get("hpaint")["volume_change"] == pytest.approx(6.1208)
