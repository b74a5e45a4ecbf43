"""Compare generators and potentials of the remote computer with the local ones."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, hash_card, read_card
from aiida_hpaint.science.diffusion.models.library import find_model, list_models
from aiida_hpaint.science.diffusion.models.published import PUBLISHED
from aiida_hpaint.science.environment.findings import (
    OK,
    Finding,
    Status,
    build_install_command,
    shorten_hash,
)
from aiida_hpaint.science.environment.probe import hash_weights
from aiida_hpaint.science.environment.workload import Workload
from aiida_hpaint.science.files import hash_file

_Answer = Mapping[str, Any]
Known = Mapping[str, str]


def assess_models(answer: _Answer, workload: Workload) -> list[Finding]:
    """Assess generators (all that are installed), weights in packages, and model files."""
    # Packages that are missing have a finding of their own.
    installed = [name for name in answer.get("weights") or {} if answer["packages"].get(name)]
    return [
        *_assess_generators(answer, workload),
        *(_assess_weights(answer, name, workload) for name in installed),
        *(_assess_file(answer, name) for name in answer.get("files") or {}),
    ]


def find_local_generator(name: str) -> Known | None:
    """Return the hashes of weights and card of a local generator, or None."""
    try:
        path = find_model(name)
        return {"sha256": hash_file(path), "card": hash_card(read_card(path))}
    except CheckpointError:
        return None


def _assess_generators(answer: _Answer, workload: Workload) -> list[Finding]:
    models = answer.get("models")
    if models is None or "sample" not in workload.stages:
        return []
    if "error" in models:
        note = "see the lines above"
        return [Finding("generators", str(models["error"]), "", "broken", remedy=note)]
    ours = [card.name for card in list_models()]
    names = list(dict.fromkeys([*workload.models, *ours, *models["found"]]))
    return [_assess_generator(answer, name, name in workload.models) for name in names]


def _assess_generator(answer: _Answer, name: str, required: bool) -> Finding:
    there, here = answer["models"]["found"].get(name), find_local_generator(name)
    title, needed = f"generator {name}", shorten_hash(here["sha256"]) if here else ""
    if there is None:
        remedy = _fetch(answer, name)
        return Finding(title, "", needed, "missing" if required else "note", required, remedy)
    if here is None or dict(here) == dict(there):
        return Finding(title, shorten_hash(there["sha256"]), needed, OK, required)
    what = "its weights" if here["sha256"] != there["sha256"] else "its card"
    remedy = f"{what} differ: {_fetch(answer, name)}"
    verdict: Status = "differs" if required else "note"
    return Finding(title, shorten_hash(there["sha256"]), needed, verdict, required, remedy)


def _fetch(answer: _Answer, name: str) -> str:
    if name in PUBLISHED:
        program = PurePosixPath(answer["python"]["executable"]).parent / "aiida-hpaint"
        return shlex.join([str(program), "models", "fetch", name])
    if name == "bundled":
        return "install the same version of aiida-hpaint on that computer"
    folder = answer["models"].get("folder", "the model folder")
    copy = f"copy its .safetensors and .json into {folder} on that computer"
    return f"{copy}, or submit with --upload-model"


def _assess_weights(answer: _Answer, package: str, workload: Workload) -> Finding:
    there, here = answer["weights"][package], hash_weights(package)
    names = (info.name for info in workload.infos if info.package == package)
    title = f"potential {', '.join(dict.fromkeys(names))}"
    if isinstance(there, dict) and "error" in there:
        return Finding(title, str(there["error"]), "", "broken", remedy=f"install {package} again")
    if not there:
        remedy = build_install_command(answer["python"]["executable"], [package])
        return Finding(title, "", f"{package} with weights", "missing", remedy=remedy)
    different = [name for name, digest in here.items() if there.get(name, digest) != digest]
    if None in there.values() or different:
        version = answer["packages"].get(package)
        again = ["--force-reinstall", "--no-deps", f"{package}=={version}"]
        remedy = build_install_command(answer["python"]["executable"], again)
        return Finding(title, "other weights", f"those of {package}", "differs", remedy=remedy)
    return Finding(title, f"{len(there)} files", "same as local" if here else "")


def _assess_file(answer: _Answer, name: str) -> Finding:
    path = Path(name).expanduser()
    there, here = answer["files"][name], hash_file(path) if path.is_file() else None
    title, needed = f"potential {name}", shorten_hash(here)
    copy = f"copy {shlex.quote(name)} to the same path on that computer"
    if not there:
        return Finding(title, "", needed, "missing", remedy=copy)
    if here is not None and here != there:
        return Finding(title, shorten_hash(there), needed, "differs", remedy=copy)
    return Finding(title, shorten_hash(there), needed)
