"""The oracle's network: built as its configurations do, with the weights of `fill`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import torch
from mattergen.common.data.chemgraph import ChemGraph
from mattergen.common.data.collate import collate
from mattergen.common.gemnet.gemnet import GemNetT
from mattergen.common.gemnet.layers.embedding_block import AtomEmbedding
from mattergen.common.utils.data_utils import frac_to_cart_coords_with_lattice
from mattergen.denoiser import GemNetTDenoiser
from torch import Tensor, nn

from parity.crystals import Case
from parity.weights import fill

SEED = 3
SIZES: dict[str, dict[str, Any]] = {
    "full": {"num_blocks": 4, "emb_size_atom": 512, "emb_size_edge": 512},
    "small": {
        "num_blocks": 2,
        "emb_size_atom": 32,
        "emb_size_edge": 32,
        "emb_size_trip": 8,
        "emb_size_bil_trip": 8,
    },
}
"""`full` is mattergen_base; what is not named is the default of either side."""
SIZES_TO_SAMPLE = {"open": {**SIZES["small"], "cutoff": 6.0, "max_neighbors": 400}}
"""For trajectories: with all neighbours within the cutoff, so that the last bit of a position does
not decide which of two equally far ones (such as the images of a site to its left and right) is
seen."""

COMMON = {
    "num_targets": 1,
    "cutoff": 7.0,
    "max_neighbors": 50,
    "max_cell_images_per_dim": 5,
    "otf_graph": True,
    "regress_stress": True,
}


class TimesPerSite:
    """Latent vectors of sites where the network expects those of structures to index."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def __getitem__(self, batch: Tensor) -> Tensor:
        return self.values


class PerSiteGemNet(GemNetT):
    """GemNet with a latent vector for each site instead of each structure, as in XtalPaint."""

    def forward(self, z: Tensor, **inputs: Any) -> Any:
        return super().forward(z=TimesPerSite(z), **inputs)


def build(size: str, per_site: bool = False, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The oracle's denoiser, built in single precision and then converted, as a checkpoint is."""
    with precision(torch.float32):
        network = _denoiser(size, per_site)
    network.to(dtype)
    fill(network, SEED)
    return network.eval().requires_grad_(False)


def _denoiser(size: str, per_site: bool) -> nn.Module:
    sizes = {**COMMON, **(SIZES | SIZES_TO_SAMPLE)[size]}
    width = sizes["emb_size_atom"]
    gemnet = (PerSiteGemNet if per_site else GemNetT)(
        atom_embedding=AtomEmbedding(width, with_mask_type=True),
        latent_dim=width,
        **sizes,
    )
    denoise_types = size == "full"
    return GemNetTDenoiser(gemnet, hidden_dim=width, denoise_atom_types=denoise_types)


_sort = torch.sort


def _stable(values: Tensor, dim: int = -1) -> Any:
    return _sort(values, dim=dim, stable=True)


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Let the oracle compute in a precision, and break ties as they come.

    It calls `.float()` on cell offsets and makes its images with `dtype=torch.float`; what it
    makes without a dtype (the encoded time, the sorted distances) follows the default.

    It picks the 50 nearest neighbours with `torch.sort`, which leaves open what comes first of
    equal distances, and in symmetric crystals the 50th and 51st are often equally far. Only a
    stable sort has an answer to compare with.
    """
    before = torch.get_default_dtype()
    with ExitStack() as stack:
        stack.enter_context(patch.object(torch, "sort", _stable))
        if dtype == torch.float64:
            stack.enter_context(patch.object(torch.Tensor, "float", torch.Tensor.double))
            stack.enter_context(patch.object(torch, "float", dtype))
        stack.callback(torch.set_default_dtype, before)
        torch.set_default_dtype(dtype)
        yield


def graph(case: Case, dtype: torch.dtype) -> Any:
    """A batch of one crystal in the oracle's words."""
    return graphs([case], dtype)


def graphs(cases: list[Case], dtype: torch.dtype) -> Any:
    """A batch of crystals in the oracle's words."""
    counts = [torch.tensor(len(case.numbers)) for case in cases]
    return collate(
        [
            ChemGraph(
                pos=torch.as_tensor(case.frac, dtype=dtype),
                cell=torch.as_tensor(case.cell, dtype=dtype)[None],
                atomic_numbers=torch.as_tensor(case.numbers),
                num_atoms=count,
                num_nodes=count,
            )
            for case, count in zip(cases, counts, strict=True)
        ]
    )


def evaluate(network: nn.Module, case: Case, per_site: bool, dtype: torch.dtype) -> Tensor:
    """What the network says of the positions (n, 3): score times noise level, fractional."""
    times = case.site_times if per_site else [case.time]
    return network(graph(case, dtype), torch.as_tensor(times, dtype=dtype))["pos"]


def edges(network: nn.Module, case: Case, dtype: torch.dtype) -> Tensor:
    """The edges (E, 5) that the network sees: source, target, image of the one against the other.

    The second half repeats the first with source and target exchanged.
    """
    data = graph(case, dtype)
    cart = frac_to_cart_coords_with_lattice(data["pos"], data["num_atoms"], data["cell"])
    found = network.gemnet.generate_interaction_graph(
        cart, data["cell"], data["num_atoms"], None, None, None
    )
    return torch.cat([found[0].T, found[-1].long()], 1)
