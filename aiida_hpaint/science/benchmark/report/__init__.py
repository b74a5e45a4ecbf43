"""The report: figures and tables of a benchmark as one HTML file."""

from aiida_hpaint.science.benchmark.report.html_report import (
    read_runs,
    render_report,
    write_report,
)
from aiida_hpaint.science.benchmark.report.runs import Run, read_run

__all__ = ["Run", "read_run", "read_runs", "render_report", "write_report"]
