"""Results and failures of relaxations with pw.x, read from their processes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiida.common.exceptions import NotExistent
from aiida.orm import CalcJobNode, Dict, ProcessNode, StructureData, WorkflowNode
from aiida_quantumespresso.calculations.pw import PwCalculation

__all__ = [
    "CONVERGED",
    "FAILED",
    "NOT_CONVERGED",
    "Relaxation",
    "find_failure",
    "read_relaxation",
    "sum_costs",
]

CONVERGED, NOT_CONVERGED, FAILED = "converged", "not converged", "failed"

_IONIC = PwCalculation.get_exit_statuses(
    [
        "ERROR_IONIC_CONVERGENCE_NOT_REACHED",
        "ERROR_IONIC_CYCLE_EXCEEDED_NSTEP",
        "ERROR_IONIC_CYCLE_BFGS_HISTORY_FAILURE",
    ]
)
"""Exit statuses after which the last energy is still that of a converged scf cycle."""


@dataclass(frozen=True)
class Relaxation:
    """Result of a relaxation.

    Attributes
    ----------
    report
        `status` (converged, not converged, failed), `message` and `exit_status` of a failure;
        `energy` (eV) and `energy_per_atom`, unless failed; `max_force` on
        moving sites (eV/Å); summed over all jobs `jobs` (their number), `ionic_steps` (positions
        evaluated), `scf_iterations` and `seconds` (wall time of pw.x); `kpoints` (mesh),
        `symmetries` (number of operations), `magnetisation` and `absolute_magnetisation`
        (Bohr magnetons per cell, None without spin).
    structure
        Structure with the last positions, or None if no step was completed.
    parameters
        `output_parameters` of the last job that has them.
    """

    report: dict[str, Any]
    structure: StructureData | None
    parameters: Dict | None


def read_relaxation(child: WorkflowNode, fixed: Sequence[bool] | None = None) -> Relaxation:
    """Read a PwRelaxWorkChain or PwBaseWorkChain that has finished or failed.

    Parameters
    ----------
    fixed : (sites,)
        True for sites that did not move; the largest force is that on the others.
    """
    below = [node for node in child.called_descendants if isinstance(node, CalcJobNode)]
    jobs = [node for node in below if node.process_class is PwCalculation]
    jobs.sort(key=lambda node: node.pk or 0)
    status, exit_status, message = _end(child, jobs)
    parameters = _last(jobs, "output_parameters")
    trajectory = _last(jobs, "output_trajectory")
    trajectories = [
        job.outputs.output_trajectory for job in jobs if "output_trajectory" in job.outputs
    ]
    energy = sites = None
    if parameters is not None and status != FAILED:
        energy = parameters.get("energy", None)
        sites = parameters.get("number_of_atoms", None)
    report = {
        "status": status,
        "message": message,
        "exit_status": exit_status,
        "energy": energy,
        "energy_per_atom": energy / sites if energy and sites else None,
        "max_force": None if status == FAILED else _max_force(trajectory, fixed),
        **sum_costs(jobs),
        "ionic_steps": sum(len(one.get_array("steps")) for one in trajectories),
        **_facts(parameters, jobs),
    }
    return Relaxation(report, _last(jobs, "output_structure"), parameters)


def sum_costs(jobs: Sequence[CalcJobNode]) -> dict[str, Any]:
    """Return the number of jobs, scf iterations, and seconds of wall time inside the codes."""
    return {
        "jobs": len(jobs),
        "scf_iterations": int(sum(_number(job, "total_number_of_scf_iterations") for job in jobs)),
        "seconds": round(sum(_number(job, "wall_time_seconds") for job in jobs), 2),
    }


def find_failure(process: ProcessNode) -> tuple[int | None, str]:
    """Return the exit status and message of the last failed job of a process, or process."""
    below = process.called_descendants if isinstance(process, WorkflowNode) else []
    failed = [n for n in (process, *below) if n.is_excepted or n.is_killed or n.is_failed]
    jobs = [node for node in failed if isinstance(node, CalcJobNode)]
    # The highest PK is the last attempt, after those that error handlers have repeated.
    node = max(jobs or failed or [process], key=lambda one: one.pk or 0)
    if node.is_excepted or node.is_killed:
        lines = str(node.exception or "killed").strip().splitlines()
        return node.exit_status, f"{node.process_label} {node.pk}: {lines[-1]}"
    message = (node.exit_message or "it failed").strip()
    if isinstance(node, CalcJobNode) and (error := _read_error(node)):
        message = f"{message} pw.x reports: {error}"
    return node.exit_status, f"{node.process_label} {node.pk}: {message} (exit {node.exit_status})"


def _read_error(job: CalcJobNode) -> str:
    """Return the error that pw.x prints between two lines of %."""
    try:
        text = job.outputs.retrieved.base.repository.get_object_content(
            str(job.get_option("output_filename"))
        )
    except (FileNotFoundError, NotExistent):
        return ""
    found = re.search(r"Error in routine (.*?)\n\s*%{10}", str(text), re.DOTALL)
    return "" if found is None else " ".join(found[1].split())


def _end(child: WorkflowNode, jobs: list[CalcJobNode]) -> tuple[str, int | None, str]:
    if child.is_finished_ok:
        return CONVERGED, 0, ""
    exit_status, message = find_failure(child)
    usable = bool(jobs) and jobs[-1].exit_status in _IONIC and not child.is_killed
    return NOT_CONVERGED if usable else FAILED, exit_status, message


def _facts(parameters: Dict | None, jobs: list[CalcJobNode]) -> dict[str, Any]:
    values = {} if parameters is None else parameters.get_dict()
    spin = values.get("number_of_spin_components", 1) > 1
    return {
        "kpoints": jobs[-1].inputs.kpoints.get_kpoints_mesh()[0] if jobs else None,
        "symmetries": values.get("number_of_symmetries"),
        "magnetisation": values.get("total_magnetization") if spin else None,
        "absolute_magnetisation": values.get("absolute_magnetization") if spin else None,
    }


def _max_force(trajectory: Any, fixed: Sequence[bool] | None) -> float | None:
    if trajectory is None or "forces" not in trajectory.get_arraynames():
        return None
    forces = np.linalg.norm(trajectory.get_array("forces")[-1], axis=1)
    moving = slice(None) if fixed is None else ~np.asarray(fixed, dtype=np.bool_)
    return float(forces[moving].max(initial=0.0))


def _number(job: CalcJobNode, name: str) -> float:
    if "output_parameters" not in job.outputs:
        return 0.0
    return float(job.outputs.output_parameters.get(name, 0) or 0)


def _last(jobs: list[CalcJobNode], output: str) -> Any:
    found = [job.outputs[output] for job in jobs if output in job.outputs]
    return found[-1] if found else None
