"""What the machine offers to a job: GPUs, cores, memory and room on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida_hpaint.science.environment.findings import OK, Finding
from aiida_hpaint.science.environment.workload import Workload

GIB = 2**30
LEAST_DISK = 1.0
"""GiB below which jobs are likely to fail while they write."""

Answer = Mapping[str, Any]


def assess_machine(answer: Answer, wanted: Workload) -> list[Finding]:
    """GPUs as torch sees them, cores and memory of the job, free room for its files."""
    torch = [_judge_torch(answer, wanted)] if "torch" in answer else []
    return [*torch, _judge_cores(answer), _judge_disk(answer), *_judge_paths(answer)]


def _judge_paths(answer: Answer) -> list[Finding]:
    """What hides the packages of the environment itself."""
    path = (answer.get("environment") or {}).get("PYTHONPATH")
    if not path:
        return []
    told = "packages in these folders come before those of the environment"
    return [Finding("PYTHONPATH", str(path), "", "note", False, told)]


def _judge_torch(answer: Answer, wanted: Workload) -> Finding:
    torch, needed = answer["torch"], f"{wanted.gpus}" if wanted.gpus else ""
    if "error" in torch:
        return Finding("GPU", str(torch["error"]), needed, "broken", remedy="mend torch there")
    devices = torch.get("devices", [])
    there = ", ".join(f"{one['name']}, {one['memory'] / GIB:.0f} GiB" for one in devices)
    if len(devices) >= wanted.gpus:
        return Finding("GPU", there or f"none (torch {torch['version']})", needed, OK, False)
    return Finding("GPU", there or "none", needed, "missing", remedy=_why_no_gpu(answer, wanted))


def _why_no_gpu(answer: Answer, wanted: Workload) -> str:
    if answer["torch"].get("cuda") is None:
        return (
            f"torch {answer['torch']['version']} there was built without CUDA: install a build "
            "with it, see pytorch.org/get-started"
        )
    visible = answer.get("environment", {}).get("CUDA_VISIBLE_DEVICES")
    told = f"CUDA_VISIBLE_DEVICES is {visible!r}" if visible is not None else "the job got none"
    return (
        f"torch can use CUDA {answer['torch']['cuda']}, but {told}: check queue and options, and "
        "that the driver there knows this CUDA (nvidia-smi)"
    )


def _judge_cores(answer: Answer) -> Finding:
    machine = answer.get("machine", {})
    if "error" in machine:
        return Finding("cores", str(machine["error"]), "", "note", False)
    threads = answer.get("environment", {}).get("OMP_NUM_THREADS")
    there = f"{machine['cores_allowed']} of {machine['cores']} on {machine['name']}"
    told = f", OMP_NUM_THREADS {threads}" if threads else ""
    return Finding("cores", f"{there}, {machine['memory'] / GIB:.0f} GiB{told}", required=False)


def _judge_disk(answer: Answer) -> Finding:
    disk = answer.get("disk", {})
    if "error" in disk:
        return Finding("disk", str(disk["error"]), "", "note", False)
    free = disk["free"] / GIB
    there, needed = f"{free:.1f} GiB free", f"{LEAST_DISK:g} GiB"
    if free >= LEAST_DISK:
        return Finding("disk", there, needed)
    return Finding("disk", there, needed, "missing", remedy="make room in the work directory there")
