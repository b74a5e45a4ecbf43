"""Inputs of a TrainWorkChain from the settings of a local run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida.engine import ProcessBuilder
from aiida.orm import AbstractCode, Dict, FolderData, RemoteData, SinglefileData

from aiida_hpaint import __version__
from aiida_hpaint.calculations.training import OUTPUT_FOLDER
from aiida_hpaint.science.diffusion.models.cards import read_card
from aiida_hpaint.science.diffusion.models.library import find_model
from aiida_hpaint.science.diffusion.training.files import Source, hash_source
from aiida_hpaint.science.diffusion.training.settings import TrainingSettings
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.workflows.engine.codes import find_code
from aiida_hpaint.workflows.engine.options import complete_job_options
from aiida_hpaint.workflows.restore.model_files import store_model
from aiida_hpaint.workflows.training.chain import TrainWorkChain

__all__ = ["build_training"]

_ROLES = ("data", "validation", "held_out")

Files = dict[str, SinglefileData | FolderData]


def build_training(
    settings: TrainingSettings,
    *,
    code: str | AbstractCode | None = None,
    options: Mapping[str, Any] | None = None,
    previous: RemoteData | None = None,
    name: str = "",
) -> ProcessBuilder:
    """Build a TrainWorkChain, ready to be submitted.

    Local data become nodes and are uploaded with the jobs. Data that are on the remote computer
    need an absolute path and their sha256 in the settings, and are used in place.

    Parameters
    ----------
    settings
        Settings of the run; `output` is ignored.
    code
        Python code with aiida-hpaint; default: the local Python.
    options
        `metadata.options` of the jobs, added to the defaults. With `max_wallclock_seconds` a job
        stops in time, and another one continues from its checkpoint.
    previous
        The `remote_folder` of an earlier training to continue.
    name
        Label of the process.

    Raises
    ------
    ValueError
        If data, model or code are missing.
    """
    files: Files = {}
    values = settings.model_dump(mode="json") | {"output": OUTPUT_FOLDER}
    for role in _ROLES:
        sources = getattr(settings, role)
        values[role] = [_add_source(s, f"{role}_{i}", files) for i, s in enumerate(sources)]
    identity: dict[str, Any] = {"version": __version__}
    if settings.initial_model is not None:
        card = read_card(find_model(settings.initial_model))
        identity["model"] = {"name": card.name, "sha256": card.sha256}
        start, files["model"] = store_model(SamplingSettings(generator=settings.initial_model))
        values["initial_model"] = start.generator
    # Any: attributes of a builder are the inputs, which mypy does not know.
    builder: Any = TrainWorkChain.get_builder()
    builder.settings, builder.identity = Dict(values), Dict(identity)
    builder.code, builder.files = find_code(code), files
    builder.options = Dict(complete_job_options("training", options))
    if previous is not None:
        builder.previous = previous
    builder.metadata.label = name or f"train {settings.name}"
    made: ProcessBuilder = builder
    return made


def _add_source(source: Source, key: str, files: Files) -> dict[str, Any]:
    """Return the source as a job sees it; local data are added to the files to upload."""
    path = source.path.expanduser().absolute()
    if not path.exists():
        return _describe_remote_source(source)
    found = hash_source(path)
    if source.sha256 not in ("", found):
        raise ValueError(f"{path} has the sha256 {found[:12]}..., not {source.sha256[:12]}...")
    named = {"sha256": found, "name": source.name or path.name, "weight": source.weight}
    if path.is_dir():
        files[key] = FolderData(tree=str(path))
        return {"path": key, **named}
    sent = f"{key}{path.suffix.lower()}"
    files[key] = SinglefileData(path, filename=sent)
    files[key].label = path.name
    return {"path": sent, **named}


def _describe_remote_source(source: Source) -> dict[str, Any]:
    if not source.sha256 or not Path(source.path).is_absolute():
        raise ValueError(
            f"there is no local file {source.path}; for data on the remote computer, give "
            "the absolute path and the sha256"
        )
    return {**source.model_dump(mode="json"), "name": source.name or source.path.name}
