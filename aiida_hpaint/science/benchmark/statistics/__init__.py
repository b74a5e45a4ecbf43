"""Benchmarks: how often restorations are right, from what was measured host by host."""

from aiida_hpaint.science.benchmark.statistics.rows import (
    HostRow,
    SampleRow,
    read_rows,
    write_samples,
)
from aiida_hpaint.science.benchmark.statistics.summary import summarise

__all__ = ["HostRow", "SampleRow", "read_rows", "summarise", "write_samples"]
