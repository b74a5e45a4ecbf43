"""Faults inside jobs: Python imports this when it starts, and `HPAINT_FAULT` says what to do."""

from __future__ import annotations

import os
import sys

FAULT = os.environ.get("HPAINT_FAULT")

if FAULT in ("slow", "stalled"):
    # As if the walltime were over when half of the hosts are done, or none.
    from types import ModuleType

    timed = ModuleType("aiida_hpaint.science.diffusion.sampling.time_limit")

    def generate_until(hosts, settings, deadline):  # type: ignore[no-untyped-def]
        from aiida_hpaint.science.diffusion import generate

        if FAULT == "stalled":
            return hosts[[]].with_scalars(host=[], sample=[])
        return generate(hosts[: (len(hosts) + 1) // 2], settings)

    timed.generate_until = generate_until  # type: ignore[attr-defined]
    sys.modules[timed.__name__] = timed
elif FAULT:
    from types import ModuleType

    # In the place of the module that loads SevenNet, before anyone imports it.
    module = ModuleType("aiida_hpaint.science.relaxation.potentials.sevennet")

    def load(name: str, model: str | None, device: str) -> object:
        from poisoned import PoisonedPotential

        return PoisonedPotential(FAULT)

    module.load = load  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
