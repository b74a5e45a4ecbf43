"""Training as a chain of jobs, each of which continues the previous one."""

from __future__ import annotations

from typing import Any

from aiida.engine import ExitCode, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import (
    ArrayData,
    CalcJobNode,
    Dict,
    FolderData,
    Int,
    RemoteData,
    SinglefileData,
    Str,
)
from aiida_pythonjob import PythonJob
from aiida_workgraph import namespace

from aiida_hpaint.calculations.models import CURVE_FILE, collect_model
from aiida_hpaint.calculations.training import OUTPUT_FOLDER, PREVIOUS_FOLDER, train_job
from aiida_hpaint.workflows.engine.job_failures import describe_failure
from aiida_hpaint.workflows.engine.python_jobs import prepare_job
from aiida_hpaint.workflows.engine.retries import RetryingWorkChain

__all__ = ["TrainWorkChain"]


class TrainWorkChain(RetryingWorkChain):
    """Work chain that trains a model in PythonJobs; each continues where the last one stopped."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("settings", valid_type=Dict, help="TrainingSettings, as the job sees the data")
        spec.input("identity", valid_type=Dict, help="package version, model to start from")
        spec.input_namespace(
            "files",
            valid_type=(SinglefileData, FolderData),
            required=False,
            help="data by file name",
        )
        spec.input(
            "previous",
            valid_type=RemoteData,
            required=False,
            help="remote folder of a job to continue",
        )
        spec.input(
            "max_jobs", valid_type=Int, default=lambda: Int(100), help="largest number of jobs"
        )
        spec.output("model", valid_type=FolderData, required=False, help="weights and card")
        spec.output("curve", valid_type=ArrayData, required=False, help="step, loss, validation")
        spec.output("remote_folder", valid_type=RemoteData, required=False, help="checkpoints")
        spec.output("report", valid_type=Dict, help="status, jobs, failures, message, steps, cost")
        spec.exit_code(401, "ERROR_FAILED", message="Training failed: {message}")
        spec.exit_code(402, "ERROR_UNFINISHED", message="Training is not finished: {message}")
        # The outline of aiida-core is typed for WorkChain itself, not for what derives from it.
        here: Any = cls
        spec.outline(here.start, while_(here.has_work)(here.run_job, here.inspect_job), here.finish)

    def start(self) -> None:
        """Initialise the context."""
        self._begin()
        self.ctx.previous = self.inputs.get("previous")
        self.ctx.result = {}

    def run_job(self) -> None:
        """Submit a job that continues from the last one."""
        self.ctx.jobs += 1
        inputs = prepare_job(
            train_job,
            {"settings": self.inputs.settings, "identity": self.inputs.identity},
            outputs_spec=namespace(report=Any),
            upload_files=dict(self.inputs.get("files", {})) or None,
            code=self.inputs.code,
            metadata=self._metadata(),
            additional_retrieve_list=self._files_to_retrieve(),
        )
        if self.ctx.previous is not None:
            inputs["copy_files"] = {PREVIOUS_FOLDER: self.ctx.previous}
        self.to_context(job=self.submit(PythonJob, **inputs))

    def inspect_job(self) -> None:
        """Evaluate the job, and decide whether another one follows."""
        job = self.ctx.job
        problem = describe_failure(job)
        if "remote_folder" in job.outputs:
            self.ctx.previous = job.outputs.remote_folder
        if problem is None:
            self._count_success()
            self._read_report(job)
        else:
            self._count_failure(job, problem)
        if self.ctx.status == "running" and self.ctx.jobs >= self.inputs.max_jobs.value:
            self._stop("unfinished", f"{self.ctx.jobs} jobs were not enough")

    def finish(self) -> ExitCode | None:
        """Attach the outputs and return the exit code."""
        details = {name: self.ctx[name] for name in ("status", "jobs", "failures", "message")}
        self.out("report", Dict({**self.ctx.result, **details}).store())
        if self.ctx.previous is not None:
            self.out("remote_folder", self.ctx.previous)
        if self.ctx.status == "finished":
            name = Str(self.inputs.settings["name"])
            self.out_many(collect_model(self.ctx.job.outputs.retrieved, name))
            return None
        codes = self.exit_codes
        code: ExitCode = (
            codes.ERROR_FAILED if self.ctx.status == "failed" else codes.ERROR_UNFINISHED
        )
        return code.format(message=self.ctx.message)

    def _read_report(self, job: CalcJobNode) -> None:
        report = job.outputs.report.get_dict()
        stuck = report["steps"] == self.ctx.result.get("steps") and not report["finished"]
        self.ctx.result = report
        self.report(f"job {job.pk} ended after step {report['steps']}")
        if report["finished"]:
            self.ctx.status = "finished"
        elif stuck:
            self._stop("unfinished", f"no step fits into the walltime of job {job.pk}")

    def _stop(self, status: str, message: str) -> None:
        self.ctx.status, self.ctx.message = status, message

    def _files_to_retrieve(self) -> list[str]:
        """Return the files to retrieve; checkpoints are large and stay on the remote computer."""
        name = self.inputs.settings["name"]
        kinds = (".safetensors", ".json", ".removed.csv")
        return [
            f"{OUTPUT_FOLDER}/{CURVE_FILE}",
            *(f"{OUTPUT_FOLDER}/{name}{kind}" for kind in kinds),
        ]
