"""CampaignWorkChain: restore the chunks of a campaign, a limited number at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import while_
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import (
    CalcFunctionNode,
    Dict,
    Group,
    Int,
    ProcessNode,
    QueryBuilder,
    Str,
    WorkChainNode,
    WorkflowNode,
    load_group,
    load_node,
)

from aiida_hpaint.calculations.hosts import cut_into_restorations
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.workflows.controllers import ALL_BEGUN, ENDED, MAX_JOBS, query_controllers
from aiida_hpaint.workflows.engine.durable import DurableEngine
from aiida_hpaint.workflows.engine.resubmission import DEAD, seal_if_dead
from aiida_hpaint.workflows.engine.upstream import WaitForAnyWorkChain
from aiida_hpaint.workflows.restore.build import cut_into_chunks
from aiida_hpaint.workflows.restore.deduplication import PLAN, hash_plan, read_plan
from aiida_hpaint.workflows.restore.graph import restore
from aiida_hpaint.workflows.restore.marks import MARKED, NO_MARKS, mark_sources
from aiida_hpaint.workflows.restore.outcomes import (
    CHUNK_OF,
    OUTCOMES,
    record_outcomes,
    summarise_outcomes,
)

__all__ = ["CampaignWorkChain"]


class CampaignWorkChain(WaitForAnyWorkChain):
    """Restore chunks of hosts, each by a WorkGraph of its own, at most `max_jobs` at a time.

    Each step reads from the database which chunks to submit, so that nothing is lost or submitted
    twice if the worker dies. A failed chunk does not stop the others. If several CampaignWorkChains
    run for one campaign, a later one waits until the earlier ones have submitted all their chunks;
    the chunks of all count towards `max_jobs`.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs, outputs and outline."""
        super().define(spec)
        spec.input("hosts", valid_type=StructureBatchData, help="hosts with the sites to insert")
        spec.input_namespace("plan", dynamic=True, help="plan of the restore WorkGraph")
        spec.input("chunk_sites", valid_type=Int, help="largest number of sites in a chunk")
        spec.input(
            "max_jobs", valid_type=Int, help="chunks at a time; an extra of the group overrides it"
        )
        spec.input("campaign", valid_type=Str, help="UUID of the group of restorations")
        spec.output(
            "summary", valid_type=Dict, help="counts of hosts, and labels of failed hosts by reason"
        )
        # aiida-core types the outline for WorkChain itself, not for its subclasses.
        here: Any = cls
        spec.outline(here.cut, while_(here.goes_on)(here.advance), here.finish)

    def cut(self) -> None:
        """Cut the hosts into chunks, unless another worker has done it."""
        if not self._chunks():
            cut_into_restorations(self.inputs.hosts, self.inputs.chunk_sites)

    def goes_on(self) -> bool:
        """Return whether a chunk is active or not submitted yet."""
        return not self.ctx.get("over", False)

    def advance(self) -> None:
        """Submit chunks up to the limit, and wait until any active chunk terminates."""
        self._find_lost_children()
        chunks, begun = self._chunks(), self._begun()
        left = [label for label in chunks if label not in begun]
        alive, earlier = self._alive(), self._earlier() if left else []
        free = 0 if earlier else max(0, self._max_jobs() - len(alive))
        for label in left[:free]:
            begun[label] = self._begin(label, chunks[label])
            alive.append(begun[label])
        left = left[free:]
        if not left:
            self.node.base.extras.set(ALL_BEGUN, True)
            # Chunks of other CampaignWorkChains matter only while they take up places.
            alive = [pk for pk in alive if pk in begun.values()]
        self.set_status(f"{len(begun)} of {len(chunks)} chunks submitted, waiting for {len(alive)}")
        self.ctx.over = not self.wait_for_any((*alive, *earlier))

    def finish(self) -> None:
        """Count the hosts by outcome."""
        self._record_outcomes()
        restorations = [_load(pk) for pk in sorted(self._begun().values())]
        self.out("summary", Dict(summarise_outcomes(restorations)).store())

    def _find_lost_children(self) -> None:
        """Check, once in each worker, the children that an earlier worker submitted."""
        if not self.__dict__.get("_has_checked_children"):
            self._has_checked_children = True
            for pk in self._begun().values():
                child = _load(pk)
                if seal_if_dead(child):
                    self._group().remove_nodes(child)
                else:
                    self._add_to_campaign(child)
        self._record_outcomes()

    def _begin(self, label: str, chunk: int) -> int:
        """Submit the restoration of a chunk."""
        hosts = _load(chunk)
        plan = _plain(self.inputs.plan)
        chunks = cut_into_chunks(hosts, self.inputs.chunk_sites.value, plan.get("cell"))
        graph = restore.build(hosts=hosts, chunks=chunks, plan=plan)
        graph.name = f"{self._group().label} {label}"
        graph.check_before_run()
        inputs = graph.to_engine_inputs({"call_link_label": label})
        child: ProcessNode = self.submit(DurableEngine, inputs)
        self._add_to_campaign(child)
        return child.pk or 0

    def _add_to_campaign(self, child: ProcessNode) -> None:
        if PLAN not in child.base.extras:
            key = hash_plan(read_plan(self.inputs.plan))
            child.base.extras.set_many({PLAN: key, CHUNK_OF: self.inputs.campaign.value})
        self._group().add_nodes(child)

    def _group(self) -> Group:
        found: Group = load_group(uuid=self.inputs.campaign.value)
        return found

    def _max_jobs(self) -> int:
        return int(self._group().base.extras.get(MAX_JOBS, self.inputs.max_jobs.value))

    def _chunks(self) -> dict[str, int]:
        """Return PKs of the chunks by their labels."""
        query = QueryBuilder()
        query.append(WorkChainNode, filters={"id": self.node.pk}, tag="me")
        finished = {
            "attributes.exit_status": 0,
            "attributes.function_name": "cut_into_restorations",
        }
        query.append(CalcFunctionNode, with_incoming="me", filters=finished, tag="cut")
        query.append(StructureBatchData, with_incoming="cut", project="id", edge_project="label")
        return {label: pk for pk, label in sorted(query.all(), key=lambda row: str(row[1]))}

    def _begun(self) -> dict[str, int]:
        """Return PKs of the restorations by the labels of their chunks, without lost ones."""
        query = self._children(["id", "attributes.process_status"])
        return {label: pk for pk, status, label in query.all() if status != DEAD}

    def _record_outcomes(self) -> None:
        """Record the outcomes of chunks that have terminated since, and mark their sources."""
        marks = not self._group().base.extras.get(NO_MARKS, False)
        # The outcomes may have been recorded by somebody who read the state of the campaign.
        lacking = {"extras": {"!has_key": MARKED if marks else OUTCOMES}}
        for pk, _ in self._children(
            ["id"], {"attributes.process_state": {"in": ENDED}, **lacking}
        ).all():
            record_outcomes(_load(pk))
            if marks:
                mark_sources(_load(pk))

    def _children(self, project: list[str], filters: dict[str, Any] | None = None) -> QueryBuilder:
        query = QueryBuilder()
        query.append(WorkChainNode, filters={"id": self.node.pk}, tag="me")
        query.append(
            WorkflowNode,
            with_incoming="me",
            edge_filters={"type": LinkType.CALL_WORK.value},
            edge_project="label",
            filters=filters or {},
            project=project,
            tag="child",
        )
        return query.order_by({"child": "id"})

    def _alive(self) -> list[int]:
        """Return PKs of all active restorations of the campaign."""
        query = QueryBuilder()
        query.append(Group, filters={"uuid": self.inputs.campaign.value}, tag="group")
        alive = {"attributes.process_state": {"!in": ENDED}}
        query.append(WorkflowNode, with_group="group", filters=alive, project="id")
        return sorted(query.all(flat=True))

    def _earlier(self) -> list[int]:
        """Return PKs of earlier CampaignWorkChains that have chunks left to submit."""
        filters = {
            "id": {"<": self.node.pk},
            "attributes.process_state": {"!in": ENDED},
            "extras": {"!has_key": ALL_BEGUN},
        }
        found: list[int] = query_controllers(self.inputs.campaign.value, filters, "id").all(
            flat=True
        )
        return found


def _load(pk: int) -> Any:
    return load_node(pk)


def _plain(namespace: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _plain(value) if isinstance(value, Mapping) else value
        for name, value in namespace.items()
    }
