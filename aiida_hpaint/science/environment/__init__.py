"""The check of a remote computer: what jobs need there, what it has, and what to install.

A short job runs `probe` on the computer, which reports Python, packages, GPUs, models and so on;
`assessment` compares the report with the `Workload` of the jobs and with this machine. `probe`
needs nothing but Python, since the rest of this package may be missing there.
"""

from __future__ import annotations

from aiida_hpaint.science.environment.requirements import list_remote_requirements

__all__ = ["list_remote_requirements"]
