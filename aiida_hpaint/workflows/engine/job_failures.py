"""Failures of PythonJobs: their reasons, and whether a retry may succeed."""

from __future__ import annotations

from aiida.orm import CalcJobNode

PYTHON_ERRORS = frozenset({323, 324, 325, 326, 327, 328, 329})
"""Exit codes of jobs whose Python raised an error, which a retry would raise again."""

_FUNCTION_FAILED = 326
"""Exit code of a job whose function raised an error."""

_INSTALLATION_ERRORS = (
    "MismatchError",
    "CheckpointError",
    "PotentialError",
    "ImportError",
    "ModuleNotFoundError",
)
"""Errors of the installation or a model, which do not depend on structures."""

_NOT_STARTED = (
    "command not found",
    "No such file or directory",
    "Permission denied",
    "cannot execute",
    "Exec format error",
    "Unable to locate a modulefile",
)
"""Signs in the output of a shell of a program that could not be started."""

_NO_RESULT = 310
"""Exit code of a job without a file of results."""


def reserve_walltime(walltime: float) -> float:
    """Return the walltime (s) less the time for starting Python and writing the results."""
    return walltime - min(max(0.1 * walltime, 60.0), 0.5 * walltime)


def may_be_due_to_structures(job: CalcJobNode) -> bool:
    """Return whether structures may have made a job fail, so that a part of them may succeed."""
    if job.exit_status not in PYTHON_ERRORS:
        return True
    lines = (job.exit_message or "").strip().splitlines()
    # The last line of a traceback names the error.
    error = lines[-1].partition(":")[0].rpartition(".")[2] if lines else ""
    return job.exit_status == _FUNCTION_FAILED and error not in _INSTALLATION_ERRORS


def describe_failure(job: CalcJobNode) -> str | None:
    """Return in a few words why a job has no results; None if it has."""
    if job.is_excepted or job.is_killed:
        lines = (job.exception or "a user killed it").strip().splitlines()
        return f"its results cannot be read: {lines[-1]}" if job.is_excepted else lines[-1]
    if not job.is_finished_ok:
        return f"{_summarise(job)} (exit status {job.exit_status})"
    return None


def _summarise(job: CalcJobNode) -> str:
    if job.exit_status == _NO_RESULT:
        return _describe_missing_result((job.get_scheduler_stderr() or "").strip().splitlines())
    lines = (job.exit_message or "it failed").strip().splitlines()
    if len(lines) < 2 or job.exit_status not in PYTHON_ERRORS:
        return lines[0]
    # The first line of an exit message says that Python failed, the second line why.
    return lines[1] or lines[-1]


def _describe_missing_result(stderr: list[str]) -> str:
    """Return why a job has no results, from the output of its scheduler and shell."""
    if not stderr:
        return (
            "it ended without a result or a message, killed or out of memory or time, "
            "or its program is not a Python"
        )
    errors = _select_errors(stderr)
    if any(sign in errors for sign in _NOT_STARTED):
        return f"it ended without a result, its program could not be started: {errors}"
    return f"it ended without a result, killed or out of memory or time: {errors}"


def _select_errors(lines: list[str]) -> str:
    """Return the last errors in the output of a scheduler, or else its last line."""
    # A scheduler reports why it ends a job before or after the shell reports the end.
    errors = dict.fromkeys(line.strip() for line in lines if "error" in line.lower())
    return "; ".join(list(errors)[-3:] or lines[-1:])
