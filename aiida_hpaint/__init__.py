"""Put missing hydrogen (or any element) back into crystals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_hpaint.science.restoration import Restoration, restore

__version__ = "0.1.0"
__all__ = ["Restoration", "__version__", "restore"]


def __getattr__(name: str) -> Any:
    # The command line imports this package before it knows whether torch is needed.
    if name in ("Restoration", "restore"):
        from aiida_hpaint.science import restoration

        return getattr(restoration, name)
    raise AttributeError(f"module 'aiida_hpaint' has no attribute {name!r}")
