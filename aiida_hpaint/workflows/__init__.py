"""Workflows: restorations, validations and campaigns as AiiDA processes."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_hpaint.workflows.restore.build import build_restore
    from aiida_hpaint.workflows.restore.progress import find_restorations, get_samples
    from aiida_hpaint.workflows.restore.stage import StageWorkChain

__all__ = ["StageWorkChain", "build_restore", "find_restorations", "get_samples"]

# Imports of the engine are slow, and commands that only read the database do not need it.
_LAZY = {
    "StageWorkChain": "restore.stage",
    "build_restore": "restore.build",
    "find_restorations": "restore.progress",
    "get_samples": "restore.progress",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
