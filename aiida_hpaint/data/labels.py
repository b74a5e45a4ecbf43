"""Labels of nodes, by which they are told apart in lists of the database."""

from __future__ import annotations

from typing import TypeVar

from aiida.orm import Data

__all__ = ["label_node"]

_Node = TypeVar("_Node", bound=Data)


def label_node(node: _Node, label: str, description: str = "") -> _Node:
    """Return a node that is not stored with a label, and a description if there is one."""
    node.label = label[:255]
    if description:
        node.description = description
    return node
