"""StageWorkChain: one stage of a restoration for one chunk, which always ends with a result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from aiida.engine import ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import CalcJobNode, Dict, FolderData, Int, List, Str
from aiida_pythonjob import PythonJob, prepare_pythonjob_inputs
from aiida_workgraph import namespace

from aiida_hpaint.calculations.failures import mark_as_failed
from aiida_hpaint.calculations.identity import is_complete, is_consistent
from aiida_hpaint.calculations.jobs import run_phases_job, run_stage_job
from aiida_hpaint.calculations.split_and_join import join_parts, take_hosts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.science.recipe import find_stage
from aiida_hpaint.science.structures.status import ACTIVE, SampleStatus
from aiida_hpaint.workflows.engine.job_failures import describe_failure
from aiida_hpaint.workflows.engine.retries import RetryingWorkChain

__all__ = ["StageWorkChain"]

_OTHER_JOBS: dict[str, Callable[..., Any]] = {"phases": run_phases_job}
"""Jobs that are no stage of the recipe, by name, and whose structures are no hosts."""


class StageWorkChain(RetryingWorkChain):
    """Run one stage for one chunk: a PythonJob, again if it was cut short or died.

    A chunk that fails must not take the others with it, so this work chain finishes with exit
    status 0 whatever its jobs do: samples of a job that died hold the status `failed`, and the
    `report` says why. Nor must a host take the others of its chunk with it: where jobs keep dying,
    SplitWorkChain looks for the host that kills them.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("stage", valid_type=Str, help="name of a stage of the recipe")
        spec.input("structures", valid_type=StructureBatchData, help="hosts or samples")
        spec.input("settings", valid_type=Dict, help="settings of the stage")
        spec.input("identity", valid_type=Dict, help="package version, model and its sha256")
        spec.input("model", valid_type=FolderData, required=False, help="sent along as `model/`")
        spec.input("max_jobs", valid_type=Int, default=lambda: Int(20), help="jobs in all")
        spec.input(
            "is_part", valid_type=bool, non_db=True, default=False, help="of a chunk that was split"
        )
        spec.output("structures", valid_type=StructureBatchData)
        spec.output("trajectory", valid_type=DiffusionTrajectoryData, required=False)
        spec.output("report", valid_type=Dict, help="status, jobs, failures, message")
        # The outline of aiida-core is typed for WorkChain itself, not for what derives from it.
        here: Any = cls
        spec.outline(
            here.start,
            while_(here.has_work)(here.run_job, here.inspect_job),
            if_(here.may_be_split)(here.split),
            here.finish,
        )

    def _build_process_label(self) -> str:
        return f"Stage<{self.inputs.stage.value}>"

    def start(self) -> None:
        """Nothing has run yet."""
        self._begin()
        self.ctx.current = self.inputs.structures
        self.ctx.drawn = []
        self.ctx.trajectory = None
        self.ctx.status = "running" if self._any_alive() else "nothing to do"

    def run_job(self) -> None:
        """Submit the job; it goes on where the last one had to stop."""
        self.ctx.jobs += 1
        function = _OTHER_JOBS.get(self.inputs.stage.value, run_stage_job)
        named = {} if function in _OTHER_JOBS.values() else {"stage": self.inputs.stage}
        function_inputs = {
            **named,
            "structures": self.ctx.current,
            "settings": self.inputs.settings,
            "identity": self.inputs.identity,
        }
        inputs = prepare_pythonjob_inputs(
            function,
            function_inputs=function_inputs,
            inputs_spec=namespace(**dict.fromkeys(function_inputs, Any)),
            outputs_spec=self._job_outputs(),
            upload_files={"model": self.inputs.model} if "model" in self.inputs else None,
            code=self.inputs.code,
            metadata=self._metadata(),
        )
        self.to_context(job=self.submit(PythonJob, **inputs))

    def inspect_job(self) -> None:
        """Take what the job returned, and decide whether another one follows."""
        job = self.ctx.job
        problem = self._problem(job)
        if problem is not None:
            self._count_failure(job, problem)
        else:
            if not is_consistent(
                self.inputs.identity.get_dict(), job.outputs.structures.batch.history
            ):
                job.base.caching.is_valid_cache = False
            take = self._take_drawn if self._draws() else self._take
            idle = take(job.outputs.structures)
            if idle is None:
                self._count_success()
            else:
                self._count_idle(idle)
            self.ctx.trajectory = job.outputs.trajectory if "trajectory" in job.outputs else None
        if self.ctx.status == "running" and self.ctx.jobs >= self.inputs.max_jobs.value:
            self.ctx.status = "unfinished"
            self.ctx.message = f"some samples are unfinished after {self.ctx.jobs} jobs"

    def may_be_split(self) -> bool:
        """Whether the hosts are to be tried in smaller jobs."""
        if self.ctx.status != "failed" or not self.ctx.divisible or self.inputs.is_part:
            return False
        if self.inputs.stage.value in _OTHER_JOBS:
            return False
        return len(set(self.ctx.current.batch.host_indices.tolist())) > 1

    def split(self) -> Any:
        """Look for the hosts that are to blame."""
        # It runs stages itself.
        from aiida_hpaint.workflows.restore.split import SplitWorkChain

        self.report(f"{self.ctx.message}: halving the hosts to find out which are to blame")
        inputs = {
            name: self.inputs[name]
            for name in SplitWorkChain.spec().inputs
            if name in self.inputs and name != "metadata"
        }
        inputs |= {"structures": self.ctx.current, "metadata": {"call_link_label": "split"}}
        return ToContext(parts=self.submit(SplitWorkChain, **inputs))

    def finish(self) -> None:
        """Attach what there is."""
        last = self._last()
        parts = [*self.ctx.drawn, *([] if last is None else [last])]
        named = {f"part_{i:05d}": part for i, part in enumerate(parts)}
        whole = len(parts) == 1
        structures = parts[0] if whole else join_parts(self.inputs.structures, **named)
        details = {name: self.ctx[name] for name in ("status", "jobs", "failures", "message")}
        self.out("structures", structures)
        if self.ctx.trajectory is not None:
            self.out("trajectory", self.ctx.trajectory)
        self.out("report", Dict({"stage": self.inputs.stage.value, **details}).store())

    def _last(self) -> StructureBatchData | None:
        """Return what became of `ctx.current`; None where all hosts are sampled."""
        if "parts" in self.ctx and self.ctx.parts.is_finished_ok:
            told = self.ctx.parts.outputs.report
            self.ctx.jobs += told["jobs"]
            self.ctx.failures += told["failures"]
            self.ctx.status, self.ctx.message = told["status"], told["message"]
            split: StructureBatchData = self.ctx.parts.outputs.structures
            return split
        left = self._draws() and self.ctx.status != "finished"
        if self.ctx.status == "failed" or left:
            lost: StructureBatchData = mark_as_failed(
                self.ctx.current, Int(self._samples()), Str(self.ctx.message)
            )
            return lost
        return None if self._draws() else self.ctx.current

    def _job_outputs(self) -> Any:
        # Without a recording the job has the outputs, and so the hash, that it always had.
        if self.inputs.settings.get("record", 0):
            return namespace(structures=Any, trajectory=Any)
        return namespace(structures=Any)

    def _may_be_cached(self) -> bool:
        return is_complete(self.inputs.identity.get_dict())

    def _draws(self) -> bool:
        stage = self.inputs.stage.value
        return stage not in _OTHER_JOBS and find_stage(stage).kind == "sample"

    def _samples(self) -> int:
        return int(self.inputs.settings["samples"]) if self._draws() else 0

    def _any_alive(self) -> bool:
        return self._draws() or _count(self.ctx.current, *ACTIVE) > 0

    def _take(self, structures: StructureBatchData) -> str | None:
        """Go on from relaxed samples; why there is nothing new in them, if so."""
        left = _count(structures, SampleStatus.UNFINISHED)
        idle = left and _evaluations(structures) == _evaluations(self.ctx.current)
        self.ctx.current = structures
        self.ctx.status = "running" if left else "finished"
        self.report(f"job {self.ctx.job.pk} finished, {left} samples are left")
        return f"{left} samples make no progress within the walltime of a job" if idle else None

    def _take_drawn(self, structures: StructureBatchData) -> str | None:
        """Keep the samples of hosts that are done; why there are none, if so."""
        places = self.ctx.current.batch.host_indices
        done = np.isin(places, structures.batch.host_indices)
        left = list(dict.fromkeys(places[~done].tolist()))
        self.ctx.status = "running" if left else "finished"
        self.report(f"job {self.ctx.job.pk} finished, {len(left)} hosts are left")
        if not len(structures):
            return f"the samples of one host take longer than job {self.ctx.job.pk} had"
        self.ctx.drawn.append(structures)
        if left:
            self.ctx.current = take_hosts(self.ctx.current, List(left))
        return None

    def _count_idle(self, message: str) -> None:
        """Count a job without progress: one may have met a busy node, several have not."""
        self.ctx.in_a_row += 1
        if self.ctx.in_a_row >= self.inputs.max_failures.value:
            self.ctx.status, self.ctx.message = "unfinished", message

    def _problem(self, job: CalcJobNode) -> str | None:
        """Why the job gave no result that can be used, in a few words."""
        if problem := describe_failure(job):
            return problem
        found = job.outputs.structures if "structures" in job.outputs else None
        if not isinstance(found, StructureBatchData):
            return f"it returned {type(found).__name__} instead of a StructureBatch"
        expected = self._expected(found)
        if len(found) < expected or (len(found) > expected and not self._proposes()):
            return f"it returned {len(found)} structures instead of {expected}"
        return None

    def _expected(self, found: StructureBatchData) -> int:
        if not self._draws():
            return len(self.ctx.current)
        done = np.isin(self.ctx.current.batch.host_indices, found.batch.host_indices)
        return int(done.sum()) * self._samples()

    def _proposes(self) -> bool:
        """Whether a job may return more samples than it draws."""
        symmetry = self.inputs.settings.get("symmetry", None) or {}
        return bool(symmetry.get("symmetrised") or symmetry.get("wyckoff"))


def _count(node: StructureBatchData, *statuses: SampleStatus) -> int:
    found = node.base.attributes.get("statuses", {})
    return sum(found.get(str(status), 0) for status in statuses)


def _evaluations(node: StructureBatchData) -> int:
    return int(np.sum(node.batch.scalars.get("steps", 0)))
