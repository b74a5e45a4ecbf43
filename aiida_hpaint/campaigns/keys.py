"""By what finished hosts are known: their content, and the settings and models of a plan."""

from __future__ import annotations

from aiida_hpaint.structures.keys import host_key, host_keys
from aiida_hpaint.workflows.outcomes import plan_contents, plan_key

__all__ = ["host_key", "host_keys", "plan_contents", "plan_key"]
