"""RetryingWorkChain: base of work chains that run one job after the other until they succeed."""

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
from aiida_hpaint.workflows.engine.upstream_checkpoints import shorten_checkpoints
from aiida_hpaint.workflows.engine.upstream_jobs import shorten_local_jobs
from aiida_hpaint.workflows.engine.upstream_queries import shorten_queries

__all__ = ["RetryingWorkChain"]

shorten_checkpoints()
shorten_queries()
shorten_local_jobs()


class RetryingWorkChain(CrashSafeWorkChain):
    """Base of work chains that submit another job if the last one was unfinished or failed.

    The context has `status` ("running" while another job follows), `message`, the numbers of
    `jobs` and `failures`, and whether smaller jobs may succeed (`divisible`) or a user has killed
    the last one (`killed`).
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare the code and options of the jobs, and how often they may fail in a row."""
        super().define(spec)
        spec.input("code", valid_type=AbstractCode, help="Python with aiida-hpaint")
        spec.input("options", valid_type=Dict, required=False, help="metadata.options of the jobs")
        spec.input(
            "max_failures",
            valid_type=Int,
            default=lambda: Int(2),
            help="failures in a row after which no other job follows",
        )

    def has_work(self) -> bool:
        """Return whether another job follows."""
        return bool(self.ctx.status == "running")

    def _begin(self) -> None:
        """Initialise the context."""
        self.ctx.jobs = 0
        self.ctx.failures = 0
        self.ctx.in_a_row = 0
        self.ctx.message = ""
        self.ctx.status = "running"
        self.ctx.divisible = False
        self.ctx.killed = False

    def _count_success(self) -> None:
        self.ctx.in_a_row = 0

    def _count_failure(self, job: CalcJobNode, problem: str) -> None:
        self.ctx.failures += 1
        self.ctx.in_a_row += 1
        self.ctx.message = f"job {job.pk}: {problem}"
        self.report(self.ctx.message)
        self.ctx.divisible = may_be_due_to_structures(job)
        if job.is_killed:
            # What a user has stopped is not submitted again.
            self.ctx.killed, self.ctx.divisible, self.ctx.status = True, False, "failed"
        if job.exit_status in PYTHON_ERRORS or self.ctx.in_a_row >= self.inputs.max_failures.value:
            self.ctx.status = "failed"

    def _metadata(self) -> dict[str, Any]:
        """Return the metadata of the next job, with its walltime as an environment variable."""
        options = self.inputs.options.get_dict() if "options" in self.inputs else {}
        seconds = options.get("max_wallclock_seconds")
        if seconds:
            options["environment_variables"] = {
                **options.get("environment_variables", {}),
                WALLTIME_VARIABLE: f"{reserve_walltime(seconds):.0f}",
            }
        name = f"job_{self.ctx.jobs}"
        label = f"{self._build_process_label()} {name}"
        metadata = {"options": options, "call_link_label": name, "label": label}
        return metadata if self._may_be_cached() else {**metadata, "disable_cache": True}

    def _may_be_cached(self) -> bool:
        """Return whether the inputs of a job determine its result."""
        return False
