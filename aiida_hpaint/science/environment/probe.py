"""Report what a computer has, from a job that runs on it: `question.json` in, `answer.json` out.

This file is sent along with the job. It needs Python 3.8 or later and nothing else, since what it
looks for may be missing, broken or of another version. Whatever could crash this interpreter or
never return, such as an import, runs in a subprocess.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path
from typing import Any, Callable  # noqa: UP035

PATIENCE = 600
"""Time limit of one import in seconds; file systems of clusters can be slow."""

REPORTED_VARIABLES = (
    "AIIDA_HPAINT_MODELS",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "LSB_JOBID",
    "PBS_JOBID",
    "PYTHONPATH",
    "SLURM_CLUSTER_NAME",
    "SLURM_CPUS_ON_NODE",
    "SLURM_JOB_ACCOUNT",
    "SLURM_JOB_GPUS",
    "SLURM_JOB_ID",
    "SLURM_JOB_PARTITION",
)
"""Environment variables that are reported; all others may hold secrets."""

TORCH = """
import json, sys, torch
devices = []
if torch.cuda.is_available():
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        torch.zeros(8, device=index).sum().item()
        devices.append({"name": properties.name, "memory": properties.total_memory})
print(json.dumps({"version": torch.__version__, "cuda": torch.version.cuda,
                  "devices": devices, "threads": torch.get_num_threads()}))
"""

MODELS = """
import json, sys
from aiida_hpaint.science.diffusion.models.cards import hash_card, read_card
from aiida_hpaint.science.diffusion.models.library import find_model, list_models
from aiida_hpaint.science.files import models_folder
from aiida_hpaint.science.files import hash_file
found, errors = {}, {}
names = list(dict.fromkeys([*json.loads(sys.argv[1]), *(card.name for card in list_models())]))
for name in names:
    try:
        path = find_model(name)
        found[name] = {"sha256": hash_file(path), "card": hash_card(read_card(path))}
    except Exception as error:
        errors[name] = str(error)
print(json.dumps({"folder": str(models_folder()), "found": found, "errors": errors}))
"""

LOOPS = """
import json, warnings
from aiida_hpaint.science.relaxation.potentials.folded.native import load_loops
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    loops = load_loops()
reason = str(told[-1].message) if told else "AIIDA_HPAINT_COMPILE is 0"
print(json.dumps({"compiled": loops is not None, "reason": "" if loops else reason}))
"""


def answer_question(question: dict[str, Any]) -> dict[str, Any]:
    """Answer all parts of a question; a part that fails holds its error and affects no other."""
    packages = find_versions(question.get("packages", []))
    parts: dict[str, Callable[[], Any]] = {
        "python": describe_interpreter,
        "machine": describe_machine,
        "environment": lambda: {
            key: os.environ[key] for key in REPORTED_VARIABLES if key in os.environ
        },
        "disk": measure_disk,
        "imports": lambda: {name: find_import_error(name) for name in question.get("modules", [])},
        "source": lambda: hash_package_source("aiida_hpaint"),
        "weights": lambda: {name: hash_weights(name) for name in question.get("weights", [])},
        "files": lambda: {name: hash_local_file(name) for name in question.get("files", [])},
    }
    if packages.get("torch"):
        parts["torch"] = lambda: run_in_subprocess(TORCH)
    if packages.get("aiida-hpaint") and "generators" in question:
        parts["models"] = lambda: run_in_subprocess(MODELS, json.dumps(question["generators"]))
    if packages.get("aiida-hpaint") and question.get("loops"):
        parts["loops"] = lambda: run_in_subprocess(LOOPS)
    return {"packages": packages, **{name: _or_error(part) for name, part in parts.items()}}


def describe_interpreter() -> dict[str, Any]:
    """Describe this Python by what markers of requirements refer to."""
    return {
        "version": platform.python_version(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "implementation": platform.python_implementation(),
        "sys_platform": sys.platform,
        "machine": platform.machine(),
        "libc": " ".join(platform.libc_ver()),
    }


def describe_machine() -> dict[str, Any]:
    """Describe the machine and the cores that the job may use; memory in bytes."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    return {
        "name": socket.gethostname(),
        "cores": os.cpu_count(),
        "cores_allowed": len(allowed) if allowed else os.cpu_count(),
        "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "folder": str(Path.cwd()),
    }


def measure_disk() -> dict[str, int]:
    """Return size and free space, in bytes, of the file system of the job's folder."""
    usage = shutil.disk_usage(".")
    return {"total": usage.total, "free": usage.free}


def find_versions(names: list[str]) -> dict[str, str | None]:
    """Return the versions of distributions; None for those that are not installed."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = None
    return found


def find_import_error(module: str) -> str:
    """Return why a module cannot be imported in a new interpreter; empty if it can."""
    done = _run("import importlib, sys; importlib.import_module(sys.argv[1])", module)
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    return lines[-1] if lines else f"it exited with status {done.returncode}"


def run_in_subprocess(code: str, *arguments: str) -> Any:
    """Run code in another interpreter and return what it prints as JSON.

    Raises
    ------
    RuntimeError
        If it fails, with its last line.
    """
    done = _run(code, *arguments)
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or not lines:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        status = f"it exited with status {done.returncode}"
        raise RuntimeError(errors[-1] if errors else status)
    return json.loads(lines[-1])


def hash_package_source(package: str) -> str | None:
    """Return the SHA-256 of all Python files of a package, without importing it, or None."""
    spec = util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda path: path.relative_to(root).as_posix()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def hash_weights(distribution: str) -> dict[str, str | None]:
    """Return the SHA-256 of the files with weights that a package contains."""
    try:
        files = metadata.distribution(distribution).files or []
    except metadata.PackageNotFoundError:
        return {}
    kept = [file for file in files if file.suffix in (".pth", ".pt", ".tar")]
    return {str(file): hash_local_file(str(file.locate())) for file in kept}


def hash_local_file(name: str) -> str | None:
    """Return the SHA-256 of a file, or None if it is not there.

    `science.files.hash_file` does the same; this file has to run where the package is missing.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        return None
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while True:
            block = stream.read(1 << 20)
            if not block:
                return digest.hexdigest()
            digest.update(block)


def _run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def _or_error(part: Callable[[], Any]) -> Any:
    try:
        return part()
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


if __name__ == "__main__":
    with open("question.json", encoding="utf-8") as stream:
        asked = json.load(stream)
    found = answer_question(asked)
    with open("answer.json", "w", encoding="utf-8") as stream:
        json.dump(found, stream)
