"""Graphs that do not survive the death of their worker at any moment."""

from __future__ import annotations

from aiida.orm import ProcessNode

__all__ = ["runs_in_plain_graph"]

_PLAIN = "aiida.workflows:workgraph.engine"
"""Type of the processes of aiida-workgraph's own engine."""


def runs_in_plain_graph(process: ProcessNode) -> bool:
    """Return whether a process was submitted by a graph in aiida-workgraph's own engine."""
    caller = process.caller
    return caller is not None and caller.process_type == _PLAIN
