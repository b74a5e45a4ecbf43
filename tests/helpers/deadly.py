"""A document that kills the process that examines it, as a fault in a library would."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import dataclass
from typing import Any

from aiida_hpaint.science.databases import Document


@dataclass(frozen=True)
class DeadlyDocument(Document):
    """A document of which no process survives that it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        if name == "problem" and multiprocessing.parent_process() is not None:
            os._exit(1)
        return super().__getattribute__(name)
