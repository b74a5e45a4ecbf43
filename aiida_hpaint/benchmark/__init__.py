"""Benchmark: take an element out of reference crystals, put it back, and see what comes of it."""

from aiida_hpaint.benchmark.compare import run_comparison
from aiida_hpaint.benchmark.display import show
from aiida_hpaint.benchmark.potentials import usable_potentials
from aiida_hpaint.benchmark.references import References, read_references
from aiida_hpaint.benchmark.run import run_benchmark

__all__ = [
    "References",
    "read_references",
    "run_benchmark",
    "run_comparison",
    "show",
    "usable_potentials",
]
