from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from aiida_hpaint import __version__
from aiida_hpaint.calculations import jobs
from aiida_hpaint.science.recipe import STAGES
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings, SamplingSettings
from aiida_hpaint.science.structures import SampleStatus, StructureBatch

IDENTITY = {"version": __version__, "model": {"name": "random"}}
SAMPLING = SamplingSettings(generator="random", samples=3, device="cpu").model_dump()


def relaxing(**changes: object) -> dict[str, object]:
    relaxation = RelaxationSettings.model_validate({"max_steps": 1, **changes})
    potential = PotentialSettings(device="cpu").model_dump()
    return {"relaxation": relaxation.model_dump(), "potential": potential}


def test_where_jobs_run_aiida_need_not_be() -> None:
    code = (
        "import sys\n"
        "for name in ('aiida', 'aiida_pythonjob', 'aiida_workgraph'): sys.modules[name] = None\n"
        "import aiida_hpaint.calculations.jobs\n"
        "from aiida_hpaint.science import diffusion, evaluation, relaxation"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_samples_of_a_chunk_know_their_host_among_all(brucite: StructureBatch) -> None:
    chunk = brucite[[0, 0]].with_scalars(host=[4, 7])
    samples = jobs.run_stage_job(chunk, "sample", SAMPLING, IDENTITY)["structures"]
    assert samples.scalars["host"].tolist() == [4, 4, 4, 7, 7, 7]
    assert samples.scalars["sample"].tolist() == [0, 1, 2, 0, 1, 2]
    assert set(samples.scalars["status"]) <= {"sampled", "too close", "duplicate"}


def test_samples_of_several_guesses_of_a_host_are_numbered_and_filtered_together(
    brucite: StructureBatch,
) -> None:
    coords = brucite.frac_coords.copy()
    coords[brucite.inserted] = [[1 / 3, 2 / 3, 0.42], [2 / 3, 1 / 3, 0.58]]
    guesses = brucite.with_coords(coords)[[0, 0, 0]].with_scalars(host=[4, 4, 7])
    settings = SamplingSettings(samples=2, steps=2, start_time=0.01, device="cpu").model_dump()
    samples = jobs.run_stage_job(guesses, "sample", settings, {"version": __version__})[
        "structures"
    ]
    assert samples.scalars["host"].tolist() == [4, 4, 4, 4, 7, 7]
    assert samples.scalars["sample"].tolist() == [0, 1, 2, 3, 0, 1]
    # The same guess with the same noise is the same sample.
    assert samples.scalars["status"].tolist()[2:4] == ["duplicate"] * 2


def test_a_recording_knows_its_hosts_and_ends_in_the_samples(brucite: StructureBatch) -> None:
    settings = SamplingSettings(samples=2, steps=3, record=2, device="cpu").model_dump()
    chunk = brucite[[0, 0]].with_scalars(host=[4, 7])
    found = jobs.run_stage_job(chunk, "sample", settings, {"version": __version__})
    samples, trajectory = found["structures"], found["trajectory"]
    assert trajectory.hosts.tolist() == [4, 4, 7, 7]
    assert trajectory.steps.tolist() == [2, 3]
    np.testing.assert_allclose(
        trajectory.positions[-1], samples.frac_coords[samples.inserted], atol=1e-6
    )
    plain = jobs.run_stage_job(chunk, "sample", {**settings, "record": 0}, {"version": __version__})
    assert list(plain) == ["structures"]
    np.testing.assert_array_equal(plain["structures"].frac_coords, samples.frac_coords)


def test_other_weights_are_refused(brucite: StructureBatch) -> None:
    settings = SamplingSettings(samples=1, steps=2, device="cpu").model_dump()
    identity = {"version": __version__, "model": {"name": "bundled", "sha256": "0f" * 32}}
    with pytest.raises(RuntimeError, match=r"'bundled' has the sha256 .* 0f0f0f0f0f0f\.\.\. where"):
        jobs.run_stage_job(brucite, "sample", settings, identity)


@pytest.mark.parametrize("stage", [stage.name for stage in STAGES])
def test_another_version_is_refused(stage: str, brucite: StructureBatch) -> None:
    with pytest.raises(RuntimeError, match=f"aiida-hpaint 9.9 submitted .* has {__version__}"):
        jobs.run_stage_job(brucite, stage, {}, {"version": "9.9"})


@pytest.fixture
def drawn(brucite: StructureBatch) -> StructureBatch:
    samples = jobs.run_stage_job(brucite, "sample", SAMPLING, IDENTITY)["structures"]
    return samples.with_scalars(status=[SampleStatus.SAMPLED.value] * 3)


@pytest.mark.slow
def test_the_walltime_stops_a_relaxation(
    drawn: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.WALLTIME_VARIABLE, "0")
    stopped = jobs.run_stage_job(drawn, "relax_inserted", relaxing(max_steps=50), IDENTITY)[
        "structures"
    ]
    assert set(stopped.scalars["status"]) == {"unfinished"}
    monkeypatch.delenv(jobs.WALLTIME_VARIABLE)
    done = jobs.run_stage_job(stopped, "relax_inserted", relaxing(max_steps=2), IDENTITY)[
        "structures"
    ]
    assert "unfinished" not in done.scalars["status"]
    assert np.isfinite(done.scalars["energy"]).all()


@pytest.mark.slow
def test_only_the_selected_are_relaxed_once(drawn: StructureBatch) -> None:
    relaxed = jobs.run_stage_job(drawn, "relax_inserted", relaxing(), IDENTITY)["structures"]
    settings = {**relaxing(moving="all"), "select": {"keep": 1, "window": 0.0}}
    done = jobs.run_stage_job(relaxed, "relax_all", settings, IDENTITY)["structures"]
    statuses = done.scalars["status"].tolist()
    assert statuses.count("higher in energy") + statuses.count("duplicate") == 2
    assert (done.scalars["steps"] > relaxed.scalars["steps"]).sum() == 1


PLAN = [
    {"stage": "relax_inserted", "settings": relaxing(max_steps=2), "identity": IDENTITY},
    {"stage": "relax_all", "settings": relaxing(moving="all"), "identity": IDENTITY},
]


def test_one_job_gives_what_jobs_of_their_own_give(brucite: StructureBatch) -> None:
    sampling = {**SAMPLING, "filter": {"plausible": False}}
    found = jobs.run_stages_job(brucite, "sample", sampling, IDENTITY, {"stages": PLAN})
    assert list(found) == ["structures", "after_relax_inserted", "after_relax_all"]
    samples = jobs.run_stage_job(brucite, "sample", sampling, IDENTITY)["structures"]
    for step, after in zip([None, *PLAN], found.values(), strict=True):
        if step is not None:
            samples = jobs.run_stage_job(samples, **step)["structures"]
        np.testing.assert_array_equal(after.frac_coords, samples.frac_coords)
        assert after.scalars["status"].tolist() == samples.scalars["status"].tolist()


def test_what_fails_is_left_to_a_job_of_its_own(
    brucite: StructureBatch, capsys: pytest.CaptureFixture[str]
) -> None:
    later = [{**PLAN[0], "identity": {"version": "9.9"}}, PLAN[1]]
    found = jobs.run_stages_job(brucite, "sample", SAMPLING, IDENTITY, {"stages": later})
    assert list(found) == ["structures", "stopped"]
    assert str(found["stopped"]).startswith(
        f"{PLAN[0]['stage']} failed: aiida_hpaint.calculations.jobs.MismatchError: aiida-hpaint 9.9"
    )
    assert "aiida-hpaint 9.9 submitted" in capsys.readouterr().err
    with pytest.raises(RuntimeError, match=r"aiida-hpaint 9\.9 submitted"):
        jobs.run_stages_job(brucite, **{**later[0], "stage": "sample"}, later={"stages": []})


def test_one_job_ends_with_its_walltime(
    brucite: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(jobs.WALLTIME_VARIABLE, "0")
    found = jobs.run_stages_job(brucite, "sample", SAMPLING, IDENTITY, {"stages": PLAN})
    assert not found.keys() - {"structures", "stopped"}
    assert found["stopped"] == "its walltime ended before all hosts had samples"
