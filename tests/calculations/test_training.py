from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aiida_hpaint import __version__
from aiida_hpaint.calculations.jobs import WALLTIME_VARIABLE
from aiida_hpaint.calculations.training import train_job

CRYSTALS = Path(__file__).parents[1] / "science" / "diffusion" / "data" / "crystals.npz"
IDENTITY = {"version": __version__}


def run(**values: Any) -> dict[str, Any]:
    defaults: dict[str, Any] = {"data": str(CRYSTALS), "output": "training", "name": "tiny"}
    defaults |= {"network": {"width": 16, "layers": 1, "radial": 8, "heads": 4}, "workers": 0}
    defaults |= {"steps": 4, "batch_size": 4, "log_every": 2, "save_every": 2, "device": "cpu"}
    return {**defaults, **values}


def test_where_the_job_runs_aiida_need_not_be() -> None:
    code = (
        "import sys\n"
        "for name in ('aiida', 'aiida_pythonjob', 'aiida_workgraph'): sys.modules[name] = None\n"
        "import aiida_hpaint.calculations.training, aiida_hpaint.science.diffusion.training.train"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_job_without_time_leaves_a_checkpoint_that_the_next_one_goes_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, whole = (tmp_path / name for name in ("first", "second", "whole"))
    for folder in (first, second, whole):
        folder.mkdir()
    monkeypatch.chdir(first)
    monkeypatch.setenv(WALLTIME_VARIABLE, "0")
    report = train_job(run(), IDENTITY)["report"]
    assert (report["finished"], report["steps"], report["sha256"]) == (False, 1, None)
    assert not Path("training/tiny.safetensors").exists()

    monkeypatch.chdir(second)
    monkeypatch.delenv(WALLTIME_VARIABLE)
    (second / "previous").symlink_to(first)
    resumed = train_job(run(), IDENTITY)["report"]
    assert (resumed["finished"], resumed["steps"]) == (True, 4)
    assert resumed["seconds"] > report["seconds"]

    monkeypatch.chdir(whole)
    assert train_job(run(), IDENTITY)["report"]["sha256"] == resumed["sha256"]
    curves = [(folder / "training" / "loss.csv").read_text() for folder in (second, whole)]
    assert curves[0] == curves[1]


def test_a_job_that_died_after_its_last_step_is_only_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "first")
    report = train_job(run(), IDENTITY)["report"]
    curve = Path("training/loss.csv").read_text()
    Path("training/tiny.safetensors").unlink()
    monkeypatch.chdir(tmp_path / "second")
    Path("previous").symlink_to(tmp_path / "first")
    assert train_job(run(), IDENTITY)["report"] == report
    assert Path("training/loss.csv").read_text() == curve


def test_another_version_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"aiida-hpaint 9\.9 submitted"):
        train_job(run(), {"version": "9.9"})


def test_another_model_to_start_from_is_refused() -> None:
    identity = {**IDENTITY, "model": {"sha256": "0" * 64}}
    settings = {
        key: value for key, value in run(initial_model="bundled").items() if key != "network"
    }
    with pytest.raises(RuntimeError, match="model 'bundled' has the sha256"):
        train_job(settings, identity)
