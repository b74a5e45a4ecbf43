"""StageWorkChain: run one stage of a restoration for one chunk of hosts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from aiida.engine import ProcessBuilder, ToContext, if_, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import (
    AbstractCode,
    CalcJobNode,
    Dict,
    Int,
    List,
    Str,
)
from aiida_pythonjob import PythonJob

from aiida_hpaint.calculations.failures import mark_as_failed
from aiida_hpaint.calculations.identity import is_complete, is_consistent
from aiida_hpaint.calculations.jobs import run_phases_job, run_stage_job, run_stages_job
from aiida_hpaint.calculations.split_and_join import join_parts, take_hosts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.recipe import find_stage
from aiida_hpaint.science.structures.status import ACTIVE, SampleStatus
from aiida_hpaint.workflows.engine.handlers import (
    RETRY,
    SPLIT,
    check_handler_overrides,
    is_enabled,
)
from aiida_hpaint.workflows.engine.job_failures import describe_failure
from aiida_hpaint.workflows.engine.plain_graphs import runs_in_plain_graph
from aiida_hpaint.workflows.engine.python_jobs import prepare_job
from aiida_hpaint.workflows.restore.later_stages import LaterStages
from aiida_hpaint.workflows.restore.one_job import describe_outputs, find_left_over
from aiida_hpaint.workflows.restore.overrides import (
    override_stages,
    refuse_overrides_of_pw,
    split_restore_overrides,
)
from aiida_hpaint.workflows.restore.stage_results import count_status, read_outputs

__all__ = ["StageWorkChain"]

_OTHER_JOBS: dict[str, Callable[..., Any]] = {"phases": run_phases_job}
"""Jobs that are not stages of the recipe, by name; their structures do not belong to hosts."""


class StageWorkChain(LaterStages):
    """Run one stage for one chunk as a PythonJob, and again if it is unfinished or fails.

    It returns samples and a `report` even if its jobs fail: their samples have the status `failed`,
    and the report says why. A DurableEngine goes on with them, so that a failed chunk does not end
    the others. If jobs keep failing, SplitWorkChain finds the hosts that are the cause, so that the
    others succeed. A job that a user kills is not submitted again.

    The first job may go on with `later` stages. Those that it did not finish follow in work chains
    of their own; the key `left_over` of the report names these `stages`, and the `reason`.
    """

    has_results_if_failed = True

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("stage", valid_type=Str, help="name of a stage of the recipe")
        spec.input("structures", valid_type=StructureBatchData, help="hosts or samples")
        spec.input("settings", valid_type=Dict, help="settings of the stage")
        spec.input("identity", valid_type=Dict, help="package version, model and its sha256")
        spec.input(
            "handler_overrides",
            valid_type=Dict,
            required=False,
            validator=check_handler_overrides,
            help='what does not follow a job that fails, like {"split_hosts": {"enabled": False}}',
        )
        spec.input(
            "max_jobs", valid_type=Int, default=lambda: Int(20), help="largest number of jobs"
        )
        spec.input(
            "is_part",
            valid_type=bool,
            non_db=True,
            default=False,
            help="whether the structures are a part of a split chunk",
        )
        spec.output("trajectory", valid_type=DiffusionTrajectoryData, required=False)
        # aiida-core types the outline for WorkChain itself, not for its subclasses.
        here: Any = cls
        spec.outline(
            here.start,
            while_(here.has_work)(here.run_job, here.inspect_job),
            if_(here.may_be_split)(here.split),
            here.conclude,
            while_(here.has_later_stage)(here.run_later_stage, here.take_later_stage),
            here.finish,
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: str | AbstractCode | None,
        structures: StructureBatchData,
        stage: str,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder of one stage of a restoration.

        Parameters
        ----------
        code
            Code with aiida-hpaint, or its label; None for that of `aiida-hpaint setup`.
        structures
            Hosts for `sample`, samples for all other stages.
        stage
            Name of a stage of the recipe.
        protocol, overrides
            Of the whole restoration; see `aiida_hpaint.science.protocols.load_protocol`. Beside
            these `max_jobs`, `max_failures` and `handler_overrides` are inputs of the stage.
        options
            `metadata.options` of the jobs.

        Raises
        ------
        ValueError
            If anything is unknown, missing or out of its range, or the stage is off.
        """
        from aiida_hpaint.workflows.restore.build import make_stage_plan

        kind = find_stage(stage).kind
        given, own = split_restore_overrides(overrides)
        refuse_overrides_of_pw(
            own, "a single stage runs no pw.x; give them to hpaint.restore or hpaint.validate"
        )
        chosen = load_protocol(protocol, given)
        plan = make_stage_plan(chosen, code, {kind: options} if options else None)
        if stage not in plan:
            raise ValueError(f"the stage {stage} is off: turn it on with overrides")
        builder = cls.get_builder()
        override_stages(plan, own)
        for name, value in {**plan[stage], "stage": Str(stage), "structures": structures}.items():
            builder[name] = value
        return builder

    def _build_process_label(self) -> str:
        later = self.inputs.later["stages"] if "later" in self.inputs else []
        last = f" to {later[-1]['stage']}" if later else ""
        return f"Stage<{self.inputs.stage.value}{last}>"

    def start(self) -> None:
        """Initialise the context."""
        self._begin()
        if runs_in_plain_graph(self.node):
            self.report("its graph is not durable: load and submit it as a DurableGraph")
        self.ctx.current = self.inputs.structures
        self.ctx.sampled = []
        self.ctx.verdict = None
        self.ctx.left_over = None
        self.ctx.trajectory = None
        self.ctx.status = "running" if self._has_active_samples() else "nothing to do"

    def run_job(self) -> None:
        """Submit a job, which continues where the last one stopped."""
        self.ctx.jobs += 1
        function = _OTHER_JOBS.get(self.inputs.stage.value, run_stage_job)
        named = {} if function in _OTHER_JOBS.values() else {"stage": self.inputs.stage}
        if self._list_later():
            function, named["later"] = run_stages_job, self.inputs.later
        function_inputs = {
            **named,
            "structures": self.ctx.current,
            "settings": self.inputs.settings,
            "identity": self.inputs.identity,
        }
        inputs = prepare_job(
            function,
            function_inputs,
            outputs_spec=describe_outputs(
                self._list_later(), bool(self.inputs.settings.get("record", 0))
            ),
            upload_files={n: self.inputs[n] for n in ("model", "potential") if n in self.inputs},
            code=self.inputs.code,
            metadata=self._metadata(),
        )
        self.to_context(job=self.submit(PythonJob, **inputs))

    def inspect_job(self) -> None:
        """Take the results of the job, and decide whether another one follows."""
        job = self.ctx.job
        outputs = read_outputs(job)
        found = outputs.get("structures")
        problem = describe_failure(job) or self._find_fault(found)
        if later := self._list_later():
            self.ctx.left_over = find_left_over(job.pk, outputs, later, problem)
        if problem is not None:
            self._count_failure(job, problem)
            if not is_enabled(self.inputs, RETRY):
                self.ctx.status = "failed"
        elif found is not None:
            self._check_consistency(job, found)
            take = self._take_sampled if self._samples_hosts() else self._take_relaxed
            idle = take(found)
            if idle is None:
                self._count_success()
            else:
                self._count_idle(idle)
            self.ctx.trajectory = outputs.get("trajectory")
        if self.ctx.status == "running" and self.ctx.jobs >= self.inputs.max_jobs.value:
            self.ctx.status = "unfinished"
            self.ctx.message = f"some samples are unfinished after {self.ctx.jobs} jobs"

    def may_be_split(self) -> bool:
        """Return whether smaller jobs with fewer hosts may succeed."""
        if self.ctx.status != "failed" or not self.ctx.divisible or self.inputs.is_part:
            return False
        if not is_enabled(self.inputs, SPLIT):
            return False
        if self.inputs.stage.value in _OTHER_JOBS:
            return False
        return len(set(self.ctx.current.batch.host_indices.tolist())) > 1

    def split(self) -> Any:
        """Find the hosts that make the job fail."""
        # SplitWorkChain runs stages itself.
        from aiida_hpaint.workflows.restore.split import SplitWorkChain

        self.report(f"{self.ctx.message}: halving the hosts to find those that fail")
        inputs = {
            name: self.inputs[name]
            for name in SplitWorkChain.spec().inputs
            if name in self.inputs and name != "metadata"
        }
        inputs |= {"structures": self.ctx.current, "metadata": {"call_link_label": "split"}}
        return ToContext(parts=self.submit(SplitWorkChain, **inputs))

    def conclude(self) -> None:
        """Conclude this stage, and take the results of later ones from its job."""
        last = self._get_last_part()
        parts = [*self.ctx.sampled, *([] if last is None else [last])]
        named = {f"part_{i:05d}": part for i, part in enumerate(parts)}
        structures = parts[0] if len(parts) == 1 else join_parts(self.inputs.structures, **named)
        details = {name: self.ctx[name] for name in ("status", "jobs", "failures", "message")}
        if self.ctx.trajectory is not None:
            self.out("trajectory", self.ctx.trajectory)
        if self.ctx.left_over is not None and count_status(structures, *ACTIVE):
            details["left_over"] = self.ctx.left_over
            names, reason = ", ".join(self.ctx.left_over["stages"]), self.ctx.left_over["reason"]
            self.report(f"jobs of their own for {names}: {reason}")
        if self.ctx.killed:
            self.ctx.verdict = ["killed", self.ctx.message]
        self._conclude(self.inputs.stage.value, structures, details)
        # Later stages of a job whose own samples are of no use began with them.
        is_whole = self.ctx.jobs == 1 and self.ctx.status == "finished"
        self._take_results_of(self.ctx.job if is_whole else None)

    def _check_consistency(self, job: CalcJobNode, found: StructureBatchData) -> None:
        """Take a job out of the cache if it had other models or versions than this Python."""
        if not is_consistent(self.inputs.identity.get_dict(), found.batch.history):
            job.base.caching.is_valid_cache = False

    def _list_later(self) -> list[dict[str, Any]]:
        """Return the stages that the next job adds; jobs after a first failure run one stage."""
        if "later" not in self.inputs or self.ctx.jobs > 1:
            return []
        stages: list[dict[str, Any]] = self.inputs.later["stages"]
        return stages

    def _get_last_part(self) -> StructureBatchData | None:
        """Return the results of `ctx.current`; None if all hosts have their samples."""
        if "parts" in self.ctx and "report" in self.ctx.parts.outputs:
            report = self.ctx.parts.outputs.report
            self.ctx.jobs += report["jobs"]
            self.ctx.failures += report["failures"]
            self.ctx.status, self.ctx.message = report["status"], report["message"]
            split: StructureBatchData = self.ctx.parts.outputs.structures
            return split
        is_incomplete = self._samples_hosts() and self.ctx.status != "finished"
        if self.ctx.status == "failed" or is_incomplete:
            lost: StructureBatchData = mark_as_failed(
                self.ctx.current, Int(self._get_sample_count()), Str(self.ctx.message)
            )
            return lost
        return None if self._samples_hosts() else self.ctx.current

    def _may_be_cached(self) -> bool:
        identities = [step["identity"] for step in self._list_later()]
        return all(map(is_complete, [self.inputs.identity.get_dict(), *identities]))

    def _samples_hosts(self) -> bool:
        stage = self.inputs.stage.value
        return stage not in _OTHER_JOBS and find_stage(stage).kind == "sample"

    def _get_sample_count(self) -> int:
        return int(self.inputs.settings["samples"]) if self._samples_hosts() else 0

    def _has_active_samples(self) -> bool:
        return self._samples_hosts() or count_status(self.ctx.current, *ACTIVE) > 0

    def _take_relaxed(self, structures: StructureBatchData) -> str | None:
        """Continue from relaxed samples; return a message if they made no progress."""
        left = count_status(structures, SampleStatus.UNFINISHED)
        idle = left and _count_evaluations(structures) == _count_evaluations(self.ctx.current)
        self.ctx.current = structures
        self.ctx.status = "running" if left else "finished"
        self.report(f"job {self.ctx.job.pk} finished, {left} samples are left")
        return f"{left} samples make no progress within the walltime of a job" if idle else None

    def _take_sampled(self, structures: StructureBatchData) -> str | None:
        """Keep the samples of finished hosts; return a message if there are none."""
        hosts = self.ctx.current.batch.host_indices
        is_done = np.isin(hosts, structures.batch.host_indices)
        left = list(dict.fromkeys(hosts[~is_done].tolist()))
        self.ctx.status = "running" if left else "finished"
        self.report(f"job {self.ctx.job.pk} finished, {len(left)} hosts are left")
        if not len(structures):
            return f"the samples of one host take longer than job {self.ctx.job.pk} had"
        self.ctx.sampled.append(structures)
        if left:
            self.ctx.current = take_hosts(self.ctx.current, List(left))
        return None

    def _count_idle(self, message: str) -> None:
        """Count a job without progress; the first one may have run on a busy node."""
        self.ctx.in_a_row += 1
        if self.ctx.in_a_row >= self.inputs.max_failures.value:
            self.ctx.status, self.ctx.message = "unfinished", message

    def _find_fault(self, found: Any) -> str | None:
        """Return in a few words why what a job has returned is of no use; None if it is."""
        if not isinstance(found, StructureBatchData):
            return f"it returned {type(found).__name__} instead of a StructureBatch"
        expected = self._count_expected(found)
        if len(found) < expected or (len(found) > expected and not self._proposes()):
            return f"it returned {len(found)} structures instead of {expected}"
        return None

    def _count_expected(self, found: StructureBatchData) -> int:
        if not self._samples_hosts():
            return len(self.ctx.current)
        done = np.isin(self.ctx.current.batch.host_indices, found.batch.host_indices)
        return int(done.sum()) * self._get_sample_count()

    def _proposes(self) -> bool:
        """Return whether a job may add samples: symmetric proposals, or what a search finds."""
        stage = self.inputs.stage.value
        if stage not in _OTHER_JOBS and find_stage(stage).adds_samples:
            return True
        symmetry = self.inputs.settings.get("symmetry", None) or {}
        return bool(symmetry.get("symmetrised") or symmetry.get("wyckoff"))


def _count_evaluations(node: StructureBatchData) -> int:
    return int(np.sum(node.batch.scalars.get("steps", 0)))
