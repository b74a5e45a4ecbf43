"""Benchmark: take an element out of reference crystals, put it back, and see what comes of it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_hpaint.science.benchmark.collect import collect_rows
    from aiida_hpaint.science.benchmark.compare import run_comparison
    from aiida_hpaint.science.benchmark.display import show
    from aiida_hpaint.science.benchmark.potentials import usable_potentials
    from aiida_hpaint.science.benchmark.references import References, read_references
    from aiida_hpaint.science.benchmark.run import run_benchmark

# Torch is imported only with what needs it.
_LAZY = {
    "References": "references",
    "collect_rows": "collect",
    "read_references": "references",
    "run_benchmark": "run",
    "run_comparison": "compare",
    "show": "display",
    "usable_potentials": "potentials",
}

__all__ = [
    "References",
    "collect_rows",
    "read_references",
    "run_benchmark",
    "run_comparison",
    "show",
    "usable_potentials",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"aiida_hpaint.science.benchmark.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__} has no attribute {name}")
