"""Assess the machine: GPUs, C compiler, cores, memory and free disk space of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_hpaint.science.environment.findings import OK, Finding
from aiida_hpaint.science.environment.workload import Workload

GIB = 2**30
LEAST_DISK = 1.0
"""GiB of free disk space below which jobs are likely to fail when they write."""

_Answer = Mapping[str, Any]


def assess_machine(answer: _Answer, workload: Workload) -> list[Finding]:
    """Assess GPUs as torch sees them, a C compiler, cores and memory of the job, and disk space."""
    torch = [_assess_torch(answer, workload)] if "torch" in answer else []
    loops = [_assess_loops(answer["loops"])] if "loops" in answer else []
    found = [*torch, *loops, _assess_cores(answer), _assess_disk(answer)]
    if path := (answer.get("environment") or {}).get("PYTHONPATH"):
        note = "packages in these folders come before those of the environment"
        found.append(Finding("PYTHONPATH", str(path), "", "note", False, note))
    return found


def _assess_torch(answer: _Answer, workload: Workload) -> Finding:
    torch, needed = answer["torch"], f"{workload.gpus}" if workload.gpus else ""
    if "error" in torch:
        return Finding(
            "GPU",
            str(torch["error"]),
            needed,
            "broken",
            remedy="repair the installation of torch on that computer",
        )
    devices = torch.get("devices", [])
    there = ", ".join(f"{one['name']}, {one['memory'] / GIB:.0f} GiB" for one in devices)
    if len(devices) >= workload.gpus:
        return Finding("GPU", there or f"none (torch {torch['version']})", needed, OK, False)
    return Finding("GPU", there or "none", needed, "missing", remedy=_why_no_gpu(answer, workload))


def _why_no_gpu(answer: _Answer, workload: Workload) -> str:
    if answer["torch"].get("cuda") is None:
        return (
            f"its torch {answer['torch']['version']} was built without CUDA: install a "
            "build with CUDA, see pytorch.org/get-started"
        )
    visible = answer.get("environment", {}).get("CUDA_VISIBLE_DEVICES")
    note = f"CUDA_VISIBLE_DEVICES is {visible!r}" if visible is not None else "the job got no GPU"
    return (
        f"torch can use CUDA {answer['torch']['cuda']}, but {note}: check queue and options, and "
        "that the driver supports this version of CUDA (nvidia-smi)"
    )


def _assess_loops(loops: _Answer) -> Finding:
    if loops.get("compiled"):
        return Finding("loops of SevenNet", "compiled", "", OK, False)
    if "error" in loops:
        return Finding("loops of SevenNet", str(loops["error"]), "", "note", False)
    reason = str(loops["reason"])
    return Finding("loops of SevenNet", "not compiled", "", "note", False, reason)


def _assess_cores(answer: _Answer) -> Finding:
    machine = answer.get("machine", {})
    if "error" in machine:
        return Finding("cores", str(machine["error"]), "", "note", False)
    threads = answer.get("environment", {}).get("OMP_NUM_THREADS")
    there = f"{machine['cores_allowed']} of {machine['cores']} on {machine['name']}"
    note = f", OMP_NUM_THREADS {threads}" if threads else ""
    return Finding("cores", f"{there}, {machine['memory'] / GIB:.0f} GiB{note}", required=False)


def _assess_disk(answer: _Answer) -> Finding:
    disk = answer.get("disk", {})
    if "error" in disk:
        return Finding("disk", str(disk["error"]), "", "note", False)
    free = disk["free"] / GIB
    there, needed = f"{free:.1f} GiB free", f"{LEAST_DISK:g} GiB"
    if free >= LEAST_DISK:
        return Finding("disk", there, needed)
    return Finding(
        "disk", there, needed, "missing", remedy="free disk space in the remote work directory"
    )
