"""Which energies rank candidates that a second potential has relaxed on, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from ase import Atoms

from aiida_hpaint.science.evaluation.ranking import rank
from aiida_hpaint.science.evaluation.reranking import settle_reranking
from aiida_hpaint.science.structures import StructureBatch, from_ase

SEARCHED = (1.0, 2.0, 3.0, 1.0, 2.0)
"""Energies of three samples of one host and two of another."""


def batch(
    statuses: Sequence[str], energies: Sequence[float], shift: float, *names: str
) -> StructureBatch:
    atoms = Atoms("LiH", [(0, 0, 0), (shift, 0, 0)], cell=[4, 4, 4], pbc=True)
    scalars = {
        "host": np.array([0, 0, 0, 1, 1]),
        "status": np.array(statuses, dtype=np.str_),
        "energy": np.array(energies, dtype=np.float64),
        "max_force": np.full(5, shift),
        "energy_searched": np.array(SEARCHED),
    }
    history = [
        {"stage": stage, "model": {"name": name}, "evaluations": 1}
        for stage, name in zip(("relax_all", "rerank"), names, strict=False)
    ]
    return replace(from_ase([atoms] * 5), scalars=scalars, history=tuple(history))


def settle(statuses: Sequence[str], energies: Sequence[float]) -> StructureBatch:
    before = batch(["converged"] * 5, SEARCHED, 1.0, "cheap")
    return settle_reranking(before, batch(statuses, energies, 2.0, "cheap", "better"))


def test_only_energies_of_the_second_potential_stay() -> None:
    statuses = ["converged", "not converged", "higher in energy", "converged", "failed"]
    found = settle(statuses, [-7.0, -8.0, 3.0, -9.0, np.nan])
    energies = found.scalars["energy"]
    np.testing.assert_array_equal(energies, [-7.0, -8.0, np.nan, -9.0, np.nan])
    assert found.scalars["energy_searched"].tolist() == list(SEARCHED)
    assert set(found.scalars["ranked_by"].tolist()) == {"better"}
    assert rank(found).scalars["rank"].tolist() == [1, 0, -1, 0, -1]
    assert not any("notes" in entry for entry in found.metadata)


def test_a_host_without_such_energies_keeps_its_candidates_and_says_so() -> None:
    statuses = ["converged", "converged", "higher in energy", "failed", "not a number"]
    found = settle(statuses, [-7.0, -8.0, 3.0, np.nan, np.nan])
    assert found.scalars["energy"][3:].tolist() == [1.0, 2.0]
    assert found.scalars["status"][3:].tolist() == ["converged", "converged"]
    assert found.scalars["ranked_by"].tolist() == ["better"] * 3 + ["cheap"] * 2
    assert found.scalars["max_force"].tolist() == [2.0, 2.0, 2.0, 1.0, 1.0]
    assert found.cart_coords[[1, 7], 0].tolist() == [2.0, 1.0]
    (note,) = found.metadata[3]["notes"]
    assert "better gave no energy of any candidate: cheap ranks them" in note
    assert "notes" not in found.metadata[0]


def test_what_is_not_finished_waits_for_its_energy() -> None:
    statuses = ["unfinished", "converged", "converged", "unfinished", "failed"]
    found = settle(statuses, [-7.0, -8.0, -6.0, -5.0, np.nan])
    assert found.scalars["energy"][[0, 3]].tolist() == [-7.0, -5.0]
    assert set(found.scalars["ranked_by"].tolist()) == {"better"}


def test_a_restart_knows_the_potential_that_searched() -> None:
    before = batch(["unfinished"] * 5, SEARCHED, 1.0, "cheap", "better")
    after = batch(["failed"] * 5, [np.nan] * 5, 2.0, "cheap", "better")
    after = replace(after, history=(*after.history, after.history[-1]))
    assert set(settle_reranking(before, after).scalars["ranked_by"].tolist()) == {"cheap"}
