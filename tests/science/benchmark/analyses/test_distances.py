from __future__ import annotations

import numpy as np
import pytest
from benchmark_rows import make_rows

from aiida_hpaint.science.benchmark.analyses import StoredRun, analyse_distances


def test_both_distances_are_of_the_same_samples() -> None:
    rows = make_rows(0.6, hosts=20)
    found = analyse_distances([StoredRun("run", rows, {})])
    some = [one for row in rows for one in row.samples if one.rank >= 0]
    pairs = np.array([(one.rmsd_inserted_unrelaxed, one.rmsd_inserted) for one in some])
    record = next(
        one for one in found.records if (one["of"], one["distance"]) == ("samples", "rmsd_inserted")
    )
    assert record["n"] == len(some)
    for name, values in zip(("sampled", "relaxed"), pairs.T, strict=True):
        assert record[f"{name}_median"] == pytest.approx(np.median(values))
        assert record[f"{name}_close"] == pytest.approx(np.mean(values < 0.3))
    # `make_rows` lets every relaxation end closer to the reference.
    assert record["closer"] == 1
    lowest = next(one for one in found.records if one["of"] == "lowest")
    assert lowest["n"] == sum(row.lowest is not None for row in rows)
    sorted_out = sum(one.rank < 0 for row in rows for one in row.samples)
    assert found.left_out == [
        f"run: {sorted_out} of 80 samples, which were sorted out, stopped or not relaxed"
    ]


def test_a_duplicate_has_the_outcome_of_the_sample_relaxed_in_its_place() -> None:
    row = next(row for row in make_rows(0.9) if row.samples[0].rank >= 0)
    twin = row.samples[1].model_copy(
        update={"same_as": 0, "rank": -1, "rmsd_inserted": None, "rmsd_inserted_unrelaxed": 0.7}
    )
    row = row.model_copy(update={"samples": (row.samples[0], twin)})
    details = analyse_distances([StoredRun("run", [row], {})]).details["samples"]
    assert details[1]["rmsd_inserted_sampled"] == 0.7
    assert details[1]["rmsd_inserted_relaxed"] == row.samples[0].rmsd_inserted


def test_runs_that_were_not_relaxed_have_no_distances_to_compare() -> None:
    rows = make_rows(0.5)
    bare = [
        row.model_copy(
            update={"samples": tuple(s.model_copy(update={"rank": -1}) for s in row.samples)}
        )
        for row in rows
    ]
    with pytest.raises(ValueError, match="without --unrelaxed"):
        analyse_distances([StoredRun("run", bare, {})])
