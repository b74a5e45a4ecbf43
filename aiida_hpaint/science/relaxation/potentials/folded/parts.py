"""The parts of a folded network: plain matrices, no modules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from aiida_hpaint.science.relaxation.potentials.folded.directions import Directions
    from aiida_hpaint.science.relaxation.potentials.folded.radial import RadialTable

Matrices = dict[int, "torch.Tensor"]
"""(outputs, inputs) for each angular momentum."""


class NotFoldableError(ValueError):
    """A network with parts that the folded form does not have."""


@dataclass(frozen=True)
class Linear:
    """A linear map of features, one matrix for each angular momentum; only scalars have a bias."""

    matrices: Matrices
    transposed: Matrices
    bias: torch.Tensor | None


@dataclass(frozen=True)
class Path:
    """One coupling of features to the direction of an edge: l1 x l2 -> l3.

    Attributes
    ----------
    l1, l2, l3 : integers
        Angular momenta of feature, direction and message.
    channels : slice
        Its rows among all radial weights that share l2.
    columns : slice
        Its columns in the mixing matrix of l1.
    rows : slice
        Its rows among the messages of l3.
    """

    l1: int
    l2: int
    l3: int
    channels: slice
    columns: slice
    rows: slice


@dataclass(frozen=True)
class Layer:
    """One interaction block.

    Attributes
    ----------
    before : Linear
        Map to the input of the convolution and, in the rows below, the self-connection around it.
    sent : number of channels for each l1
        Number of outputs of `before` that go into the convolution.
    after : Linear
        Map of the messages that the convolution returns.
    paths : tuple of Path
        All couplings of the tensor product.
    mixing : matrix (2 l1 + 1, columns) for each l1
        Clebsch-Gordan coefficients of all paths of l1, for each path as (d3, d2); one factor for
        each path of scalars, which has the sign (-1)^l2 of turning an edge around.
    radial, radial_transposed : matrix (channels, rank) for each l2, and its transposed
        Radial weights in terms of the functions of the table.
    widths : tuple of integers
        Channels of the messages of each l3.
    scalars : integer
        Number of scalar features after the gate; the other scalars are gates.
    gated : tuple of (channels, l)
        Features that the gates multiply, in order.
    gain : float
        Normalisation of the activation.
    """

    before: Linear
    sent: dict[int, int]
    after: Linear
    paths: tuple[Path, ...]
    mixing: Matrices
    radial: Matrices
    radial_transposed: Matrices
    widths: tuple[int, ...]
    scalars: int
    gated: tuple[tuple[int, int], ...]
    gain: float


@dataclass(frozen=True)
class Weights:
    """A whole network.

    Attributes
    ----------
    species : (120,) integers
        Species of each atomic number, -1 where unknown.
    embedding : (channels, species) floats
        Features before the first layer.
    table : RadialTable
        Functions of the distance.
    directions : Directions
        Spherical harmonics of the edge vectors.
    layers : tuple of Layer
        Interaction blocks.
    readout, readout_bias : (channels,) floats and float
        Energy of a site from its last features.
    scale, shift : (species,) floats
        Energy of a site in eV.
    """

    species: torch.Tensor
    embedding: torch.Tensor
    table: RadialTable
    directions: Directions
    layers: tuple[Layer, ...]
    readout: torch.Tensor
    readout_bias: float
    scale: torch.Tensor
    shift: torch.Tensor

    @property
    def elements(self) -> frozenset[int]:
        """Atomic numbers that the network knows."""
        return frozenset((self.species >= 0).nonzero()[:, 0].tolist())
