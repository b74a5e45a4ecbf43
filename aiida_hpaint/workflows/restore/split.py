"""SplitWorkChain: the hosts of a chunk whose jobs die, in smaller and smaller jobs."""

from __future__ import annotations

from math import ceil, log2
from typing import Any

from aiida.engine import while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Dict, Int, List, WorkChainNode

from aiida_hpaint.calculations.split_and_join import join_parts, take_hosts
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain
from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = ["SplitWorkChain", "halve"]

Part = tuple[int, int]
"""Hosts from the first number up to, and without, the second."""

_CULPRITS = 4
"""Hosts that are looked for to the end; what more of them would cost, nobody wants to pay."""

_PATIENCE = 2
"""Times that everything is halved before it is certain that no host is to blame."""


class SplitWorkChain(CrashSafeWorkChain):
    """Halve the hosts of a chunk until those that kill their job are alone.

    The jobs of a halving run side by side. With one culprit among n hosts there are 2 log2(n) of
    them. If no job at all comes to a result, hosts are not to blame, and the search ends.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.expose_inputs(StageWorkChain, exclude=("is_part", "max_failures"))
        spec.output("structures", valid_type=StructureBatchData)
        spec.output("report", valid_type=Dict, help="status, jobs, failures, message, parts")
        # The outline of aiida-core is typed for WorkChain itself, not for what derives from it.
        here: Any = cls
        spec.outline(
            here.start, while_(here.has_parts)(here.run_parts, here.inspect_parts), here.finish
        )

    def _build_process_label(self) -> str:
        return f"Split<{self.inputs.stage.value}>"

    def start(self) -> None:
        """Nothing has run yet."""
        self.ctx.hosts = list(dict.fromkeys(self.inputs.structures.batch.host_indices.tolist()))
        self.ctx.waiting = halve((0, len(self.ctx.hosts)))
        self.ctx.over = []
        self.ctx.halvings = 1

    def has_parts(self) -> bool:
        """Whether another round of jobs follows."""
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
        """Keep what has a result, and halve what has none."""
        failed = [part for part in self.ctx.waiting if self._has_failed(part)]
        self.ctx.over += [part for part in self.ctx.waiting if part not in failed]
        hopeless = not self.ctx.over and self.ctx.halvings >= _PATIENCE
        room = _CULPRITS * ceil(log2(len(self.ctx.hosts))) * 2 - len(self._begun())
        self.ctx.waiting = []
        for part in failed:
            if hopeless or len(halve(part)) < 2 or len(self.ctx.waiting) + 2 > room:
                self.ctx.over.append(part)
            else:
                self.ctx.waiting += halve(part)
        self.ctx.halvings += 1

    def finish(self) -> None:
        """Put the parts together again."""
        parts = {_name(part): self._of(part).outputs.structures for part in self.ctx.over}
        self.out("structures", join_parts(self.inputs.structures, **parts))
        self.out("report", Dict(self._report()).store())

    def _report(self) -> dict[str, Any]:
        told = [node.outputs.report.get_dict() for node in self._begun()]
        failed = [part for part in self.ctx.over if self._has_failed(part)]
        lost = sum(last - first for first, last in failed)
        total = len(self.ctx.hosts)
        status = "failed" if lost == total else "failed in part" if lost else "finished"
        why = self._of(failed[0]).outputs.report["message"] if failed else ""
        return {
            "status": status,
            "jobs": sum(each["jobs"] for each in told),
            "failures": sum(each["failures"] for each in told),
            "message": f"{lost} of {total} hosts failed: {why}" if failed else "",
        }

    def _begun(self) -> list[WorkChainNode]:
        called = self.node.called
        return [n for n in called if isinstance(n, WorkChainNode) and n.is_finished_ok]

    def _of(self, part: Part) -> WorkChainNode:
        node: WorkChainNode = self.ctx[_name(part)]
        return node

    def _has_failed(self, part: Part) -> bool:
        return bool(self._of(part).outputs.report["status"] == "failed")


def halve(part: Part) -> list[Part]:
    """Two parts of about equal size; of a single host the part itself."""
    first, last = part
    middle = (first + last) // 2
    return [part] if last - first < 2 else [(first, middle), (middle, last)]


def _name(part: Part) -> str:
    return f"hosts_{part[0]:05d}_{part[1]:05d}"
