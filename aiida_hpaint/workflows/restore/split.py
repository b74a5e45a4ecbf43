"""SplitWorkChain: halve the hosts of a chunk until those that make its jobs fail are alone."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

from aiida.engine import ExitCode, while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, Int, List, WorkChainNode

from aiida_hpaint.calculations.split_and_join import join_parts, take_hosts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain
from aiida_hpaint.workflows.engine.verdict import declare_part_codes, find_part_code
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = ["SplitWorkChain", "halve"]

Part = tuple[int, int]
"""First position among the hosts of the chunk, and the position after the last."""

_MAX_FAULTY_HOSTS = 4
"""Number of faulty hosts whose isolation the budget of jobs allows for."""

_MAX_HALVINGS = 2
"""Halvings after which the search ends if every job has failed: then no host is the cause."""


class SplitWorkChain(CrashSafeWorkChain):
    """Halve the hosts of a chunk until those that make their job fail are alone.

    The jobs of one halving run in parallel. One faulty host among n takes 2 log2(n) jobs. If every
    job fails, the cause is not a host, and the search ends.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.expose_inputs(StageWorkChain, exclude=("is_part", "later", "max_failures"))
        spec.output("structures", valid_type=StructureBatchData)
        spec.output("report", valid_type=Dict, help="status, jobs, failures, message, parts")
        declare_part_codes(spec)
        # aiida-core types the outline for WorkChain itself, not for its subclasses.
        here: Any = cls
        spec.outline(
            here.start, while_(here.has_parts)(here.run_parts, here.inspect_parts), here.finish
        )

    def _build_process_label(self) -> str:
        return f"Split<{self.inputs.stage.value}>"

    def start(self) -> None:
        """Halve the hosts for the first time."""
        self.ctx.hosts = list(dict.fromkeys(self.inputs.structures.batch.host_indices.tolist()))
        self.ctx.waiting = halve((0, len(self.ctx.hosts)))
        self.ctx.finished = []
        self.ctx.halvings = 1

    def has_parts(self) -> bool:
        """Return whether parts wait for their job."""
        return bool(self.ctx.waiting)

    def run_parts(self) -> None:
        """Submit a stage for each part."""
        inputs = self.exposed_inputs(StageWorkChain)
        for first, last in self.ctx.waiting:
            chosen = take_hosts(self.inputs.structures, List(self.ctx.hosts[first:last]))
            label = _name((first, last))
            given = {**inputs, "structures": chosen, "max_failures": Int(1), "is_part": True}
            given["metadata"] = {"call_link_label": label}
            self.to_context(**{label: self.submit(StageWorkChain, **given)})

    def inspect_parts(self) -> None:
        """Halve the parts whose job failed."""
        failed = [part for part in self.ctx.waiting if self._has_failed(part)]
        self.ctx.finished += [part for part in self.ctx.waiting if part not in failed]
        every_job_failed = not self.ctx.finished and self.ctx.halvings >= _MAX_HALVINGS
        budget = _MAX_FAULTY_HOSTS * ceil(log2(len(self.ctx.hosts))) * 2 - len(
            self._get_processes()
        )
        self.ctx.waiting = []
        for part in failed:
            if every_job_failed or len(halve(part)) < 2 or len(self.ctx.waiting) + 2 > budget:
                self.ctx.finished.append(part)
            else:
                self.ctx.waiting += halve(part)
        self.ctx.halvings += 1

    def finish(self) -> ExitCode | None:
        """Join the results of the parts, and return an exit code if hosts failed."""
        parts = {
            _name(part): self._get_process(part).outputs.structures for part in self.ctx.finished
        }
        self.out("structures", join_parts(self.inputs.structures, **parts))
        report = self._report()
        self.out("report", Dict(report).store())
        code: ExitCode | None = find_part_code(self.exit_codes, report["status"], report["message"])
        return code

    def _report(self) -> dict[str, Any]:
        reports = [node.outputs.report.get_dict() for node in self._get_processes()]
        failed = [part for part in self.ctx.finished if self._has_failed(part)]
        lost = sum(last - first for first, last in failed)
        total = len(self.ctx.hosts)
        status = "failed" if lost == total else "failed in part" if lost else "finished"
        why = self._get_process(failed[0]).outputs.report["message"] if failed else ""
        return {
            "status": status,
            "jobs": sum(each["jobs"] for each in reports),
            "failures": sum(each["failures"] for each in reports),
            "message": f"{lost} of {total} hosts failed: {why}" if failed else "",
        }

    def _get_processes(self) -> list[WorkChainNode]:
        called = self.node.called
        return [n for n in called if isinstance(n, WorkChainNode) and "report" in n.outputs]

    def _get_process(self, part: Part) -> WorkChainNode:
        node: WorkChainNode = self.ctx[_name(part)]
        return node

    def _has_failed(self, part: Part) -> bool:
        return bool(self._get_process(part).outputs.report["status"] == "failed")


def halve(part: Part) -> list[Part]:
    """Return two parts of about equal size; for a single host the part itself."""
    first, last = part
    middle = (first + last) // 2
    return [part] if last - first < 2 else [(first, middle), (middle, last)]


def _name(part: Part) -> str:
    return f"hosts_{part[0]:05d}_{part[1]:05d}"
