"""Reports of restorations for readers: HTML pages that need no network."""

from aiida_hpaint.science.report.host_results import (
    HostResult,
    add_validation,
    describe_checks,
    group_rows_by_host,
)
from aiida_hpaint.science.report.pages import REPORT, load_templates, write_reports
from aiida_hpaint.science.report.provenance import Process

__all__ = [
    "REPORT",
    "HostResult",
    "Process",
    "add_validation",
    "describe_checks",
    "group_rows_by_host",
    "load_templates",
    "write_reports",
]
