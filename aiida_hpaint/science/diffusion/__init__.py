"""Diffusion: sites sampled from noise with a score network, while all other sites are known."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, ModelCard
from aiida_hpaint.science.diffusion.models.library import find_model, list_models
from aiida_hpaint.science.diffusion.sampling.generators import (
    Generator,
    GeneratorError,
    SampledPath,
    SampleRequest,
    get_generator,
    identify_generator,
    list_generators,
)
from aiida_hpaint.science.extras import name_missing_extra
from aiida_hpaint.science.start_up import importing

if TYPE_CHECKING:
    from aiida_hpaint.science.diffusion.models.checkpoints import load_model
    from aiida_hpaint.science.diffusion.models.conversion import convert_checkpoint
    from aiida_hpaint.science.diffusion.models.hub import fetch_model
    from aiida_hpaint.science.diffusion.sampling.generation import generate, generate_recorded
    from aiida_hpaint.science.diffusion.sampling.time_limit import generate_until

__all__ = [
    "CheckpointError",
    "Generator",
    "GeneratorError",
    "ModelCard",
    "SampleRequest",
    "SampledPath",
    "convert_checkpoint",
    "fetch_model",
    "find_model",
    "generate",
    "generate_recorded",
    "generate_until",
    "get_generator",
    "identify_generator",
    "list_generators",
    "list_models",
    "load_model",
]


_LAZY = {
    "convert_checkpoint": "models.conversion",
    "fetch_model": "models.hub",
    "generate": "sampling.generation",
    "generate_recorded": "sampling.generation",
    "generate_until": "sampling.time_limit",
    "load_model": "models.checkpoints",
}


def __getattr__(name: str) -> Any:
    # Model cards and the list of generators are read where torch is not installed.
    if name in _LAZY:
        with importing(), name_missing_extra():
            module = import_module(f"aiida_hpaint.science.diffusion.{_LAZY[name]}")
        return getattr(module, name)
    raise AttributeError(f"module 'aiida_hpaint.science.diffusion' has no attribute {name!r}")
