"""Faults of sampling inside jobs: Python imports this at its start; `HPAINT_FAULT` chooses one."""

from __future__ import annotations

import os
import sys

FAULT = os.environ.get("HPAINT_FAULT")

if FAULT in ("slow", "stalled"):
    # As if the walltime were over when half of the hosts are done, or none.
    from types import ModuleType

    timed = ModuleType("aiida_hpaint.science.diffusion.sampling.time_limit")

    def generate_until(hosts, settings, deadline, **options):  # type: ignore[no-untyped-def]
        import numpy as np

        from aiida_hpaint.science.diffusion import generate

        if FAULT == "stalled":
            nothing = np.zeros(0, dtype=np.int64)
            return hosts[nothing].with_scalars(host=nothing, sample=nothing)
        return generate(hosts[: (len(hosts) + 1) // 2], settings, **options)

    timed.generate_until = generate_until  # type: ignore[attr-defined]
    sys.modules[timed.__name__] = timed
