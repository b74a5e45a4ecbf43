"""Diffusion: sites drawn from noise by a score network, with all other sites known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiida_hpaint.diffusion.cards import CheckpointError, ModelCard
from aiida_hpaint.diffusion.library import find_model, list_models, models_folder

if TYPE_CHECKING:
    from aiida_hpaint.diffusion.checkpoints import load_model
    from aiida_hpaint.diffusion.generation import generate, generate_recorded

__all__ = [
    "CheckpointError",
    "ModelCard",
    "find_model",
    "generate",
    "generate_recorded",
    "list_models",
    "load_model",
    "models_folder",
]


def __getattr__(name: str) -> Any:
    # Cards can be read where torch is not installed; drawing samples needs it.
    if name in ("generate", "generate_recorded"):
        from aiida_hpaint.diffusion import generation

        return getattr(generation, name)
    if name == "load_model":
        from aiida_hpaint.diffusion.checkpoints import load_model

        return load_model
    raise AttributeError(f"module 'aiida_hpaint.diffusion' has no attribute {name!r}")
