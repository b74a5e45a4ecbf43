"""Layers that GemNet consists of, with the parameter names of MatterGen's implementation."""

from __future__ import annotations

import math
import platform
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

SILU_GAIN = 1 / 0.6
"""Factor that keeps the variance through a SiLU (Gasteiger et al., arXiv:2106.08903, sec. 6)."""
HALVE = 1 / math.sqrt(2)
"""Factor that keeps the variance of the sum of two terms."""


def _is_mkl_slow() -> bool:
    """Return whether MKL leaves AVX-512 unused, as it does on other processors than Intel's."""
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    if not wide or not torch.backends.mkldnn.is_available():
        return False
    listed = Path("/proc/cpuinfo")
    vendor = listed.read_text(errors="replace") if listed.is_file() else platform.processor()
    return "GenuineIntel" not in vendor


_PREFERS_ONEDNN = _is_mkl_slow()


def product(inputs: Tensor, weight: Tensor) -> Tensor:
    """Multiply inputs (E, I) by the transpose of weight (O, I), with the faster library on CPUs.

    torch multiplies single precision matrices with MKL, which does not use AVX-512 on AMD
    processors. A convolution of size 1 is the same product, and torch leaves it to oneDNN, which is
    twice as fast there (and up to a third slower on Intel processors, where MKL is used). On one
    thread it does so only if the convolution is dilated, which has no effect at size 1.
    """
    if not _prefers_convolution(inputs, weight):
        return F.linear(inputs, weight)
    rows, width = inputs.shape
    pixels = inputs.reshape(1, 1, rows, width).permute(0, 3, 1, 2)
    out = F.conv2d(pixels, weight[:, :, None, None], dilation=2)
    return out.permute(0, 2, 3, 1).reshape(rows, len(weight))


def _prefers_convolution(inputs: Tensor, weight: Tensor) -> bool:
    single = inputs.device.type == "cpu" and inputs.dtype == torch.float32
    large = len(inputs) >= 64 and weight.numel() >= 2**14
    # With autocast, products are in half precision, and from oneDNN anyway.
    if hasattr(torch, "get_autocast_dtype"):
        autocast = torch.is_autocast_enabled("cpu")
    else:
        autocast = torch.is_autocast_cpu_enabled()  # torch before 2.4
    return _PREFERS_ONEDNN and single and large and not autocast


class Dense(nn.Module):
    """Linear layer without bias, followed by a scaled SiLU if it is `active`."""

    def __init__(self, inputs: int, outputs: int, active: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.active = active
        he_orthogonal_(self.linear.weight)

    def forward(self, inputs: Tensor) -> Tensor:
        """Transform (E, I) to (E, O)."""
        out = product(inputs, self.linear.weight)
        return activate(out) if self.active else out


class Residual(nn.Module):
    """Two active layers and a skip around them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense_mlp = nn.Sequential(*(Dense(width, width, active=True) for _ in range(2)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Transform (E, W) to (E, W)."""
        return merge(inputs, self.dense_mlp(inputs))


class Scale(nn.Module):
    """Factor that was fitted once and is not trained."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.scale_factor = nn.Parameter(torch.tensor(factor), requires_grad=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Multiply the inputs by the factor."""
        return inputs * self.scale_factor


class PairDense(nn.Module):
    """Active layer on the features of both ends of each edge and of the edge itself.

    The layer acts on these features beside each other. Its parts for the ends are applied to each
    site once, and the results copied to the edges, of which there are many more.
    """

    def __init__(self, atom_width: int, edge_inputs: int, outputs: int) -> None:
        super().__init__()
        self.sizes = (atom_width, atom_width, edge_inputs)
        self.dense = Dense(sum(self.sizes), outputs)

    def forward(self, atoms: Tensor, edges: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """Transform sites (A, W) and edges (E, I) to (E, O); edges start and end at sites (E,)."""
        first, second, rest = self.dense.linear.weight.split(self.sizes, 1)
        ends = product(atoms, first).index_select(0, source)
        ends = ends + product(atoms, second).index_select(0, target)
        return activate(product(edges, rest) + ends)


def make_stack(inputs: int, width: int, residuals: int) -> nn.ModuleList:
    """Create an active layer and residual layers after it."""
    layers = [Dense(inputs, width, active=True), *(Residual(width) for _ in range(residuals))]
    return nn.ModuleList(layers)


def apply_layers(layers: nn.ModuleList, inputs: Tensor) -> Tensor:
    """Pass the inputs through all layers."""
    for layer in layers:
        inputs = layer(inputs)
    return inputs


def activate(inputs: Tensor) -> Tensor:
    """Apply the scaled SiLU."""
    return F.silu(inputs).mul_(SILU_GAIN)


def merge(left: Tensor, right: Tensor) -> Tensor:
    """Sum two terms, scaled to the variance of one."""
    return (left + right).mul_(HALVE)


def he_orthogonal_(weight: Tensor) -> Tensor:
    """Fill a weight with orthogonal rows of mean 0 and variance 1 / fan-in, in place.

    Outputs are the first of two dimensions or the last of three. Gasteiger, Becker, Günnemann,
    GemNet (arXiv:2106.08903), appendix on weight initialisation.
    """
    if weight.is_meta:  # a network without memory, which gets its weights from a file
        return weight
    with torch.no_grad():
        nn.init.orthogonal_(weight)
        inputs = (1,) if weight.dim() == 2 else (0, 1)
        fan_in = math.prod(weight.shape[axis] for axis in inputs)
        if fan_in > 1:
            variance, mean = torch.var_mean(weight, dim=inputs, keepdim=True)
            weight.sub_(mean).div_(torch.sqrt(variance + 1e-6))
        return weight.div_(math.sqrt(fan_in))
