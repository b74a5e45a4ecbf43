"""Restorations through a real daemon, with jobs that die, daemons that die and short walltimes."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import Any

import numpy as np
import pytest
from processes import finished, until

from aiida_hpaint.science.structures import StructureBatch

TIMEOUT = 1200
"""Seconds after which a restoration counts as stuck, on a machine that is busy with more."""

QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 2, "device": "cpu"},
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"device": "cpu"},
    "relax_inserted": {"max_steps": 2},
    "relax_all": {"max_steps": 1},
    "keep": 1,
}


def submit(hosts: StructureBatch, settings: dict[str, Any] | None = None, **arguments: Any) -> Any:
    from aiida_hpaint.workflows.restore.build import build_restore

    graph = build_restore(hosts, overrides=settings or QUICK, **arguments)
    graph.submit()
    return graph.process


def stage_reports(node: Any) -> dict[str, dict[str, Any]]:
    reports = node.outputs.reports
    return {chunk: {s: reports[chunk][s].get_dict() for s in reports[chunk]} for chunk in reports}


@pytest.fixture
def two_hosts(brucite: StructureBatch) -> StructureBatch:
    """Brucite under a label that would be no port name, and with one that its job will look for."""
    from dataclasses import replace

    return replace(brucite[[0, 0]], labels=("mp-626151.a b", "poison"))


@pytest.mark.slow
def test_a_chunk_that_dies_does_not_take_the_others_with_it(half_restored: Any) -> None:
    node = half_restored
    reports = stage_reports(node)
    assert reports["chunk_0000"]["relax_all"]["status"] == "finished"
    assert reports["chunk_0001"]["sample"]["status"] == "failed"
    assert reports["chunk_0001"]["sample"]["jobs"] == 2
    assert "it ended without a result" in reports["chunk_0001"]["sample"]["message"]
    assert reports["chunk_0001"]["relax_all"]["jobs"] == 0

    batch = node.outputs.samples.batch
    assert batch.labels == ("mp-626151.a b",) * 2 + ("poison",) * 2
    assert batch.scalars["host"].tolist() == [0, 0, 1, 1]
    assert batch.scalars["status"].tolist()[2:] == ["failed", "failed"]
    assert node.outputs.summary["without_candidate"] == ["poison"]

    (key,) = node.outputs.structures
    structure = node.outputs.structures[key]
    assert structure.label == "mp-626151.a b"
    assert structure.get_formula() == "H2MgO2"
    row = structure.base.attributes.get("hpaint")["row"]
    best = batch[row]
    assert best.scalars["rank"].tolist() == [0]
    np.testing.assert_allclose(
        [site.position for site in structure.sites], best.cart_coords, atol=1e-10
    )

    check_what_can_be_seen_from_outside(node)


def check_what_can_be_seen_from_outside(node: Any) -> None:
    from click.testing import CliRunner

    from aiida_hpaint.cli import main
    from aiida_hpaint.workflows.restore.progress import (
        find_restorations,
        get_samples,
        list_stage_states,
    )

    assert node.pk in [found.pk for found in find_restorations()]
    states = list_stage_states(node)
    assert {(s.stage, s.chunk) for s in states} == {
        (stage, chunk)
        for stage in ("sample", "relax_inserted", "relax_all")
        for chunk in ("chunk_0000", "chunk_0001")
    }
    assert [s.chunk for s in states if s.problem] == ["chunk_0001"]
    samples = get_samples(node)
    assert samples is not None
    assert samples.equals(node.outputs.samples.batch)

    runner = CliRunner()
    listed = runner.invoke(main, ["status"]).output
    assert "half of it" in listed
    shown = runner.invoke(main, ["status", str(node.pk)]).output
    assert "sample, chunk_0001: " in shown
    with runner.isolated_filesystem():
        result = runner.invoke(main, ["results", str(node.pk), "--output", "found"])
        assert result.exit_code == 0, result.output
        assert "Not restored: poison: 2 samples: 2 failed" in result.output
        assert f"verdi process status {node.pk}" in result.output
        assert sorted(os.listdir("found")) == [
            "candidates.extxyz",
            "mp-626151_a_b.cif",
            "mp-626151_a_b_relaxed.cif",
            "report.html",
            "reports",
            "samples.csv",
        ]
    missing = runner.invoke(main, ["results", "123456789"])
    assert "there is no node 123456789" in missing.output
    other = runner.invoke(main, ["results", str(node.outputs.summary.pk)])
    assert "is not a restoration" in other.output


def kill_worker(daemon: Any) -> None:
    for worker in daemon.get_worker_info()["info"]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(worker), signal.SIGKILL)


def labels(node: Any) -> set[str]:
    """The tasks of a restoration that have begun."""
    return {entry.link_label for entry in node.base.links.get_outgoing().all()}


@pytest.mark.long  # `test_campaign.py` and `chains/test_restore.py` kill it, too
@pytest.mark.parametrize(
    ("moment", "one_job"), [("sample_chunk_0000", True), ("relax_inserted_chunk_0001", False)]
)
def test_kill_9_of_the_worker_when_a_task_has_just_begun(
    two_hosts: StructureBatch, daemon: Any, moment: str, one_job: bool
) -> None:
    node = submit(two_hosts, chunk_sites=5, one_job=one_job)
    until(lambda: moment in labels(node), moment, TIMEOUT)
    kill_worker(daemon)
    finished(node, TIMEOUT)
    assert node.outputs.summary["n_restored"] == 2
    assert len(node.outputs.structures) == 2


@pytest.mark.long  # `faults/test_daemon.py` kills its parts one by one
def test_kill_9_of_the_daemon_loses_nothing(two_hosts: StructureBatch, daemon: Any) -> None:
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.workflows.engine.upstream import is_daemon_alive

    node = submit(two_hosts, chunk_sites=5, one_job=False)
    until(lambda: "relax_inserted_chunk_0000" in labels(node), "relaxation", TIMEOUT)
    for pid in (daemon.get_daemon_pid(), *daemon_children(daemon)):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not is_daemon_alive(daemon), "end of the daemon", TIMEOUT)
    assert not node.is_terminated
    assert ensure_daemon()
    finished(node, TIMEOUT)
    assert node.outputs.summary["n_restored"] == 2


def daemon_children(daemon: Any) -> list[int]:
    """Worker, broker and statistics: with their parent killed they would stay behind."""
    import psutil

    circus = psutil.Process(daemon.get_daemon_pid())
    return [child.pid for child in circus.children()]


@pytest.mark.slow
def test_a_short_walltime_takes_several_jobs(brucite: StructureBatch, daemon: Any) -> None:
    from aiida.engine import submit as submit_process
    from aiida.orm import Dict, Int, Str

    from aiida_hpaint import __version__
    from aiida_hpaint.calculations.jobs import run_stage_job
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.engine.codes import get_default_code
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

    identity = {"version": __version__}
    samples = run_stage_job(brucite, "sample", {"generator": "random", "samples": 3}, identity)[
        "structures"
    ]
    endless = {"fmax": 1e-9, "max_steps": 100_000, "give_up_above": None}
    stage = submit_process(
        StageWorkChain,
        stage=Str("relax_inserted"),
        structures=StructureBatchData(samples),
        settings=Dict({"relaxation": endless, "potential": {"device": "cpu"}}),
        identity=Dict(identity),
        code=get_default_code(),
        options=Dict({"max_wallclock_seconds": 40, "resources": {"num_machines": 1}}),
        max_jobs=Int(2),
    )
    finished(stage, TIMEOUT, 422)
    report = stage.outputs.report.get_dict()
    assert (report["status"], report["jobs"], report["failures"]) == ("unfinished", 2, 0)
    assert "unfinished after 2 jobs" in report["message"]
    steps = [int(job.outputs.structures.batch.scalars["steps"].sum()) for job in stage.called]
    assert 0 < steps[0] < steps[1]


@pytest.mark.slow
def test_an_error_of_a_job_is_reported_and_not_retried(
    brucite: StructureBatch, daemon: Any
) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    node = submit(brucite, {**QUICK, "potential": {"device": "cuda"}})
    finished(node, TIMEOUT, 411)
    report = stage_reports(node)["chunk_0000"]["relax_inserted"]
    assert (report["status"], report["jobs"]) == ("failed", 1)
    assert "device 'cuda' was asked for" in report["message"]
    assert node.outputs.summary["n_restored"] == 0
    assert "structures" not in node.outputs
    assert "device 'cuda'" in node.outputs.samples.batch.metadata[0]["error"]


@pytest.mark.slow
@pytest.mark.usefixtures("profile")
def test_the_same_restoration_is_taken_from_the_cache(brucite: StructureBatch) -> None:
    from aiida.manage.caching import enable_caching
    from aiida.orm import CalcJobNode

    from aiida_hpaint.workflows.restore.build import build_restore

    def jobs_of(seed: int) -> list[Any]:
        overrides = {**QUICK, "sampling": {**QUICK["sampling"], "seed": seed}}
        graph = build_restore(brucite, overrides=overrides)
        with enable_caching():
            graph.run()
        finished(graph.process, TIMEOUT)
        return [n for n in graph.process.called_descendants if isinstance(n, CalcJobNode)]

    assert not any(job.base.caching.is_created_from_cache for job in jobs_of(11))
    # `test_caching.py` has what makes jobs differ.
    assert all(job.base.caching.is_created_from_cache for job in jobs_of(11))


@pytest.mark.slow
def test_the_whole_recipe_restores_brucite_as_plain_python_does(
    brucite: StructureBatch, daemon: Any
) -> None:
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.science.restoration import restore_batch

    overrides = {
        "sampling": {"samples": 5, "record": 1, "device": "cpu"},
        "symmetry": {"symmetrised": True, "wyckoff": 2, "refine": 0.02},
        "checks": None,  # relaxations end early
        "potential": {"device": "cpu"},
        "score": {"max_steps": 2},
        "candidates": 2,
        "search": {"agreement": 99, "unseen": 0, "rounds": 1, "arrangements": 5, "relaxed": 1},
    }
    node = submit(brucite, overrides, protocol="fast")
    finished(node, TIMEOUT)
    (structure,) = (node.outputs.structures[key] for key in node.outputs.structures)
    atoms = structure.get_ase()
    bonds = [min(atoms.get_distances(h, [1, 2], mic=True)) for h in (3, 4)]
    # Catti et al. (1995): 0.958 Å by neutron diffraction, uncorrected for thermal motion.
    assert bonds == pytest.approx([0.96, 0.96], abs=0.04)

    ours = node.outputs.samples.batch
    plain = restore_batch(brucite, load_protocol("fast", overrides)).samples
    assert set(ours.scalars) == set(plain.scalars) >= {"origin", "energy_scored", "space_group"}
    for name in ("sample", "origin", "parent", "status", "rank", "space_group", "round", "found"):
        assert ours.scalars[name].tolist() == plain.scalars[name].tolist(), name
    for name in ("energy_sampled", "energy_scored", "energy"):
        np.testing.assert_allclose(ours.scalars[name], plain.scalars[name], atol=1e-3)
    assert [record["stage"] for record in ours.history] == [r["stage"] for r in plain.history]
    for stage in ("score", "search"):
        assert stage_reports(node)["chunk_0000"][stage]["status"] == "finished"
    assert ours.scalars["round"].max() == 1
    check_a_recording_beside_proposals(node, len(ours))


@pytest.mark.slow
@pytest.mark.parametrize(
    "off",
    [
        ("sampling", "relax_inserted"),
        pytest.param(("relax_all",), marks=pytest.mark.long),
        pytest.param(("relax_inserted", "relax_all"), marks=pytest.mark.long),
    ],
)
def test_stages_are_off_through_the_daemon_as_in_plain_python(
    brucite: StructureBatch, daemon: Any, off: tuple[str, ...]
) -> None:
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.science.restoration import restore_batch

    overrides = {**QUICK, **dict.fromkeys(off)}
    hosts = brucite
    if "sampling" in off:
        coords = brucite.frac_coords.copy()
        coords[brucite.inserted] = [[1 / 3, 2 / 3, 0.42], [2 / 3, 1 / 3, 0.58]]
        hosts = brucite.with_coords(coords)
    node = submit(hosts, overrides)
    finished(node, TIMEOUT)
    ours = node.outputs.samples.batch
    plain = restore_batch(hosts, load_protocol(None, overrides)).samples
    assert not set(off) & set(stage_reports(node)["chunk_0000"])
    assert set(ours.scalars) == set(plain.scalars)
    for name in ("sample", "status", "rank", "host"):
        assert ours.scalars[name].tolist() == plain.scalars[name].tolist(), name
    # Other threads and batches change the last digits of single precision, and steps amplify them.
    np.testing.assert_allclose(ours.scalars["energy"], plain.scalars["energy"], atol=1e-3)


def check_a_recording_beside_proposals(node: Any, n_samples: int) -> None:
    from aiida_hpaint.workflows.restore.recordings import find_recordings

    (recording,) = find_recordings(node.pk)
    assert len(recording) == 5 <= n_samples
