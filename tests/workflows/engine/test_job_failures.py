"""What is told of jobs that ended badly."""

from __future__ import annotations

import pytest

from aiida_hpaint.workflows.engine.job_failures import _of_note


@pytest.mark.parametrize(
    ("said", "told"),
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
def test_the_scheduler_has_the_last_word(said: list[str], told: str) -> None:
    assert told in _of_note(said)
    assert "Terminated" not in _of_note(said)
