"""What imports of graphs leave out, and that it is there when it is needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.usefixtures("profile")

_COUNT = """
import importlib.metadata as metadata, sys
from contextlib import nullcontext
from aiida_hpaint.workflows.engine.upstream_imports import importing_graphs
search, found = metadata.entry_points, []
def note(**group):
    found.append(tuple(group))
    return search(**group)
metadata.entry_points = note
with {context}():
    import aiida_workgraph
print(len(found), metadata.entry_points is note, "anywidget" in sys.modules)
"""


def test_entry_points_are_looked_for_once_and_widgets_are_left_out() -> None:
    found, is_restored, has_widgets = count("importing_graphs")
    assert (is_restored, has_widgets) == ("True", "False")
    searches, _, with_widgets = count("nullcontext")
    message = "node-graph looks for entry points once now: `importing_graphs` need not keep them"
    assert int(searches) > int(found) + 5, message
    assert with_widgets == "True", "node-graph imports no widgets now: the stand-in can go"


def count(context: str) -> list[str]:
    """Return how often was searched, whether all is as before, and whether widgets are there."""
    return run(_COUNT.format(context=context)).split()


def test_a_graph_shows_its_widget() -> None:
    shown = run("""
from aiida_hpaint.workflows.engine.upstream_imports import importing_graphs
with importing_graphs():
    from aiida_workgraph import WorkGraph, task
@task
def add(x, y):
    return x + y
graph = WorkGraph("sum")
one = graph.add_task(add, name="one")
print(type(graph.widget).__name__, type(one.widget).__name__)
from node_graph_widget import NodeGraphWidget
print(isinstance(one.widget, NodeGraphWidget))""")
    assert shown.split() == ["NodeGraphWidget", "NodeGraphWidget", "True"]


def run(code: str) -> str:
    """Return what a new Python prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
