"""Submission of jobs that compile potentials."""

from __future__ import annotations

from typing import Any

from aiida.engine import submit
from aiida.orm import AbstractCode, CalcJobNode, SinglefileData, Str

from aiida_hpaint.calculations.compile import CompileCalculation
from aiida_hpaint.workflows.engine.options import complete_job_options

__all__ = ["submit_compilation"]


def submit_compilation(package: SinglefileData, code: AbstractCode, device: str) -> CalcJobNode:
    """Submit the job that compiles a package for the computer of a code.

    It is never taken from the cache: torch may have changed there.

    Parameters
    ----------
    package
        NequIP package.
    code
        Python with aiida-hpaint and nequip.
    device
        'cpu', 'cuda' or 'auto'.
    """
    options = complete_job_options(f"the compilation with {code.full_label}", {}, code)
    node: Any = submit(
        CompileCalculation,
        code=code,
        potential=package,
        device=Str(device),
        metadata={
            "options": options,
            "label": f"compile {package.label} for {code.full_label}",
            "disable_cache": True,
        },
    )
    job: CalcJobNode = node
    return job
