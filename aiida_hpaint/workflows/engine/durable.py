"""The engine of aiida-workgraph, made to survive the death of its worker at any moment.

aiida-workgraph 0.9 writes a checkpoint when a graph begins to wait. A child that was submitted
after the last checkpoint counts as failed when the graph is loaded again, or is never waited for.
"""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.engine import Process, run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import ProcessNode
from aiida_workgraph import WorkGraph
from aiida_workgraph.engine.workgraph import WorkGraphEngine
from aiida_workgraph.enums import TaskState
from node_graph.config import BUILTIN_TASKS

from aiida_hpaint.workflows.engine.resubmission import seal_if_dead

__all__ = ["DurableEngine", "DurableGraph"]

_CALLS = (LinkType.CALL_CALC, LinkType.CALL_WORK)


class DurableEngine(WorkGraphEngine):  # type: ignore[misc]
    """A WorkGraph engine that takes up all its children when it is loaded again."""

    def setup(self) -> None:
        """Set up; children of an earlier life are taken up instead of counted as failed."""
        states = self.task_manager.state_manager
        states.update_task_state = lambda name, success=True: None
        try:
            super().setup()
        finally:
            del states.update_task_state
        self._take_up_children()

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Load a checkpoint, and look for children that are newer than it."""
        super().load_instance_state(saved_state, load_context)
        if "_wgdata" in self.ctx:
            self._take_up_children()

    def submit(
        self, process: type[Process], inputs: dict[str, Any] | None = None, **kwargs: Any
    ) -> ProcessNode:
        """Submit a child; a graph within this one runs in an engine like this one."""
        engine = DurableEngine if process is WorkGraphEngine else process
        node: ProcessNode = super().submit(engine, inputs, **kwargs)
        return node

    def _take_up_children(self) -> None:
        """Wait for children that the checkpoint does not know, and note those that ended."""
        manager = self.task_manager
        children = self._children()
        for task in self.wg.tasks:
            name = task.name
            if name in BUILTIN_TASKS or name in self.ctx._executed_tasks:
                continue
            child = children.get(name)
            if child is None or seal_if_dead(child):
                self._plan_again(name)
                continue
            self.ctx._executed_tasks.append(name)
            manager.state_manager.set_task_runtime_info(name, "process", child)
            if child.is_terminated:
                manager.state_manager.update_task_state(name)
            else:
                manager.state_manager.set_task_runtime_info(name, "state", TaskState.RUNNING)
                manager.awaitable_manager.to_context(**{name: child})
        manager.awaitable_manager.action_awaitables()

    def _children(self) -> dict[str, ProcessNode]:
        """The last child of each name."""
        links = self.node.base.links.get_outgoing(link_type=_CALLS).all()
        return {link.link_label: link.node for link in sorted(links, key=lambda li: li.node.pk)}

    def _plan_again(self, name: str) -> None:
        states = self.task_manager.state_manager
        if states.get_task_runtime_info(name, "state") in (TaskState.CREATED, TaskState.RUNNING):
            states.set_task_runtime_info(name, "state", TaskState.PLANNED)


class DurableGraph(WorkGraph):  # type: ignore[misc]
    """A WorkGraph that runs in a `DurableEngine`."""

    process: ProcessNode | None

    def save(self, metadata: dict[str, Any] | None = None) -> None:
        """Make the process of this graph, or save changes to the one that there is."""
        if self.process is not None:
            super().save(metadata)
            return
        self.check_before_run()
        inputs = self.to_engine_inputs(metadata)
        runner: Any = get_manager().get_runner()
        process = instantiate_process(runner, DurableEngine, **inputs)
        runner.persister.save_checkpoint(process)
        self.process = process.node
        process.close()
        self.update()

    def run(
        self, inputs: dict[str, Any] | None = None, metadata: dict[str, Any] | None = None
    ) -> Any:
        """Run the graph in this interpreter.

        Raises
        ------
        ValueError
            If it has run or was submitted before.
        """
        if self.process is not None:
            raise ValueError(f"process {self.process.pk} is this graph's already: build a new one")
        if inputs is not None:
            self.set_inputs(inputs)
        self.check_before_run()
        _, self.process = run_get_node(DurableEngine, inputs=self.to_engine_inputs(metadata))
        self.update()
        return self.outputs._value
