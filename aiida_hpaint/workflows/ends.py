"""How PythonJobs end: within their walltime, for good, and with what last words."""

from __future__ import annotations

from aiida.orm import CalcJobNode

FOR_NOTHING = frozenset({323, 324, 325, 326, 327, 328})
"""Exit codes of jobs whose Python raised an error: to try again would raise it again."""

_NO_RESULT = 310
"""Exit code of a job that left no file with results."""


def usable_walltime(walltime: float) -> float:
    """The walltime (s) without what starting Python and writing the results takes."""
    return walltime - min(max(0.1 * walltime, 60.0), 0.5 * walltime)


def problem_of(job: CalcJobNode) -> str | None:
    """Why a job ended without results, in a few words; None where it has some."""
    if job.is_excepted or job.is_killed:
        return job.exception or "killed"
    if not job.is_finished_ok:
        return f"{_last_words(job)} (exit status {job.exit_status})"
    return None


def _last_words(job: CalcJobNode) -> str:
    if job.exit_status == _NO_RESULT:
        said = (job.get_scheduler_stderr() or "").strip().splitlines()
        told = f": {said[-1]}" if said else ""
        return f"it ended without a result, killed or out of memory or time{told}"
    lines = (job.exit_message or "it failed").strip().splitlines()
    # The first line of an exit message says that Python failed, the second how.
    return lines[1] if len(lines) > 1 and job.exit_status in FOR_NOTHING else lines[0]
