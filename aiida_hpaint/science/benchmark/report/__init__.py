"""Report: the figures and the page that tell what a benchmark found."""

from aiida_hpaint.science.benchmark.report.runs import Run, read_run
from aiida_hpaint.science.benchmark.report.write import (
    render_report,
    write_figures,
    write_run_report,
)

__all__ = ["Run", "read_run", "render_report", "write_figures", "write_run_report"]
