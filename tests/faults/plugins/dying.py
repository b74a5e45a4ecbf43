"""Work chains whose worker dies at the worst moment; found by the daemon through PYTHONPATH."""

from __future__ import annotations

import os
import signal
from typing import Any

from aiida.engine import Process
from aiida.orm import ProcessNode

from aiida_hpaint.workflows.restore.stage import StageWorkChain


class DyingStage(StageWorkChain):
    """A stage that kills its worker, once, when its job is in the queue and no checkpoint is."""

    def submit(
        self, process: type[Process], inputs: dict[str, Any] | None = None, **kwargs: Any
    ) -> ProcessNode:
        child = super().submit(process, inputs, **kwargs)
        if not self.node.base.extras.get("died", False):
            self.node.base.extras.set("died", True)
            os.kill(os.getpid(), signal.SIGKILL)
        return child
