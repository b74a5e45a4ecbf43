"""RepeatingWorkChain: what runs jobs, one after the other, until there is a result."""

from __future__ import annotations

from typing import Any

from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import AbstractCode, CalcJobNode, Dict, Int

from aiida_hpaint.calculations.jobs import WALLTIME_VARIABLE
from aiida_hpaint.workflows.engine.job_failures import (
    PYTHON_ERRORS,
    may_be_due_to_structures,
    reserve_walltime,
)
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain

__all__ = ["RetryingWorkChain"]


class RetryingWorkChain(CrashSafeWorkChain):
    """Base of work chains that submit another job where the last one was cut short or died.

    Its context holds `status` ("running" while another job is to follow), `message`, the numbers
    of `jobs` and `failures` so far, and whether smaller jobs might do better (`divisible`).
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare where and how jobs run, and how many may die in a row."""
        super().define(spec)
        spec.input("code", valid_type=AbstractCode, help="Python where aiida-hpaint is installed")
        spec.input("options", valid_type=Dict, required=False, help="metadata.options of the jobs")
        spec.input(
            "max_failures",
            valid_type=Int,
            default=lambda: Int(2),
            help="jobs that may die one after the other",
        )

    def has_work(self) -> bool:
        """Whether another job is to run."""
        return bool(self.ctx.status == "running")

    def _begin(self) -> None:
        """Nothing has run yet."""
        self.ctx.jobs = 0
        self.ctx.failures = 0
        self.ctx.in_a_row = 0
        self.ctx.message = ""
        self.ctx.status = "running"
        self.ctx.divisible = False

    def _count_success(self) -> None:
        self.ctx.in_a_row = 0

    def _count_failure(self, job: CalcJobNode, problem: str) -> None:
        self.ctx.failures += 1
        self.ctx.in_a_row += 1
        self.ctx.message = f"job {job.pk}: {problem}"
        self.report(self.ctx.message)
        self.ctx.divisible = may_be_due_to_structures(job)
        hopeless = job.exit_status in PYTHON_ERRORS
        if hopeless or self.ctx.in_a_row >= self.inputs.max_failures.value:
            self.ctx.status = "failed"

    def _metadata(self) -> dict[str, Any]:
        """Metadata of the next job, which is told how long it may run."""
        options = self.inputs.options.get_dict() if "options" in self.inputs else {}
        seconds = options.get("max_wallclock_seconds")
        if seconds:
            variables = {WALLTIME_VARIABLE: f"{reserve_walltime(seconds):.0f}"}
            options["environment_variables"] = {
                **options.get("environment_variables", {}),
                **variables,
            }
        metadata = {"options": options, "call_link_label": f"job_{self.ctx.jobs}"}
        return metadata if self._may_be_cached() else {**metadata, "disable_cache": True}

    def _may_be_cached(self) -> bool:
        """Whether inputs settle what a job computes."""
        return False
