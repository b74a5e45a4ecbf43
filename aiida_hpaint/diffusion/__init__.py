"""Diffusion: sites drawn from noise by a score network, with all other sites known."""

from aiida_hpaint.diffusion.checkpoints import CheckpointError, ModelCard, list_models, load_model
from aiida_hpaint.diffusion.generation import generate

__all__ = ["CheckpointError", "ModelCard", "generate", "list_models", "load_model"]
