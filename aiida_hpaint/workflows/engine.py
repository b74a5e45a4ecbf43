"""The engine of aiida-workgraph, made to survive the death of its worker at any moment.

aiida-workgraph 0.9 writes a checkpoint when a graph begins to wait. A child that was submitted
after the last checkpoint counts as failed when the graph is loaded again, or is never waited for.
"""

from __future__ import annotations

from typing import Any

from aiida.engine import run_get_node
from aiida.engine.utils import instantiate_process
from aiida.manage import get_manager
from aiida.orm import ProcessNode
from aiida_workgraph import WorkGraph
from aiida_workgraph.engine.workgraph import WorkGraphEngine
from node_graph.config import BUILTIN_TASKS

__all__ = ["DurableEngine", "DurableGraph"]


class DurableEngine(WorkGraphEngine):  # type: ignore[misc]
    """A WorkGraph engine that takes up all its children when it is loaded again."""

    def setup(self) -> None:
        """Set up, without failing the children of an earlier life that still run."""
        states = self.task_manager.state_manager
        update = states.update_task_state

        def update_if_over(name: str, success: bool = True) -> None:
            child = states.get_task_runtime_info(name, "process")
            if not isinstance(child, ProcessNode) or child.is_terminated:
                update(name, success)

        states.update_task_state = update_if_over
        try:
            super().setup()
        finally:
            del states.update_task_state
        self._adopt()

    def load_instance_state(self, saved_state: Any, load_context: Any) -> None:
        """Load a checkpoint, and look for children that are newer than it."""
        super().load_instance_state(saved_state, load_context)
        if "_wgdata" in self.ctx:
            self._adopt()

    def _adopt(self) -> None:
        """Wait for children that the checkpoint does not know; note those that ended."""
        manager = self.task_manager
        for task in self.wg.tasks:
            child = manager.state_manager.get_task_runtime_info(task.name, "process")
            if task.name in BUILTIN_TASKS or not isinstance(child, ProcessNode):
                continue
            if task.name in self.ctx._executed_tasks:
                continue
            self.ctx._executed_tasks.append(task.name)
            if child.is_terminated:
                manager.state_manager.update_task_state(task.name)
            else:
                manager.awaitable_manager.to_context(**{task.name: child})
        manager.awaitable_manager.action_awaitables()


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
