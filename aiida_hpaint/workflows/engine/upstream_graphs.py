"""Every use of private parts of aiida-workgraph 0.9 and node-graph 0.6.

As for `upstream`, each entry says which behaviour it works around, and
tests/workflows/engine/test_upstream.py has a test that fails once it is not needed any more. This
is a file of its own, as aiida-workgraph is slow to import.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from aiida.engine import Process
from aiida.orm import Data, WorkChainNode, load_node
from aiida_workgraph import WorkGraph
from aiida_workgraph.engine.task_state import TaskStateManager
from aiida_workgraph.enums import TaskState
from aiida_workgraph.tasks import graph_task, subgraph_task
from aiida_workgraph.utils import resolve_node_link_managers
from node_graph.executor import SafeExecutor
from node_graph.task_spec import TaskSpec

_NODE = "aiida_node"
"""Key of the UUID of a node in the data of a SubGraphTask."""

__all__ = [
    "GraphTask",
    "SubGraphTask",
    "forget_raw_inputs",
    "get_output_values",
    "get_submitted_tasks",
    "is_set_up",
    "keep_task_states",
    "set_graph_class",
    "tolerate_failed_parts",
    "use_subgraph_task",
]


class _EngineChoice:
    """A process as its tasks see it, in which they submit another engine than WorkGraphEngine."""

    def __init__(self, process: Process, engine: type[Process]) -> None:
        self._process, self._engine = process, engine

    def __getattr__(self, name: str) -> Any:
        return getattr(self._process, name)

    def submit(self, process: type[Process], **inputs: Any) -> Any:
        """Submit the chosen engine with the inputs of a WorkGraphEngine."""
        return self._process.submit(self._engine, inputs)


class GraphTask(graph_task.GraphTask):  # type: ignore[misc]
    """A `task.graph` that runs in `engine`, whatever the engine of the graph that it is part of.

    The task of aiida-workgraph always submits a WorkGraphEngine.
    """

    engine: type[Process]

    def execute(self, engine_process: Process, **inputs: Any) -> Any:
        """Submit the graph, and leave the name of its function to what it was."""
        function = self.get_executor().callable
        function = getattr(function, "_callable", function)
        names = function.__globals__
        before = names.get(function.__name__)
        try:
            return super().execute(_EngineChoice(engine_process, self.engine), **inputs)
        finally:
            names[function.__name__] = before


class SubGraphTask(subgraph_task.SubGraphTask):  # type: ignore[misc]
    """A graph as a task of another graph, which keeps its nodes, and runs in `engine`.

    The task of aiida-workgraph copies the data of its graph with `copy.deepcopy` and
    `dataclasses.asdict`, which store a clone of each node, codes included, with the label of the
    original. Here the data name the nodes.
    """

    graph_class: type[WorkGraph]
    engine: type[Process]
    _subgraph: WorkGraph | None

    @property
    def subgraph(self) -> WorkGraph:
        """The graph with the nodes that it was built with."""
        if not self._subgraph:
            data = _load_nodes(self.get_executor().graph_data)
            self._subgraph = self.graph_class.from_dict(data)
        return self._subgraph

    def prepare_for_subgraph_task(self, kwargs: dict[str, Any]) -> Any:
        """Return the inputs of the engine; what the task is not given, the graph has already."""
        given = {name: value for name, value in kwargs.items() if value is not None and value != {}}
        return super().prepare_for_subgraph_task(given)

    def execute(self, engine_process: Process, **inputs: Any) -> Any:
        """Submit the graph."""
        return super().execute(_EngineChoice(engine_process, self.engine), **inputs)


def use_subgraph_task(graph_class: type[WorkGraph], task_class: type[SubGraphTask]) -> None:
    """Let `add_task` add graphs of a class as tasks of a class of their own.

    `add_task` of aiida-workgraph knows only its own task for graphs, whose inputs are required
    again although the graph has them.
    """
    build = subgraph_task._build_subgraph_task_TaskSpec

    def choose(graph: WorkGraph, name: str | None = None) -> TaskSpec:
        if not isinstance(graph, graph_class):
            return build(graph, name=name)
        data = graph.to_dict(should_serialize=True)
        return TaskSpec(
            identifier=name or graph.name,
            task_type="SubGraph",
            inputs=_make_optional(graph.spec.inputs),
            outputs=graph.spec.outputs,
            executor=SafeExecutor(mode="graph", graph_data=_name_nodes(data)),
            base_class=task_class,
        )

    subgraph_task._build_subgraph_task_TaskSpec = choose


def _make_optional(spec: Any) -> Any:
    fields = {name: _make_optional(field) for name, field in (spec.fields or {}).items()}
    return replace(spec, fields=fields, meta=replace(spec.meta, required=False))


def _name_nodes(value: Any) -> Any:
    """Return data with the UUIDs of their nodes, which are stored, in place of the nodes."""
    if isinstance(value, Data):
        return {_NODE: value.store().uuid}
    if isinstance(value, Mapping):
        return {name: _name_nodes(entry) for name, entry in value.items()}
    return [_name_nodes(entry) for entry in value] if isinstance(value, list) else value


def _load_nodes(value: Any) -> Any:
    """Return data with the nodes in place of their UUIDs."""
    if isinstance(value, Mapping):
        if _NODE in value:
            return load_node(value[_NODE])
        return {name: _load_nodes(entry) for name, entry in value.items()}
    return [_load_nodes(entry) for entry in value] if isinstance(value, list) else value


class _TolerantStates(TaskStateManager):  # type: ignore[misc]
    """States in which a part with an exit code counts as finished if it has its results.

    Those of aiida-workgraph skip whatever follows a task with an exit code.
    """

    def update_task_state(self, name: str, success: bool = True) -> None:
        """Update the state of a task whose process has terminated."""
        node = self.get_task_runtime_info(name, "process") if success else None
        if node is None or not _has_results(node):
            super().update_task_state(name, success)
            return
        self.ctx._task_results[name] = resolve_node_link_managers(node.outputs)
        self.set_task_runtime_info(name, "state", TaskState.FINISHED)
        self.update_meta_tasks(name)
        self.process.report(f"Task: {name} ended with exit status {node.exit_status}.")
        self.update_parent_task_state(name)


def tolerate_failed_parts(engine: Any) -> None:
    """Let a WorkGraphEngine go on after parts that failed, but return their results."""
    engine.task_manager.state_manager.__class__ = _TolerantStates


def _has_results(node: Any) -> bool:
    return (
        isinstance(node, WorkChainNode)
        and node.is_failed
        and getattr(node.process_class, "has_results_if_failed", False)
        and "report" in node.outputs
    )


def set_graph_class(handle: Any, graph_class: type, task_class: type) -> None:
    """Choose the class of the graphs that a `task.graph` builds, and of its tasks in other graphs.

    The decorator always builds a WorkGraph and a GraphTask.
    """
    handle._graph_class = graph_class
    path = f"{task_class.__module__}.{task_class.__name__}"
    handle._spec = replace(handle._spec, base_class=task_class, base_class_path=path)


def get_output_values(graph: Any) -> Any:
    """Return the values of the outputs of a graph that has run.

    node-graph keeps public attributes of `outputs` for the names of the outputs.
    """
    return graph.outputs._value


@contextmanager
def keep_task_states(engine: Any) -> Iterator[None]:
    """Leave the states of tasks as they are while a WorkGraphEngine is set up.

    Its `setup` updates the states of all tasks, and a task whose process has not terminated, as
    after the death of a worker, then counts as failed.
    """
    states = engine.task_manager.state_manager
    states.update_task_state = lambda name, success=True: None
    try:
        yield
    finally:
        del states.update_task_state


def forget_raw_inputs(engine: Any) -> None:
    """Leave inputs as they were given out of the checkpoints of a WorkGraphEngine.

    Only its node is made of them; parsed inputs, which have all of the graph, too, are kept.
    """
    engine._raw_inputs = None


def is_set_up(engine: Any) -> bool:
    """Return whether a WorkGraphEngine was set up before its last checkpoint."""
    return "_wgdata" in engine.ctx


def get_submitted_tasks(engine: Any) -> list[str]:
    """Return the list in which a WorkGraphEngine keeps the names of submitted tasks.

    A WorkGraphEngine saves a checkpoint only when it begins to wait. What is submitted after the
    last one is missing in the list when the checkpoint is loaded.
    """
    submitted: list[str] = engine.ctx._executed_tasks
    return submitted
