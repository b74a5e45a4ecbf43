"""Messages about failed jobs."""

from __future__ import annotations

import pytest

from aiida_hpaint.workflows.engine.job_failures import (
    _describe_missing_result,
    _select_errors,
)


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


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "or its program is not a Python"),
        (["script.sh: line 9: /opt/python: No such file or directory"], "could not be started"),
        (["script.sh: line 9: 4711 Killed"], "killed or out of memory or time"),
    ],
)
def test_a_program_that_does_not_start_is_not_out_of_memory(
    lines: list[str], expected: str
) -> None:
    assert expected in _describe_missing_result(lines)
