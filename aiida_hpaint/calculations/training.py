"""Body of the PythonJob that trains a model; it runs without AiiDA."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida_hpaint.calculations.jobs import check_model, check_version, deadline

__all__ = ["OUTPUT_FOLDER", "PREVIOUS_FOLDER", "train_job"]

OUTPUT_FOLDER = "training"
"""Output folder in the working directory of a job."""

PREVIOUS_FOLDER = "previous"
"""Copy of the working directory of the previous job, whose training continues."""


def train_job(settings: Mapping[str, Any], identity: Mapping[str, Any]) -> dict[str, Any]:
    """Train a model until all steps are done or the walltime is over.

    Checkpoints, loss curve and the finished model are written to the folder `training`.

    Parameters
    ----------
    settings
        `TrainingSettings` as a mapping; paths of data are where the job runs.
    identity
        What determines the result, for caching: `version` of the package and, if there is an
        initial model, its `sha256`.

    Returns
    -------
    mapping
        `report`: `finished`, `steps`, `seconds`, `device`, `validation_loss` and, once
        finished, the `sha256` of the model.

    Raises
    ------
    RuntimeError
        If package or model are not those in `identity`, or one of several processes failed.
    """
    from aiida_hpaint.science.diffusion.training.settings import TrainingSettings

    check_version(identity)
    run = TrainingSettings.model_validate(settings)
    if run.initial_model is not None:
        check_model(run.initial_model, identity)
    resume = _copy_last_checkpoint(run.output)
    if resume is not None and _is_done(run, resume):
        _export(run, resume)
    elif run.devices * run.nodes > 1:
        _train_in_subprocess(run.model_dump_json(), resume)
    else:
        _train_here(run, resume)
    return {"report": _report(run)}


def _copy_last_checkpoint(output: Path) -> Path | None:
    """Copy the latest checkpoint of the previous job, so that the next job finds it as well."""
    found = sorted(
        (Path(PREVIOUS_FOLDER) / output).glob("*.ckpt"), key=lambda path: path.stat().st_mtime
    )
    if not found:
        return None
    output.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(found[-1], output / "last.ckpt"))


def _is_done(run: Any, checkpoint: Path) -> bool:
    """Return whether the previous job failed after its last step."""
    from aiida_hpaint.science.diffusion.training.run_record import read_record

    return bool(read_record(checkpoint)["steps"] >= run.steps)


def _export(run: Any, checkpoint: Path) -> None:
    from aiida_hpaint.science.diffusion.training.export import export_model
    from aiida_hpaint.science.diffusion.training.run_record import (
        LossPoint,
        read_record,
        write_curve,
    )

    rows = [LossPoint(*row) for row in read_record(checkpoint)["rows"]]
    write_curve(rows, run.output / "loss.csv")
    export_model(checkpoint, run, run.output / f"{run.name}.safetensors")


def _train_here(run: Any, resume: Path | None) -> None:
    from aiida_hpaint.science.diffusion.training.train import train

    trained = train(run, resume, deadline())
    if trained.finished:
        _export(run, trained.checkpoint)


def _train_in_subprocess(settings: str, resume: Path | None) -> None:
    """Train with the command line, which Lightning starts again for each further device."""
    config = Path("settings.json")
    config.write_text(settings)
    command = [str(Path(sys.executable).parent / "aiida-hpaint"), "train", str(config)]
    if resume is not None:
        command += ["--resume", str(resume)]
    end = deadline()
    if end is not None:
        command += ["--max-seconds", f"{max(end - time.monotonic(), 0):.0f}"]
    if subprocess.run(command, check=False).returncode:
        raise RuntimeError("a process of the training failed: see the standard error of the job")


def _report(run: Any) -> dict[str, Any]:
    from aiida_hpaint.science.diffusion.models.cards import read_card
    from aiida_hpaint.science.diffusion.training.run_record import LAST_CHECKPOINT, read_record

    record = read_record(run.output / LAST_CHECKPOINT)
    report = {key: record[key] for key in ("steps", "seconds", "device", "validation_loss")}
    finished = record["steps"] >= run.steps
    model = run.output / f"{run.name}.safetensors"
    return {
        **report,
        "finished": finished,
        "sha256": read_card(model).sha256 if finished else None,
    }
