"""Imports of aiida-workgraph 0.9 and node-graph 0.6 without what the command line does not need.

As for `upstream`, tests/workflows/engine/test_upstream_imports.py has a test for each that fails
once it is not needed any more.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["importing_graphs"]

_WIDGETS = "node_graph_widget"


@contextmanager
def importing_graphs() -> Iterator[None]:
    """Import the graphs of aiida-workgraph without work that is not needed.

    They look for entry points of all installed packages a dozen times, where once is enough, and
    import the widgets of notebooks, which are left until one is shown.
    """
    metadata: Any = importlib.metadata
    search = metadata.entry_points
    metadata.entry_points = cache(search)
    standing_in = _WIDGETS not in sys.modules
    if standing_in:
        sys.modules[_WIDGETS] = _make_stand_in()
    try:
        yield
    finally:
        metadata.entry_points = search
        if standing_in:
            del sys.modules[_WIDGETS]


def _make_stand_in() -> ModuleType:
    module: Any = ModuleType(_WIDGETS)
    module.NodeGraphWidget = _make_widget
    stand_in: ModuleType = module
    return stand_in


def _make_widget(*given: Any, **named: Any) -> Any:
    """Make a widget of node-graph; the first one imports them."""
    return import_module(_WIDGETS).NodeGraphWidget(*given, **named)
