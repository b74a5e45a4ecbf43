"""Sizes of a GemNet-dT, and the heads that it has."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aiida_hpaint.science.diffusion.networks.base import MOST, WIDEST
from aiida_hpaint.science.settings import Settings

Ties = Literal["index", "shell"]


class GemNetSettings(Settings):
    """Size of a `GemNetwork`; the defaults are those of MatterGen's published models."""

    atom_width: int = Field(512, ge=1, le=WIDEST, description="channels of a site")
    edge_width: int = Field(512, ge=1, le=WIDEST, description="channels of an edge")
    species_width: int = Field(512, ge=1, le=WIDEST, description="channels of an embedded species")
    latent_width: int = Field(
        512, ge=2, le=WIDEST, multiple_of=2, description="channels of the time"
    )
    blocks: int = Field(4, ge=1, le=MOST, description="interaction blocks")
    cutoff: float = Field(7.0, gt=0, description="longest edge, Å")
    neighbours: int = Field(
        50, ge=1, le=WIDEST, description="nearest neighbours of a site that are kept"
    )
    images: int = Field(
        5, ge=1, le=MOST, description="periodic images at most, to each side of the cell"
    )
    ties: Ties = Field(
        "index",
        description="'index': equally far neighbours beyond the last are cut by their order, as "
        "in MatterGen; 'shell': they are kept, which makes the order of sites irrelevant",
    )
    radial: int = Field(128, ge=2, le=WIDEST, description="radial functions")
    spherical: int = Field(7, ge=1, le=MOST, description="Legendre polynomials of the angles")
    triplet_width: int = Field(
        64, ge=1, le=WIDEST, description="channels of an edge inside triplets"
    )
    rbf_width: int = Field(
        16, ge=1, le=WIDEST, description="channels of projected radial functions"
    )
    cbf_width: int = Field(
        16, ge=1, le=WIDEST, description="channels of projected circular functions"
    )
    bilinear_width: int = Field(64, ge=1, le=WIDEST, description="channels out of the triplets")
    before_skip: int = Field(1, ge=0, le=MOST, description="residual layers before the skip")
    after_skip: int = Field(2, ge=0, le=MOST, description="residual layers after the skip")
    concat: int = Field(
        1, ge=0, le=MOST, description="residual layers after sites and edges are joined"
    )
    atom_layers: int = Field(
        3, ge=0, le=MOST, description="residual layers of a site update or an output"
    )
    species: int = Field(
        101, ge=1, le=WIDEST, description="rows of species: elements, and masked types"
    )
    types: int = Field(
        101, ge=0, le=WIDEST, description="logits of species (not evaluated); 0: none"
    )
    lattice: bool = Field(True, description="heads of the lattice exist")
    energy: bool = Field(True, description="heads of the energy exist (not evaluated)")
    known_time: float = Field(
        0.001,
        ge=0,
        le=1,
        description="time that the network is given for clean sites (TD-Paint's epsilon)",
    )
