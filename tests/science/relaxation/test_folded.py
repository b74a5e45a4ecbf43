"""The parts of the folded network, against e3nn and numerical derivatives."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
o3 = pytest.importorskip("e3nn.o3")

from aiida_hpaint.science.relaxation.potentials.folded.convolution import Convolution  # noqa: E402
from aiida_hpaint.science.relaxation.potentials.folded.couplings import read_couplings  # noqa: E402
from aiida_hpaint.science.relaxation.potentials.folded.folding import Fold, Mirror  # noqa: E402
from aiida_hpaint.science.relaxation.potentials.folded.parts import (  # noqa: E402
    Layer,
    Linear,
    NotFoldableError,
)
from aiida_hpaint.science.relaxation.potentials.folded.products import Multiply, times_transposed  # noqa: E402
from aiida_hpaint.science.relaxation.potentials.folded.radial import span_weights  # noqa: E402
from aiida_hpaint.science.relaxation.potentials.pairs import find_pairs  # noqa: E402

pytestmark = [pytest.mark.numerics, pytest.mark.filterwarnings("ignore")]
CUTOFF, RANK, SITES, STRUCTURES = 4.0, 5, 3, 2
WIDTHS = (1, 3, 5)


@pytest.fixture(autouse=True)
def _double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def product():
    """Every path from two channels of l1 <= 2 and directions of l2 <= 2 to l3 <= 2."""
    features, directions = o3.Irreps("2x0e+2x1e+2x2e"), o3.Irreps("1x0e+1x1e+1x2e")
    found, steps = [], []
    for i, (channels, one) in enumerate(features):
        for j, (_, two) in enumerate(directions):
            for three in one * two:
                if three.l <= 2:
                    steps.append((i, j, len(found), "uvu", True))
                    found.append((channels, three))
    outputs, order, _ = o3.Irreps(found).sort()
    steps = [(i, j, order[k], mode, train) for i, j, k, mode, train in steps]
    return o3.TensorProduct(
        features, directions, outputs, steps, shared_weights=False, internal_weights=False
    )


def layer_of(tensor_product, span):
    nothing = Linear({}, {}, None)
    found = read_couplings(tensor_product, span)
    return Layer(
        before=nothing,
        sent={},
        after=nothing,
        paths=found.paths,
        mixing=found.mixing,
        radial=found.radial,
        radial_transposed={l2: rows.T.contiguous() for l2, rows in found.radial.items()},
        widths=found.widths,
        scalars=0,
        gated=(),
        gain=1.0,
    )


def edges():
    """Pairs of two structures of three sites, with random functions of the distance."""
    rng = np.random.default_rng(3)
    cells = np.array([[[3.1, 0, 0], [0.4, 3.3, 0], [0.2, -0.5, 2.9]], 3.7 * np.eye(3)])
    positions = rng.uniform(0, 3.0, (STRUCTURES * SITES, 3))
    pairs = find_pairs(positions, cells, np.full(STRUCTURES, SITES), CUTOFF)
    waves = torch.arange(1, RANK + 1) * torch.linalg.vector_norm(pairs.vectors, dim=1)[:, None]
    return pairs, torch.sin(waves)


def directions(vectors):
    return o3.spherical_harmonics([0, 1, 2], vectors, True, normalization="component")


def fold(pairs, radial, vectors):
    mirror = Mirror.of(STRUCTURES, SITES, vectors.device)
    between = pairs.first * SITES + pairs.second % SITES
    once = (mirror.turned[between] > 0).nonzero()[:, 0]
    source = mirror.source[between[once]]
    return Fold.apply(radial[once], directions(vectors[once]), source, mirror, WIDTHS)


def as_blocks(flat):
    """(sites, irreps) as (channels, structures, sites, components) for each l."""
    parts = torch.split(flat, [2, 6, 10], dim=1)
    return [part.view(STRUCTURES, SITES, 2, -1).permute(2, 0, 1, 3).contiguous() for part in parts]


def test_folded_edges_are_sums_over_images():
    pairs, radial = edges()
    folded = fold(pairs, radial, pairs.vectors)
    between = pairs.first * SITES + pairs.second % SITES
    outer = directions(pairs.vectors)[:, :, None] * radial[:, None, :]
    expected = torch.zeros(STRUCTURES * SITES**2, 9, RANK).index_add(0, between, outer)
    parts = torch.split(expected, list(WIDTHS), dim=1)
    for ours, theirs in zip(folded, parts, strict=True):
        torch.testing.assert_close(ours, theirs.reshape(-1, RANK))


def test_messages_equal_those_of_e3nn():
    tensor_product = product()
    pairs, radial = edges()
    span = torch.randn(RANK, tensor_product.weight_numel)
    features = torch.randn(STRUCTURES * SITES, tensor_product.irreps_in1.dim)
    messages = tensor_product(features[pairs.second], directions(pairs.vectors), radial @ span)
    expected = torch.zeros(len(features), messages.shape[1]).index_add(0, pairs.first, messages)
    folded = fold(pairs, radial, pairs.vectors)
    layer = layer_of(tensor_product, span)
    found = Convolution.apply(layer, 3, *folded, *as_blocks(features))
    # The product sorts its outputs by l3: one block of channels a path.
    flat = [part.permute(1, 2, 0, 3).reshape(len(features), -1) for part in found]
    torch.testing.assert_close(torch.cat(flat, dim=1), expected)


def test_gradients_of_messages():
    tensor_product = product()
    pairs, radial = edges()
    layer = layer_of(tensor_product, torch.randn(RANK, tensor_product.weight_numel))
    folded = [part.detach().requires_grad_() for part in fold(pairs, radial, pairs.vectors)]
    features = torch.randn(STRUCTURES * SITES, tensor_product.irreps_in1.dim)
    blocks = [part.requires_grad_() for part in as_blocks(features)]

    def total(*inputs):
        found = Convolution.apply(layer, 3, *inputs)
        return sum(
            (part * torch.cos(torch.arange(part.numel()).view_as(part))).sum() for part in found
        )

    # Messages of scalars read the pair (s, n) for (n, s): only symmetric changes mean anything.
    assert torch.autograd.gradcheck(total, (*folded, *blocks), fast_mode=True)


def test_gradients_of_folding():
    pairs, radial = edges()
    mirror = Mirror.of(STRUCTURES, SITES, torch.device("cpu"))
    between = pairs.first * SITES + pairs.second % SITES
    once = (mirror.turned[between] > 0).nonzero()[:12, 0]
    source = mirror.source[between[once]]
    inputs = (radial[once].requires_grad_(), directions(pairs.vectors[once]).requires_grad_())
    assert torch.autograd.gradcheck(
        lambda r, d: Fold.apply(r, d, source, mirror, WIDTHS), inputs, fast_mode=True
    )


def test_the_table_gives_back_the_weights_and_their_slopes():
    def weights(distances):
        cut = (1 - (distances / CUTOFF) ** 2) ** 3
        waves = torch.sin(torch.arange(1, 9) * distances[:, None]) / distances[:, None]
        return torch.tanh(waves) * cut[:, None] * torch.linspace(0.5, 2.0, 8)

    table, span = span_weights(weights, CUTOFF, 8)
    distances = torch.linspace(0.45, 4.5, 301).requires_grad_()
    inside = distances < CUTOFF
    ours = table(distances.float()).double() @ span
    theirs = torch.where(inside[:, None], weights(distances), 0.0)
    torch.testing.assert_close(ours, theirs, atol=2e-6, rtol=0)
    slopes = [torch.autograd.grad(x.sin().sum(), distances)[0] for x in (ours, theirs)]
    torch.testing.assert_close(*slopes, atol=5e-5, rtol=0)


def test_the_table_ends_calmly():
    table, _ = span_weights(lambda r: torch.stack([4.0 - r, (4.0 - r) ** 2], dim=1), 4.0, 2)
    distances = torch.tensor([0.0, 0.05, 0.1, 4.0, 4.5, 1e3], dtype=torch.float32)
    values = table(distances)
    assert torch.isfinite(values).all()
    assert (values[3:] == 0).all()
    torch.testing.assert_close(values[0], values[2])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products(dtype):
    left, right = torch.randn(7, 5, dtype=dtype), torch.randn(9, 5, dtype=dtype)
    for packed in (right, right.T.contiguous().T, torch.randn(9, 11, dtype=dtype)[:, ::2][:, :5]):
        torch.testing.assert_close(times_transposed(left, packed), left @ packed.T)


def test_gradients_of_products():
    matrix = torch.randn(4, 3)
    features = torch.randn(3, 6).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: Multiply.apply(matrix, matrix.T.contiguous(), x), features
    )


def test_other_tensor_products_are_refused():
    full = o3.FullyConnectedTensorProduct("2x0e", "1x0e", "3x0e")
    with pytest.raises(NotFoldableError, match="uvw"):
        read_couplings(full, torch.zeros(RANK, 6))
