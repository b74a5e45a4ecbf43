"""LaterStages: base of a work chain whose first job goes on with the later stages of a chunk.

Each process of AiiDA costs about a second of CPU time. Where one job runs all stages, one work
chain takes all of its results; only what the job has left over has processes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ExitCode, Process
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import CalcJobNode, Dict, FolderData, Int, SinglefileData, Str

from aiida_hpaint.calculations.failures import mark_as_failed
from aiida_hpaint.calculations.identity import is_consistent
from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.recipe import STAGES
from aiida_hpaint.science.structures.status import ACTIVE, SampleStatus
from aiida_hpaint.workflows.engine.retries import RetryingWorkChain
from aiida_hpaint.workflows.engine.verdict import declare_part_codes, find_part_code
from aiida_hpaint.workflows.restore.one_job import find_result, list_files
from aiida_hpaint.workflows.restore.stage_results import count_status, read_outputs

__all__ = ["LaterStages"]

_KEPT = ("code", "options", "handler_overrides", "max_jobs", "max_failures")
"""Inputs that later stages share with the first one."""

_PARTS = ("settings", "identity")
"""Inputs that each stage has of its own."""

_NO_JOB = {"jobs": 0, "failures": 0, "message": ""}
"""What the report says of a stage without jobs of its own."""


class LaterStages(RetryingWorkChain):
    """Base of a work chain that concludes its own stage, and then those in the input `later`.

    The context has what the next stage begins with (`current`), the names of the stages that are
    `left`, and the `verdict` on the first one without all its results: its status and message.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare the later stages, and the results and reports of all stages."""
        super().define(spec)
        spec.input("later", valid_type=Dict, required=False, help="stages that the first job adds")
        spec.input("model", valid_type=FolderData, required=False, help="uploaded as `model/`")
        spec.input(
            "potential", valid_type=SinglefileData, required=False, help="uploaded by its file name"
        )
        spec.output("structures", valid_type=StructureBatchData, help="after the last stage")
        spec.output(
            "report",
            valid_type=Dict,
            help="status, jobs, failures, message: of the first stage without all its results, "
            "or else of the first one",
        )
        for name in (stage.name for stage in STAGES):
            spec.output(f"stages.{name}", valid_type=StructureBatchData, required=False)
            spec.output(f"reports.{name}", valid_type=Dict, required=False)
        declare_part_codes(spec)

    def _conclude(
        self, stage: str, structures: StructureBatchData, details: Mapping[str, Any]
    ) -> None:
        """Keep the results of a stage, and attach them if stages follow."""
        content = {"stage": stage, **details}
        report = label_node(Dict(content), f"report of {stage}", details["message"]).store()
        self._keep(stage, structures, report, details["status"])

    def _keep(self, stage: str, structures: StructureBatchData, report: Dict, status: str) -> None:
        self.ctx.current = structures
        message = report["message"]
        has_failed = find_part_code(self.exit_codes, status, message) is not None
        if "report" not in self.ctx or (has_failed and self.ctx.verdict is None):
            self.ctx.report = report
        if has_failed and self.ctx.verdict is None:
            self.ctx.verdict = [status, message]
        if "later" in self.inputs:
            self.out(f"stages.{stage}", structures)
            self.out(f"reports.{stage}", report)

    def _take_results_of(self, job: CalcJobNode | None) -> None:
        """Conclude the later stages that a job has finished; note those that are left."""
        later = self.inputs.later["stages"] if "later" in self.inputs else []
        self.ctx.left = [step["stage"] for step in later]
        outputs = read_outputs(job) if job is not None and later else {}
        for step in later:
            found = find_result(outputs, step["stage"])
            if job is None or found is None:
                break
            if not is_consistent(step["identity"], found.batch.history):
                job.base.caching.is_valid_cache = False
            self.ctx.current = found
            if count_status(found, SampleStatus.UNFINISHED):
                break
            self.ctx.left = self.ctx.left[1:]
            done = {**_NO_JOB, "status": "finished", "within": job.uuid}
            self._conclude(step["stage"], found, done)
        self._conclude_idle()

    def _conclude_idle(self) -> None:
        """Conclude all stages that are left if no sample is left for them."""
        if count_status(self.ctx.current, *ACTIVE):
            return
        for stage in self.ctx.left:
            self._conclude(stage, self.ctx.current, {**_NO_JOB, "status": "nothing to do"})
        self.ctx.left = []

    def has_later_stage(self) -> bool:
        """Return whether a later stage needs jobs of its own."""
        return bool(self.ctx.left)

    def run_later_stage(self) -> None:
        """Submit a work chain for the next stage that is left."""
        name = self.ctx.left[0]
        step = next(one for one in self.inputs.later["stages"] if one["stage"] == name)
        chain: type[Process] = type(self)
        inputs = {
            **{key: self.inputs[key] for key in (*_KEPT, *list_files(name)) if key in self.inputs},
            **{key: label_node(Dict(step[key]), f"{key} of {name}") for key in _PARTS},
            "stage": Str(name),
            "structures": self.ctx.current,
            "metadata": {"call_link_label": name},
        }
        self.to_context(**{name: self.submit(chain, **inputs)})

    def take_later_stage(self) -> None:
        """Take the results of the work chain of a later stage, or keep those before it."""
        name, *self.ctx.left = self.ctx.left
        node = self.ctx[name]
        outputs = read_outputs(node)
        if "report" in outputs:
            report = outputs["report"]
            is_killed = node.exit_status == self.exit_codes.ERROR_KILLED.status
            status = "killed" if is_killed else report["status"]
            self._keep(name, outputs["structures"], report, status)
        else:
            end = node.exception or node.process_state.value
            message = f"{name}: process {node.pk}: {end}"
            kept = mark_as_failed(self.ctx.current, Int(0), Str(message))
            self._conclude(name, kept, {**_NO_JOB, "status": "failed", "message": message})
        self._conclude_idle()

    def finish(self) -> ExitCode | None:
        """Attach the results of the last stage, and return an exit code if samples are missing."""
        self.out("structures", self.ctx.current)
        self.out("report", self.ctx.report)
        if self.ctx.verdict is None:
            return None
        code: ExitCode | None = find_part_code(self.exit_codes, *self.ctx.verdict)
        return code
