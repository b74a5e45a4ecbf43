from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from benchmark_rows import make_rows, make_run
from scipy.stats import spearmanr

from aiida_hpaint.science.benchmark.analyses import StoredRun, analyse_similarity, write_analysis
from aiida_hpaint.science.benchmark.analyses.fingerprints import read_formula
from aiida_hpaint.science.benchmark.analyses.similarity import fingerprint_training
from aiida_hpaint.science.benchmark.statistics import HostRow
from aiida_hpaint.science.benchmark.statistics.structures import HostStructures, Sites
from aiida_hpaint.science.diffusion.training.structures import TrainingStructures


def with_structures(rows: Sequence[HostRow]) -> list[HostRow]:
    """The rows with references that nobody would believe."""
    rng = np.random.default_rng(5)
    found = []
    for row in rows:
        numbers = tuple(read_formula(row.formula).tolist())
        coords = tuple((x, y, z) for x, y, z in rng.random((len(numbers), 3)).round(4).tolist())
        edge = (14.0 * len(numbers)) ** (1 / 3)
        cell = ((edge, 0.0, 0.0), (0.0, edge, 0.0), (0.0, 0.0, edge))
        sites = Sites(numbers=numbers, inserted=(), coords=coords)
        structures = HostStructures(cell=cell, reference=sites)
        found.append(row.model_copy(update={"structures": structures}))
    return found


def train_on(rows: Sequence[HostRow]) -> TrainingStructures:
    known = [row.structures for row in rows if row.structures is not None]
    return TrainingStructures.of(
        np.array([len(one.reference.numbers) for one in known]),
        np.concatenate([one.reference.numbers for one in known]),
        np.concatenate([one.reference.coords for one in known]),
        np.array([one.cell for one in known]),
        np.array([row.label for row in rows]),
    )


def test_hosts_that_were_trained_on_are_at_distance_zero() -> None:
    rows = with_structures(make_rows(0.6, hosts=12))
    training = fingerprint_training(train_on(rows[:4]))
    found = analyse_similarity([StoredRun("run", rows, {})], training)
    details = found.details["hosts"]
    for kind in ("composition", "structure"):
        distances = np.array([one[f"{kind}_distance"] for one in details])
        assert distances[:4] == pytest.approx(0, abs=1e-9)
        assert (distances[4:] > 0).any()
    assert [one["structure_nearest"] for one in details[:4]] == [row.label for row in rows[:4]]
    assert all(one["formula_in_training"] for one in details[:4])
    record = next(one for one in found.records if one["kind"] == "structure")
    expected = spearmanr(
        [one["structure_distance"] for one in details], [one["single_unrelaxed"] for one in details]
    )
    assert record["spearman"] == pytest.approx(expected.statistic)
    assert record["p_value"] == pytest.approx(expected.pvalue)
    assert [one["hosts"] for one in found.records] == [4] * 6
    assert not found.left_out


def test_rows_without_structures_are_compared_by_composition_alone() -> None:
    rows = make_rows(0.6)
    training = fingerprint_training(train_on(with_structures(rows)))
    found = analyse_similarity([StoredRun("run", rows, {})], training)
    assert {one["kind"] for one in found.records} == {"composition"}
    assert "structures of 12 of 12 hosts" in found.left_out[0]


def test_runs_that_were_not_relaxed_have_no_rates_of_the_lowest(tmp_path: Path) -> None:
    rows = with_structures(make_run("run", 0.6, status="sampled").rows)
    found = analyse_similarity([StoredRun("run", rows, {})], fingerprint_training(train_on(rows)))
    assert all(one["les"] is one["lowest_match"] is None for one in found.records)
    assert all(one["single_unrelaxed"] is not None for one in found.records)
    assert found.left_out == ["run: rates of the lowest, as no sample was relaxed"]
    assert write_analysis(found, tmp_path / "out")
