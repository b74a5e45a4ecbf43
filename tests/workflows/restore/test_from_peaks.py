"""Restorations that begin with the electrostatic potential, through a real daemon."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from potentials import host_of, ions
from processes import finished

from aiida_hpaint.science.electrostatics.starting_points import (
    join_starting_points,
    make_starting_points,
)
from aiida_hpaint.science.evaluation.equivalence import compute_site_distances
from aiida_hpaint.science.structures import StructureBatch, add_sites, concatenate

TIMEOUT = 600
FCC = 2.04 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
LITHIUM = np.array([0.1, 0.2, 0.3])
QUICK: dict[str, Any] = {
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"device": "cpu"},
    "relax_inserted": {"max_steps": 2},
    "relax_all": {"max_steps": 1},
}
DFT: dict[str, Any] = {"dft": {"cutoff_wfc": 30, "kpoints_distance": 0.7}}


@pytest.fixture
def lithium() -> StructureBatch:
    """LiH without its H."""
    return add_sites(host_of(FCC, [LITHIUM]), "H:1")


@pytest.fixture
def broken() -> StructureBatch:
    """Two Li on one place, which pw.x refuses."""
    host = host_of(FCC, [LITHIUM, LITHIUM + 1e-6])
    return add_sites(replace(host, labels=("broken",)), "H:1")


@pytest.mark.dft
@pytest.mark.usefixtures("daemon", "pseudo_family")
def test_lithium_hydride_comes_back_and_a_host_without_potential_is_reported(
    lithium: StructureBatch, broken: StructureBatch, pw_code: Any, pp_code: Any
) -> None:
    from aiida_hpaint.workflows.restore.build_from_peaks import build_restore_from_peaks
    from aiida_hpaint.workflows.restore.progress import (
        get_samples,
        list_stage_states,
        read_planned,
    )

    hosts = concatenate([broken, lithium])
    graph = build_restore_from_peaks(
        hosts, overrides=QUICK, dft_overrides=DFT, starting_points=2, pw=pw_code, pp=pp_code
    )
    graph.submit()
    node = finished(graph.process, TIMEOUT, 410)

    lost, found = (
        node.outputs.peak_search_reports[key].get_dict()
        for key in sorted(node.outputs.peak_search_reports)
    )
    assert found == {"status": "finished", "sites": 3, "starting_points": 2, "message": ""}
    assert lost["status"] == "failed"
    assert lost["message"]

    samples = node.outputs.samples.batch
    assert samples.scalars["host"].tolist() == [0, 1, 1]
    assert set(samples.scalars["origin"]) == {"peaks"}
    assert samples.scalars["status"][0] == "failed"
    assert samples.metadata[0]["error"] == lost["message"]
    summary = node.outputs.summary
    assert (summary["n_restored"], summary["n_failed"]) == (1, 1)

    best = samples[np.flatnonzero(samples.scalars["rank"] == 0)]
    hydrogen = best.frac_coords[best.inserted]
    assert compute_site_distances(FCC, hydrogen, LITHIUM[None] + 0.5).max() < 1e-3
    (structure,) = (node.outputs.structures[key] for key in node.outputs.structures)
    assert structure.get_formula() == "HLi"
    assert list(node.outputs.reports.chunk_0000) == ["relax_inserted", "relax_all"]
    assert get_samples(node).equals(samples)
    assert read_planned(node).chunks == 1
    assert [state.stage for state in list_stage_states(node)] == ["relax_inserted", "relax_all"]


@pytest.mark.usefixtures("profile")
def test_starting_points_of_all_hosts_are_collected(
    lithium: StructureBatch, broken: StructureBatch
) -> None:
    from aiida.orm import Bool

    from aiida_hpaint.calculations.starting_points import collect_starting_points
    from aiida_hpaint.data.structure_batch import StructureBatchData

    grid = ions(FCC, LITHIUM[None], [1], (24, 24, 24))
    placed = make_starting_points([grid], lithium.with_scalars(host=[1]))
    failed = join_starting_points([None], broken.with_scalars(host=[0]), ["no density"])
    starting_points = {
        "chunk_0000": StructureBatchData(failed).store(),
        "chunk_0001": StructureBatchData(placed).store(),
    }
    everything = collect_starting_points(Bool(False), **starting_points).batch
    assert everything.scalars["host"].tolist() == [0, 1, 1]
    assert everything.metadata[0]["error"] == "no density"
    assert collect_starting_points(Bool(True), **starting_points).batch.placed.all()
    alone = collect_starting_points(Bool(True), chunk_0000=starting_points["chunk_0000"]).batch
    assert alone.scalars["status"].tolist() == ["failed"]


@pytest.mark.usefixtures("profile")
def test_hosts_and_settings_that_do_not_fit_are_refused(lithium: StructureBatch) -> None:
    from aiida_hpaint.workflows.restore.build_from_peaks import build_restore_from_peaks

    with pytest.raises(ValueError, match="nothing to insert"):
        build_restore_from_peaks(host_of(FCC, [LITHIUM]))
    with pytest.raises(ValueError, match=r"sampling\.record"):
        build_restore_from_peaks(lithium, overrides={"sampling": {"record": 1}})
    with pytest.raises(ValueError, match="build_validate"):
        build_restore_from_peaks(lithium, overrides={"validation": {}})
