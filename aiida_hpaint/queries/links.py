"""Steps along links: who returned, who made, and what went into it. Each is one query."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiida.orm import CalcFunctionNode, Data, Node, QueryBuilder, WorkflowNode

__all__ = ["Creator", "find_creator", "find_inputs", "find_returning_workflows"]


@dataclass(frozen=True)
class Creator:
    """A calcfunction, and under which name it made what it was asked for."""

    pk: int
    function: str
    output: str


def find_creator(node: int) -> Creator | None:
    """The calcfunction that made a node; None where it is something else, or nobody."""
    query = QueryBuilder()
    query.append(Data, filters={"id": node}, tag="made")
    query.append(
        CalcFunctionNode,
        with_outgoing="made",
        project=["id", "attributes.function_name"],
        edge_project="label",
    )
    found = query.first()
    if found is None:
        return None
    pk, function, output = found
    return Creator(pk, function, output)


def find_inputs(process: int) -> dict[str, tuple[int, str]]:
    """PK and UUID of the inputs of a process, by the labels of their links."""
    query = QueryBuilder()
    query.append(Node, filters={"id": process}, tag="process")
    query.append(Data, with_outgoing="process", project=["id", "uuid"], edge_project="label")
    return {label: (pk, uuid) for pk, uuid, label in query.all()}


def find_returning_workflows(
    nodes: Collection[int], label: str | None = None
) -> dict[int, list[int]]:
    """PKs of the workflows that returned each node, the outermost first.

    Parameters
    ----------
    nodes
        PKs of data.
    label
        Only workflows of this process label.
    """
    if not nodes:
        return {}
    chosen: dict[str, Any] = {} if label is None else {"attributes.process_label": label}
    query = QueryBuilder()
    query.append(Data, filters={"id": {"in": list(nodes)}}, project="id", tag="returned")
    query.append(WorkflowNode, with_outgoing="returned", filters=chosen, project=["id", "ctime"])
    found: dict[int, list[int]] = {}
    # What calls is made before what it calls; archives may change the order of PKs.
    for node, workflow, _ in sorted(query.all(), key=lambda row: row[2]):
        found.setdefault(node, []).append(workflow)
    return found
