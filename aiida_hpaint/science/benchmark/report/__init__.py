"""Report: the figures and the page that tell what a benchmark found."""

from aiida_hpaint.science.benchmark.report.runs import Run, read_run
from aiida_hpaint.science.benchmark.report.write import report, write_page, write_report

__all__ = ["Run", "read_run", "report", "write_page", "write_report"]
