"""The folded SevenNet: energies and forces of structures with equally many sites."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.convolution import Convolution
from aiida_hpaint.science.relaxation.potentials.folded.folding import Fold, Mirror
from aiida_hpaint.science.relaxation.potentials.folded.products import Multiply

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials.folded.parts import Layer, Linear, Weights
    from aiida_hpaint.science.relaxation.potentials.pairs import Pairs

Features = dict[int, torch.Tensor]


class FoldedNetwork:
    """The network of `weights` on pairs of sites, in single precision.

    Parameters
    ----------
    weights : Weights
        Weights from `read_weights`.
    device : string
        Device that it runs on.
    """

    def __init__(self, weights: Weights, device: str) -> None:
        self._weights: Weights = _convert(weights, device)
        self._degrees = 1 + max(path.l2 for layer in weights.layers for path in layer.paths)

    @property
    def weights(self) -> Weights:
        """All matrices, in single precision."""
        return self._weights

    def differentiate(
        self, numbers: torch.Tensor, counts: torch.Tensor, pairs: Pairs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return energies (S,) in eV of S structures of N sites, gradient (E, 3) by the vectors."""
        sites = int(counts[0])
        vectors = pairs.vectors.float().requires_grad_(True)
        between = pairs.first * sites + pairs.second % sites
        energies = self.energies(numbers.view(len(counts), sites), between, vectors)
        (gradient,) = torch.autograd.grad(energies.sum(), [vectors])
        return energies.detach(), gradient

    def energies(
        self, numbers: torch.Tensor, pairs: torch.Tensor, vectors: torch.Tensor
    ) -> torch.Tensor:
        """Return (S,) energies in eV, double precision, differentiable by the vectors.

        Parameters
        ----------
        numbers : (S, N) integers
            Atomic numbers of S structures with N sites each.
        pairs : (E,) integers
            Pair of each edge: (structure * N + first) * N + second.
        vectors : (E, 3) floats
            From first to second, in Å.
        """
        weights = self._weights
        structures, sites = numbers.shape
        species = weights.species[numbers]
        edges = self._fold(pairs, vectors, structures, sites)
        embedded = weights.embedding[:, species.reshape(-1)]
        features: Features = {0: embedded.view(-1, structures, sites, 1)}
        for layer in weights.layers:
            features = _interact(layer, edges, features)
        last = features[0].view(len(weights.readout), -1)
        raw = (weights.readout @ last).view(structures, sites).double() + weights.readout_bias
        energies: torch.Tensor = (raw * weights.scale[species] + weights.shift[species]).sum(dim=1)
        return energies

    def _fold(
        self, pairs: torch.Tensor, vectors: torch.Tensor, structures: int, sites: int
    ) -> tuple[torch.Tensor, ...]:
        """Sum radial functions and directions over edges: (pairs x components, rank) by l2."""
        mirror = Mirror.of(structures, sites, vectors.device)
        once = (mirror.turned[pairs] > 0).nonzero()[:, 0]
        half = vectors[once]
        radial = self._weights.table(torch.linalg.vector_norm(half, dim=1))
        directions = self._weights.directions(half)
        widths = tuple(2 * l2 + 1 for l2 in range(self._degrees))
        source = mirror.source[pairs[once]]
        folded: Any = Fold.apply(radial, directions, source, mirror, widths)  # type: ignore[no-untyped-call]
        return tuple(folded)


def _interact(layer: Layer, edges: tuple[torch.Tensor, ...], features: Features) -> Features:
    """Apply one interaction block."""
    mixed = _apply(layer.before, features)
    inputs = [mixed[l1][: layer.sent[l1]] for l1 in sorted(layer.sent)]
    messages: Any = Convolution.apply(layer, len(edges), *edges, *inputs)  # type: ignore[no-untyped-call]
    received = _apply(layer.after, dict(enumerate(messages)))
    for l3, message in received.items():
        if l3 in mixed and len(mixed[l3]) > layer.sent[l3]:
            received[l3] = message + mixed[l3][layer.sent[l3] :]
    return _gate(layer, received)


def _apply(linear: Linear, features: Features) -> Features:
    result: Features = {}
    for l1, matrix in linear.matrices.items():
        flat = features[l1].reshape(matrix.shape[1], -1)
        output: Any = Multiply.apply(matrix, linear.transposed[l1], flat)  # type: ignore[no-untyped-call]
        result[l1] = output.view(-1, *features[l1].shape[1:])
    if linear.bias is not None:
        result[0] = result[0] + linear.bias[:, None, None, None]
    return result


def _gate(layer: Layer, features: Features) -> Features:
    """Activate scalars, and multiply the other features with the scalars that gate them."""
    active = torch.nn.functional.silu(features[0]) * layer.gain
    result: Features = {0: active[: layer.scalars]}
    start = layer.scalars
    for channels, momentum in layer.gated:
        result[momentum] = features[momentum] * active[start : start + channels]
        start += channels
    return result


def _convert(part: Any, device: str) -> Any:
    """Return the same weights on another device, in single precision."""
    if isinstance(part, torch.Tensor):
        return part.float().to(device) if part.is_floating_point() else part.to(device)
    if isinstance(part, dict):
        return {key: _convert(value, device) for key, value in part.items()}
    if isinstance(part, tuple):
        return tuple(_convert(value, device) for value in part)
    if is_dataclass(part) and not isinstance(part, type):
        return replace(
            part, **{f.name: _convert(getattr(part, f.name), device) for f in fields(part)}
        )
    return part
