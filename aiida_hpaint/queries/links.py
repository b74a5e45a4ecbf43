"""Single steps along links: creator, inputs and returning workflows, each by one query."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from aiida.orm import CalcFunctionNode, Data, Node, QueryBuilder, WorkflowNode

__all__ = ["Creator", "find_creator", "find_inputs", "find_returning_workflows"]


@dataclass(frozen=True)
class Creator:
    """The calcfunction that created a node, and the label of the link to the node."""

    pk: int
    function: str
    output: str


def find_creator(node: int) -> Creator | None:
    """Return the calcfunction that created a node; None if no calcfunction did."""
    query = QueryBuilder()
    query.append(Data, filters={"id": node}, tag="node")
    query.append(
        CalcFunctionNode,
        with_outgoing="node",
        project=["id", "attributes.function_name"],
        edge_project="label",
    )
    found = query.first()
    return None if found is None else Creator(*found)


def find_inputs(process: int) -> dict[str, tuple[int, str]]:
    """Return PK and UUID of the inputs of a process, by the labels of their links."""
    query = QueryBuilder()
    query.append(Node, filters={"id": process}, tag="process")
    query.append(Data, with_outgoing="process", project=["id", "uuid"], edge_project="label")
    return {label: (pk, uuid) for pk, uuid, label in query.all()}


def find_returning_workflows(
    nodes: Collection[int], label: str | None = None
) -> dict[int, list[int]]:
    """Return the PKs of the workflows that returned each node, the outermost first.

    Parameters
    ----------
    nodes
        PKs of data nodes.
    label
        Process label of the workflows; by default any.
    """
    if not nodes:
        return {}
    chosen: dict[str, Any] = {} if label is None else {"attributes.process_label": label}
    query = QueryBuilder()
    query.append(Data, filters={"id": {"in": list(nodes)}}, project="id", tag="returned")
    query.append(WorkflowNode, with_outgoing="returned", filters=chosen, project=["id", "ctime"])
    found: dict[int, list[int]] = {}
    # A caller is created before the processes that it calls; an import may change the order of
    # PKs, but not the times.
    for node, workflow, _ in sorted(query.all(), key=lambda row: row[2]):
        found.setdefault(node, []).append(workflow)
    return found
