"""Graphs of aiida-workgraph that survive the death of their worker at any moment."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import cache
from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ExitCode, Process, run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import ProcessNode
from aiida_workgraph import WorkGraph, task
from aiida_workgraph.engine.workgraph import WorkGraphEngine
from aiida_workgraph.enums import TaskState
from aiida_workgraph.orm.workgraph import WorkGraphNode
from node_graph.config import BUILTIN_TASKS

from aiida_hpaint.workflows.engine.resubmission import seal_if_dead
from aiida_hpaint.workflows.engine.upstream_checkpoints import shorten_checkpoints
from aiida_hpaint.workflows.engine.upstream_graphs import (
    GraphTask,
    SubGraphTask,
    forget_raw_inputs,
    get_output_values,
    get_submitted_tasks,
    is_set_up,
    keep_task_states,
    set_graph_class,
    tolerate_failed_parts,
    use_subgraph_task,
)
from aiida_hpaint.workflows.engine.upstream_jobs import shorten_local_jobs
from aiida_hpaint.workflows.engine.upstream_queries import shorten_queries
from aiida_hpaint.workflows.engine.verdict import declare_graph_codes, judge

__all__ = ["DurableEngine", "DurableGraph", "durable_graph"]


class DurableEngine(WorkGraphEngine):  # type: ignore[misc]
    """A WorkGraphEngine that finds all its children again when it is loaded by another worker."""

    @classmethod
    def define(cls, spec: Any) -> None:
        """Declare the exit codes of graphs that have results although something failed."""
        super().define(spec)
        declare_graph_codes(spec)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tolerate_failed_parts(self)

    def on_create(self) -> None:
        """Create the node; from then on its checkpoints have the whole graph once, not twice."""
        super().on_create()
        forget_raw_inputs(self)

    def setup(self) -> None:
        """Set up the tasks; children that an earlier worker submitted keep running."""
        with keep_task_states(self):
            super().setup()
        self._find_children()

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Load a checkpoint, and find children that were submitted after it."""
        super().load_instance_state(saved_state, load_context)
        _leave_imports_alone()
        tolerate_failed_parts(self)
        if is_set_up(self):
            self._find_children()

    def finalize(self) -> ExitCode | None:
        """Attach the outputs, and return an exit code if something failed.

        The caller of a part reads from its outputs what failed, and decides.
        """
        code: ExitCode | None = super().finalize()
        verdict = None if isinstance(self.node.caller, WorkGraphNode) else judge(self.outputs)
        if code is not None or verdict is None:
            return code
        name, message = verdict
        found: ExitCode = self.exit_codes[name]
        return found.format(message=message)

    def submit(
        self, process: type[Process], inputs: dict[str, Any] | None = None, **kwargs: Any
    ) -> ProcessNode:
        """Submit a child; a graph within this one runs in a DurableEngine, too."""
        engine = DurableEngine if process is WorkGraphEngine else process
        node: ProcessNode = super().submit(engine, inputs, **kwargs)
        return node

    def _find_children(self) -> None:
        """Wait for children that the checkpoint lacks, and take the results of finished ones."""
        manager = self.task_manager
        states = manager.state_manager
        submitted = get_submitted_tasks(self)
        links = self.node.base.links.get_outgoing(
            link_type=(LinkType.CALL_CALC, LinkType.CALL_WORK)
        )
        # The last child of a label replaces those that died.
        children = {li.link_label: li.node for li in sorted(links, key=lambda li: li.node.pk)}
        for name in (one.name for one in self.wg.tasks):
            if name in BUILTIN_TASKS or name in submitted:
                continue
            child = children.get(name)
            if child is None or seal_if_dead(child):
                state = states.get_task_runtime_info(name, "state")
                if state in (TaskState.CREATED, TaskState.RUNNING):
                    states.set_task_runtime_info(name, "state", TaskState.PLANNED)
                continue
            submitted.append(name)
            states.set_task_runtime_info(name, "process", child)
            if child.is_terminated:
                states.update_task_state(name)
            else:
                states.set_task_runtime_info(name, "state", TaskState.RUNNING)
                manager.awaitable_manager.to_context(**{name: child})
        manager.awaitable_manager.action_awaitables()


class DurableGraph(WorkGraph):  # type: ignore[misc]
    """A WorkGraph that runs in a DurableEngine."""

    process: ProcessNode | None

    def save(self, metadata: dict[str, Any] | None = None) -> None:
        """Create the process of this graph, or save changes to it."""
        if self.process is not None:
            super().save(metadata)
            return
        self.check_before_run()
        inputs = self.to_engine_inputs(metadata)
        runner: Any = get_manager().get_runner()
        # A process saves its first checkpoint when it is made.
        process = instantiate_process(runner, DurableEngine, **inputs)
        self.process = process.node
        process.close()
        self.state = "CREATED"

    def run(
        self, inputs: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None
    ) -> Any:
        """Run the graph in this interpreter, and return its outputs.

        Raises
        ------
        ValueError
            If the graph was run or submitted before.
        """
        if self.process is not None:
            raise ValueError(f"this graph is process {self.process.pk} already: build a new one")
        if inputs is not None:
            self.set_inputs(inputs)
        self.check_before_run()
        _, self.process = run_get_node(DurableEngine, inputs=self.to_engine_inputs(metadata))
        self.update()
        return get_output_values(self)


class DurableGraphTask(GraphTask):
    """A `durable_graph` as a task of any graph, which runs in a DurableEngine."""

    engine = DurableEngine


class DurableSubGraphTask(SubGraphTask):
    """A DurableGraph as a task of any graph, which runs in a DurableEngine."""

    graph_class = DurableGraph
    engine = DurableEngine


use_subgraph_task(DurableGraph, DurableSubGraphTask)
shorten_checkpoints()
shorten_queries()
shorten_local_jobs()


@cache
def _leave_imports_alone() -> None:
    """Leave what a worker has imported out of its searches for garbage, of 0.2 s each."""
    gc.freeze()


def durable_graph(outputs: Any) -> Callable[[Callable[..., Any]], Any]:
    """Decorate a function like `task.graph`, so that it builds a DurableGraph."""

    def decorate(function: Callable[..., Any]) -> Any:
        handle = task.graph(outputs=outputs)(function)
        set_graph_class(handle, DurableGraph, DurableGraphTask)
        return handle

    return decorate
