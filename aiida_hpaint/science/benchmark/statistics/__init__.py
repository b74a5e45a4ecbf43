"""Statistics of a benchmark: success rates, energies and costs from rows of hosts."""

from aiida_hpaint.science.benchmark.statistics.rows import (
    HostRow,
    SampleRow,
    read_rows,
    write_samples,
)
from aiida_hpaint.science.benchmark.statistics.summary import summarise

__all__ = ["HostRow", "SampleRow", "read_rows", "summarise", "write_samples"]
