"""Restorations in the database, their progress and their samples so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from aiida.orm import CalcJobNode, Dict, ProcessNode, QueryBuilder, WorkChainNode, WorkflowNode

from aiida_hpaint.calculations.ranking import join_chunks
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.recipe import STAGES
from aiida_hpaint.science.stages import FinishInputs
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.workflows.restore.outcomes import CHUNK_OF
from aiida_hpaint.workflows.restore.stage_results import read_outputs

__all__ = [
    "Planned",
    "StageCount",
    "StageState",
    "count_stages",
    "explain_separate_jobs",
    "find_paused_jobs",
    "find_restorations",
    "get_hosts",
    "get_samples",
    "list_stage_states",
    "read_planned",
]


@dataclass(frozen=True)
class StageState:
    """State of one stage of one chunk of a restoration.

    Attributes
    ----------
    stage, chunk
        Names of stage and chunk in the labels of the processes.
    node
        Process of the stage; that of the first stage if its job has run this one, too, or no sample
        was left for it.
    report, structures
        What the stage has returned; None as long as it has not.
    planned
        Later stages that the job of this one is to run too.
    """

    stage: str
    chunk: str
    node: WorkflowNode
    report: Mapping[str, Any] | None = None
    structures: StructureBatchData | None = None
    planned: Sequence[str] = ()

    @property
    def is_over(self) -> bool:
        """Whether the stage has ended."""
        return self.report is not None or bool(self.node.is_terminated)

    @property
    def problem(self) -> str | None:
        """Reason why the stage has no complete result; None if it has, or still runs."""
        if not self.is_over:
            return None
        if self.report is None:
            return f"process {self.node.pk}: {self.node.exception or self.node.process_state}"
        fine = self.report["status"] in ("finished", "nothing to do")
        return None if fine else str(self.report["message"])

    @property
    def left_over(self) -> dict[str, Any] | None:
        """`stages` that a job for all has left to others, and the `reason`; None: none."""
        found: dict[str, Any] | None = (self.report or {}).get("left_over")
        return found

    @property
    def later(self) -> list[str]:
        """Stages that the job of this one is to run too, or has run."""
        left = (self.left_over or {}).get("stages", ())
        return [name for name in self.planned if name not in left]


@dataclass(frozen=True)
class Planned:
    """What a restoration is to do.

    Attributes
    ----------
    stages
        Names of the stages of each chunk, in order.
    chunks
        Number of chunks.
    is_together
        Whether one job of a chunk runs all stages, as far as it gets; None: it was not asked.
    reason
        Why it does not.
    has_dft
        Whether structures are validated with DFT afterwards.
    """

    stages: list[str]
    chunks: int
    is_together: bool | None
    reason: str
    has_dft: bool


def read_planned(restoration: ProcessNode) -> Planned:
    """Return what a restoration is to do, which never changes."""
    inputs = restoration.inputs.graph_inputs
    plan: Any = getattr(inputs, "plan", {})
    together = plan.together if "together" in plan else None
    return Planned(
        stages=[stage.name for stage in STAGES if stage.name in plan],
        chunks=len(list(getattr(inputs, "chunks", ()))),
        is_together=None if together is None else bool(together.value),
        reason="" if together is None else together.description,
        has_dft="validation" in plan,
    )


@dataclass(frozen=True)
class StageCount:
    """Numbers of chunks in one stage of a restoration.

    Attributes
    ----------
    stage
        Name of the stage.
    begun, done, chunks
        Chunks whose job has begun, and ended, and all.
    together
        Chunks for which the job of the first stage runs this one too, or has run it.
    """

    stage: str
    begun: int
    done: int
    chunks: int
    together: int


def count_stages(planned: Planned, states: Sequence[StageState]) -> list[StageCount]:
    """Count the chunks of each planned stage; restarts count once.

    Parameters
    ----------
    planned
        What a restoration is to do.
    states
        Its `list_stage_states`.
    """
    together = {(one.chunk, name) for one in states if planned.is_together for name in one.later}
    counts = []
    for stage in planned.stages:
        own = {one.chunk for one in states if one.stage == stage}
        done = {one.chunk for one in states if one.stage == stage and one.is_over}
        within = {chunk for chunk, name in together if name == stage}
        begun = len(own | within)
        chunks = max(planned.chunks, begun)
        counts.append(StageCount(stage, begun, len(done), chunks, len(within)))
    return counts


def explain_separate_jobs(
    planned: Planned, states: Sequence[StageState]
) -> list[tuple[str | None, list[str], str]]:
    """Return where stages have jobs of their own although one job was possible or was begun.

    Returns
    -------
    Chunk (None: all of them), names of the stages, and reason, of each case.
    """
    cases: list[tuple[str | None, list[str], str]] = []
    if planned.is_together is False:
        cases.append((None, planned.stages, planned.reason))
    for one in states:
        if left := one.left_over:
            cases.append((one.chunk, left["stages"], left["reason"]))
    return cases


def find_restorations(limit: int = 10) -> list[WorkflowNode]:
    """Return the latest restorations and counts of this profile, without parts of others."""
    label = {"attributes.process_label": {"like": "WorkGraph<%"}}
    query = QueryBuilder()
    query.append(StructureBatchData, tag="hosts")
    query.append(
        WorkflowNode,
        with_incoming="hosts",
        edge_filters={"label": "graph_inputs__hosts"},
        filters={**label, "extras": {"!has_key": CHUNK_OF}},
        tag="graph",
    )
    query.order_by({"graph": {"id": "desc"}}).limit(2 * limit)
    found: list[WorkflowNode] = query.all(flat=True)
    # A count contains the restoration that it consists of.
    return [node for node in found if not _is_graph(node.caller)][:limit]


def find_graph(node: ProcessNode) -> ProcessNode | None:
    """Return the graph of a restoration, also from the RestoreWorkChain that a builder makes.

    None for other processes. The outputs of both are the same; stages and reports are found from
    the graph.
    """
    called = node.called if node.process_label == "RestoreWorkChain" else []
    return next((one for one in (node, *called) if _has_hosts(one)), None)


def _has_hosts(node: ProcessNode) -> bool:
    return bool(node.base.links.get_incoming(link_label_filter="graph_inputs__hosts").all())


def _is_graph(node: ProcessNode | None) -> bool:
    return node is not None and str(node.process_label).startswith("WorkGraph<")


def list_stage_states(restoration: ProcessNode) -> list[StageState]:
    """Return the stages that have begun, in that order; of a count those of its restoration."""
    inside = [node.pk for node in restoration.called if _is_graph(node) and _has_hosts(node)]
    query = QueryBuilder()
    graphs = {"id": {"in": inside or [restoration.pk]}}
    query.append(WorkflowNode, filters=graphs, tag="graph", project="id")
    query.append(WorkChainNode, with_incoming="graph", edge_project="label", project="*", tag="s")
    # An import into another profile may change the order of PKs.
    query.order_by({"s": ["ctime", "id"]})
    found = {}
    for row in query.iterall():
        label = next(entry for entry in row if isinstance(entry, str))
        node = next(entry for entry in row if isinstance(entry, WorkChainNode))
        found[label] = node
    return [state for label, node in found.items() for state in _state(label, node)]


def find_paused_jobs(restoration: ProcessNode) -> list[CalcJobNode]:
    """Return jobs that AiiDA has paused, as it does when a computer cannot be reached."""
    query = QueryBuilder().append(CalcJobNode, filters={"attributes.paused": True})
    found: list[CalcJobNode] = query.all(flat=True)
    # A query for descendants would be slow; few jobs are paused.
    return [job for job in found if restoration.pk in _callers(job)]


def _callers(process: ProcessNode) -> set[int | None]:
    callers = set()
    while (caller := process.caller) is not None:
        callers.add(caller.pk)
        process = caller
    return callers


def get_samples(restoration: ProcessNode) -> StructureBatch | None:
    """Return the ranked samples of a restoration, or None if it has none.

    If it still runs, or was killed, they are the samples of the stages that have terminated.
    """
    if "samples" in restoration.outputs:
        found: StructureBatch = restoration.outputs.samples.batch
        return found
    latest = {
        state.chunk: state.structures.batch
        for state in list_stage_states(restoration)
        if state.structures is not None
    }
    if not latest:
        return None
    hosts, finish = (
        restoration.base.links.get_incoming(link_label_filter=f"graph_inputs__{name}").all_nodes()
        for name in ("hosts", "plan__finish")
    )
    inputs = FinishInputs.model_validate(finish[0].get_dict()) if finish else None
    return join_chunks([latest[chunk] for chunk in sorted(latest)], hosts[0].batch, inputs)


def get_hosts(restoration: ProcessNode) -> StructureBatch:
    """Return the hosts of a restoration, with what is known of their sources."""
    found: StructureBatch = restoration.inputs.graph_inputs.hosts.batch
    return found


def _state(label: str, node: WorkflowNode) -> Iterator[StageState]:
    """Yield the states of the stages that a process in a restoration has begun."""
    stage, found, key = label.partition("_chunk_")
    if not found or stage not in (one.name for one in STAGES):
        return
    linked = read_outputs(node)
    planned = _read_later(node.uuid) if " to " in (node.process_label or "") else ()
    for name in (stage, *planned):
        own = linked.get(name)
        within = (linked.get(f"reports__{name}"), linked.get(f"stages__{name}"))
        report, structures = within if planned else _read_results(linked)
        begun = own or (node if name == stage or report is not None else None)
        if own is not None and report is None:
            # The process of the first stage has not yet taken what this one has returned.
            report, structures = _read_results(read_outputs(own))
        if begun is not None:
            yield StageState(
                name,
                f"chunk_{key}",
                begun,
                None if report is None else report.get_dict(),
                structures,
                planned if name == stage else (),
            )


def _read_results(linked: Mapping[str, Any]) -> tuple[Any, Any]:
    return linked.get("report"), linked.get("structures")


@cache
def _read_later(uuid: str) -> tuple[str, ...]:
    """Return the names of the stages that the job of a process is to run besides its own."""
    query = QueryBuilder()
    query.append(WorkChainNode, filters={"uuid": uuid}, tag="stage")
    query.append(Dict, with_outgoing="stage", edge_filters={"label": "later"})
    (later,) = query.one()
    return tuple(step["stage"] for step in later["stages"])
