"""Benchmark: remove an element from reference crystals, restore it, and compare."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_hpaint.science.benchmark.collect import collect_rows
    from aiida_hpaint.science.benchmark.references import (
        References,
        read_reference_sets,
        read_references,
    )
    from aiida_hpaint.science.benchmark.report.html_report import write_report
    from aiida_hpaint.science.benchmark.run import (
        list_runs,
        run_benchmark,
        run_side_by_side,
    )
    from aiida_hpaint.science.benchmark.single_points import find_usable_potentials

# Torch is imported only with what needs it.
_LAZY = {
    "References": "references",
    "collect_rows": "collect",
    "list_runs": "run",
    "read_reference_sets": "references",
    "read_references": "references",
    "run_benchmark": "run",
    "run_side_by_side": "run",
    "write_report": "report.html_report",
    "find_usable_potentials": "single_points",
}

__all__ = [
    "References",
    "collect_rows",
    "find_usable_potentials",
    "list_runs",
    "read_reference_sets",
    "read_references",
    "run_benchmark",
    "run_side_by_side",
    "write_report",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"aiida_hpaint.science.benchmark.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
