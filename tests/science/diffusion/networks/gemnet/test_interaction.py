from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import eval_legendre

from aiida_hpaint.science.diffusion.networks.gemnet.candidates import find_candidate_edges
from aiida_hpaint.science.diffusion.networks.gemnet.graph import build_graph
from aiida_hpaint.science.diffusion.networks.gemnet.interaction import (
    Basis,
    Bilinear,
    compute_angular_basis,
)
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

from .samples import batch, random_crystal

pytestmark = pytest.mark.numerics


def test_triplets_are_summed_as_if_one_by_one() -> None:
    settings = GemNetSettings(neighbours=6)
    crystals = batch(random_crystal(3, 0), random_crystal(2, 1))
    graph = build_graph(crystals, find_candidate_edges(crystals, settings), settings)
    torch.manual_seed(0)
    bilinear = Bilinear(4, 3, 5).double()
    count = len(graph.source)
    edges = torch.rand(count, 4, dtype=torch.float64)
    circular = torch.rand(count, 3, 7, dtype=torch.float64)
    none = torch.empty(0)
    basis = Basis(none, none, none, circular, compute_angular_basis(graph, 7))
    found = bilinear(edges, graph, basis).detach().numpy()
    weight, expected = bilinear.weight.detach().numpy(), np.zeros((count, 5))
    norms = np.sqrt((2 * np.arange(7) + 1) / (4 * np.pi))
    for ca in range(count):
        for ba in range(count):
            if ba != ca and graph.target[ba] == graph.target[ca]:
                cosine = float(graph.direction[ca] @ graph.direction[ba])
                angular = norms * eval_legendre(np.arange(7), np.clip(cosine, -1, 1))
                outer = np.outer(edges[ba].numpy(), circular[ca].numpy() @ angular)
                expected[ca] += np.einsum("ij,ijo->o", outer, weight)
    np.testing.assert_allclose(found, expected, atol=1e-12)
