"""GemNet-dT, the network of MatterGen's published models, in plain PyTorch."""

from aiida_hpaint.science.diffusion.networks.gemnet.network import GemNetwork
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

__all__ = ["GemNetSettings", "GemNetwork"]
