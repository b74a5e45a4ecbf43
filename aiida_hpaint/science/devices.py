"""One stage on several devices of a machine: a process for each, which gets a part of the hosts.

A sample depends on its own host alone, so that the results are those of one process. Energies of a
potential may differ in their last digits, as they do between chunks.

Why not multiprocessing: it must not fork a process that has used a GPU, and a new process runs the
main script again, which in a job is the job itself.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.recipe import find_stage, run_stage
from aiida_hpaint.science.settings import Settings
from aiida_hpaint.science.stages import StageResult, StageTools
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.joining import join_in_order
from aiida_hpaint.science.types import HpaintWarning

__all__ = ["DEVICES_VARIABLE", "list_devices", "run_stage_on_devices", "share_hosts"]

DEVICES_VARIABLE = "AIIDA_HPAINT_DEVICES"
"""Environment variable with the devices of a job: `all`, or numbers like `0,1`; `cpu` may recur."""

_CPU = "cpu"

_PAUSE = 0.05
"""Seconds between looks at the processes."""

_Work = tuple[str, StructureBatch, dict[str, Any], float | None]
_Started = tuple["subprocess.Popen[bytes]", Path, str]


def list_devices() -> list[str]:
    """Return the devices that `DEVICES_VARIABLE` names; empty if it is not set.

    Numbers count the GPUs that are visible to this process. `all` is each of these; where there is
    none, a warning says so.

    Raises
    ------
    ValueError
        If there is no such GPU.
    """
    asked = os.environ.get(DEVICES_VARIABLE, "").strip()
    if not asked:
        return []
    names = [name.strip() for name in asked.split(",")]
    visible = [] if set(names) == {_CPU} else _list_visible_gpus()
    if names == ["all"]:
        if not visible:
            note = f"{DEVICES_VARIABLE}=all: this process sees no GPU, and works alone, on the CPU"
            warnings.warn(note, HpaintWarning, stacklevel=2)
        return visible
    for name in names:
        if name != _CPU and not (name.isdigit() and int(name) < len(visible)):
            raise ValueError(
                f"{DEVICES_VARIABLE}={asked}: there is no device {name!r}: this process sees "
                f"{len(visible)} GPUs; write all, cpu, or numbers from 0 on, such as 0,1"
            )
    return [name if name == _CPU else visible[int(name)] for name in names]


def run_stage_on_devices(
    name: str,
    structures: StructureBatch,
    inputs: Settings,
    deadline: float | None,
    devices: Sequence[str],
) -> StageResult:
    """Run one stage with a process for each device, and join what they return.

    With a single host, a single device or a recording the stage runs in this process.

    Parameters
    ----------
    name, structures, inputs
        See `recipe.run_stage`.
    deadline
        Value of `time.monotonic()`, which counts for all processes of a machine.
    devices
        Values of CUDA_VISIBLE_DEVICES, or `cpu`.

    Raises
    ------
    RuntimeError
        If a process was killed; other errors are those of `recipe.run_stage`.
    """
    shares = share_hosts(structures, len(devices)) if devices else []
    if len(shares) < 2 or getattr(inputs, "record", False):
        return run_stage(name, structures, inputs, StageTools(deadline=deadline))
    values = inputs.model_dump(mode="json")
    parts = [structures.with_scalars(host=structures.host_indices)[rows] for rows in shares]
    work: list[_Work] = [(name, part, values, deadline) for part in parts]
    found = _run_processes(work, devices)
    # Where no time was left for any host, nothing can be joined.
    filled = [one for one in found if len(one)]
    return StageResult(join_in_order(structures, filled) if filled else found[0])


def share_hosts(structures: StructureBatch, count: int) -> list[NDArray[np.int64]]:
    """Return the rows of at most `count` parts, each with whole hosts and about as many sites."""
    hosts, owners = np.unique(structures.host_indices, return_inverse=True)
    sites = np.bincount(owners, weights=structures.site_counts)
    loads = np.zeros(min(count, len(hosts)))
    part_of = np.zeros(len(hosts), dtype=np.int64)
    # Largest first, each to the process that has the least.
    for host in np.argsort(-sites, kind="stable").tolist():
        part_of[host] = int(np.argmin(loads))
        loads[part_of[host]] += sites[host]
    return [np.flatnonzero(part_of[owners] == part) for part in range(len(loads))]


def _list_visible_gpus() -> list[str]:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _run_processes(work: Sequence[_Work], devices: Sequence[str]) -> list[StructureBatch]:
    """Return the samples of each part; the first error ends all processes."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hpaint-")))
        started = []
        for number, (one, device) in enumerate(zip(work, devices, strict=False)):
            given, result = folder / f"{number}.given", folder / f"{number}.result"
            given.write_bytes(pickle.dumps(one))
            process = _start(given, result, device)
            stack.callback(_end, process)
            started.append((process, result, device))
        return _take_all(dict(enumerate(started)))


def _take_all(waiting: dict[int, _Started]) -> list[StructureBatch]:
    """Return the samples of all processes as soon as they end, whichever ends first."""
    found: dict[int, StructureBatch] = {}
    while waiting:
        for number in [n for n, (process, *_) in waiting.items() if process.poll() is not None]:
            found[number] = _take(*waiting.pop(number))
        time.sleep(_PAUSE)
    return [found[number] for number in sorted(found)]


def _start(given: Path, result: Path, device: str) -> subprocess.Popen[bytes]:
    visible = "" if device == _CPU else device
    command = f"from {__name__} import serve; serve({str(given)!r}, {str(result)!r})"
    return subprocess.Popen(
        [sys.executable, "-c", command],
        # Its end tells a process that this one has died.
        stdin=subprocess.PIPE,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": visible, DEVICES_VARIABLE: ""},
    )


def _take(process: subprocess.Popen[bytes], result: Path, device: str) -> StructureBatch:
    status = process.returncode
    if not result.exists():
        reason = "killed, perhaps for lack of memory" if status < 0 else "see its output"
        raise RuntimeError(f"the process of device {device} ended with status {status}: {reason}")
    found = pickle.loads(result.read_bytes())
    if isinstance(found, BaseException):
        raise found
    samples: StructureBatch = found
    return samples


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


def serve(given: str, result: str) -> None:
    """Run the part of a stage that a file describes, and write what it returns, or its error."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    name, structures, values, deadline = pickle.loads(Path(given).read_bytes())
    try:
        inputs = find_stage(name).inputs.model_validate(values)
        found: Any = run_stage(name, structures, inputs, StageTools(deadline=deadline)).structures
    except Exception as error:
        found = _make_portable(error)
    unfinished = Path(f"{result}.part")
    unfinished.write_bytes(pickle.dumps(found))
    unfinished.rename(result)


def _make_portable(error: Exception) -> Exception:
    """Return an error that another process can read."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _die_with_parent() -> None:
    # Not through a buffer, whose lock this process would want when it ends.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
