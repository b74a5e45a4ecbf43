"""Messages about failed jobs."""

from __future__ import annotations

import pytest

from aiida_hpaint.workflows.engine.job_failures import _select_errors


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ""),
        (["a warning", "Killed"], "Killed"),
        (["slurmstepd: error: *** JOB 9 CANCELLED ***", "Terminated"], "JOB 9 CANCELLED"),
        (
            ["slurmstepd: error: exceeded memory limit", "slurmstepd: error: *** CANCELLED ***"],
            "exceeded memory limit; slurmstepd: error: *** CANCELLED",
        ),
    ],
)
def test_errors_of_the_scheduler_are_selected(lines: list[str], expected: str) -> None:
    assert expected in _select_errors(lines)
    assert "Terminated" not in _select_errors(lines)
