"""Faults inside jobs: Python imports this when it starts, and `HPAINT_FAULT` says what to do."""

from __future__ import annotations

import os
import sys

if os.environ.get("HPAINT_FAULT"):
    from types import ModuleType

    # In the place of the module that loads SevenNet, before anyone imports it.
    module = ModuleType("aiida_hpaint.relaxation.potentials.sevennet")

    def load(name: str, model: str | None, device: str) -> object:
        from poisoned import PoisonedPotential

        return PoisonedPotential(os.environ["HPAINT_FAULT"])

    module.load = load  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
