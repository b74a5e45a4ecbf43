"""How PythonJobs end: within their walltime, for good, and with what last words."""

from __future__ import annotations

from aiida.orm import CalcJobNode

PYTHON_ERRORS = frozenset({323, 324, 325, 326, 327, 328, 329})
"""Exit codes of jobs whose Python raised an error: to try again would raise it again."""

_RAISED = 326
"""Exit code of a job whose function raised an error."""

_OF_THE_COMPUTER = (
    "MismatchError",
    "CheckpointError",
    "PotentialError",
    "ImportError",
    "ModuleNotFoundError",
)
"""Errors that no structure is to blame for: what is installed, or a model, is not as it should."""

_NO_RESULT = 310
"""Exit code of a job that left no file with results."""


def reserve_walltime(walltime: float) -> float:
    """Return the walltime (s) less the time to start Python and to write the results."""
    return walltime - min(max(0.1 * walltime, 60.0), 0.5 * walltime)


def may_be_due_to_structures(job: CalcJobNode) -> bool:
    """Whether structures may be why a job failed, so that others would do better without them."""
    if job.exit_status not in PYTHON_ERRORS:
        return True
    lines = (job.exit_message or "").strip().splitlines()
    # A traceback ends with the error.
    error = lines[-1].partition(":")[0].rpartition(".")[2] if lines else ""
    return job.exit_status == _RAISED and error not in _OF_THE_COMPUTER


def describe_failure(job: CalcJobNode) -> str | None:
    """Why a job ended without results, in a few words; None where it has some."""
    if job.is_excepted or job.is_killed:
        lines = (job.exception or "killed").strip().splitlines()
        return f"its results cannot be read: {lines[-1]}" if job.is_excepted else lines[-1]
    if not job.is_finished_ok:
        return f"{_last_words(job)} (exit status {job.exit_status})"
    return None


def _last_words(job: CalcJobNode) -> str:
    if job.exit_status == _NO_RESULT:
        said = _of_note((job.get_scheduler_stderr() or "").strip().splitlines())
        return f"it ended without a result, killed or out of memory or time{said and ': '}{said}"
    lines = (job.exit_message or "it failed").strip().splitlines()
    if len(lines) < 2 or job.exit_status not in PYTHON_ERRORS:
        return lines[0]
    # The first line of an exit message says that Python failed, the second how, if at all.
    return lines[1] or lines[-1]


def _of_note(lines: list[str]) -> str:
    """Return the most informative lines: the last errors, or else the last line."""
    # Schedulers say why they end a job before or after the shell says that it was ended.
    errors = dict.fromkeys(line.strip() for line in lines if "error" in line.lower())
    return "; ".join(list(errors)[-3:] or lines[-1:])
