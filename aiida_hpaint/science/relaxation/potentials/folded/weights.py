"""A sevenn model, read into plain matrices.

Nothing here relies on how e3nn stores or normalises parameters: every linear map is found by
sending unit vectors through the module itself.
"""

from __future__ import annotations

from typing import Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.couplings import read_couplings
from aiida_hpaint.science.relaxation.potentials.folded.directions import read_directions
from aiida_hpaint.science.relaxation.potentials.folded.parts import (
    Layer,
    Linear,
    Matrices,
    NotFoldableError,
    Weights,
)
from aiida_hpaint.science.relaxation.potentials.folded.radial import RadialTable, span_weights

RANK = 64
"""Number of functions of the distance; more change nothing in single precision."""


def read_weights(model: Any, modality: int | None) -> Weights:
    """Read a sevenn model (in double precision on the CPU).

    Parameters
    ----------
    model : sevenn AtomGraphSequential
        In double precision; it is not changed.
    modality : integer or None
        Index of the modality, for multi-modal models.

    Raises
    ------
    NotFoldableError
        If the network has parts that cannot be folded.
    """
    modules = dict(model.named_children())
    depth = sum(name.endswith("_convolution") for name in modules)
    table, spans = _radial(model, depth)
    embedding = _linear(modules["onehot_to_feature_x"], modality)
    hidden = _linear(modules["reduce_input_to_hidden"], modality)
    final = _linear(modules["reduce_hidden_to_energy"], modality)
    features = embedding.matrices[0]
    if embedding.bias is not None:
        features = features + embedding.bias[:, None]
    scale, shift = _rescale(modules["rescale_atomic_energy"], len(model.type_map), modality)
    bias = 0.0 if hidden.bias is None else float(final.matrices[0][0] @ hidden.bias)
    layers = tuple(_layer(modules, t, spans[t], modality) for t in range(depth))
    degree = max(path.l2 for layer in layers for path in layer.paths)
    return Weights(
        species=model.z_to_onehot_tensor.clone(),
        embedding=features,
        table=table,
        directions=read_directions(model.edge_embedding.spherical, degree),
        layers=layers,
        readout=(final.matrices[0] @ hidden.matrices[0])[0],
        readout_bias=bias,
        scale=scale,
        shift=shift,
    )


def _radial(model: Any, depth: int) -> tuple[RadialTable, list[torch.Tensor]]:
    """Return the table, and (rank, weights) for each layer divided by its denominator."""
    convolutions = [getattr(model, f"{t}_convolution") for t in range(depth)]
    embed = model.edge_embedding

    def one(convolution: Any, distances: torch.Tensor) -> torch.Tensor:
        cut = embed.cutoff_function(distances)[:, None]
        inputs = embed.basis_function(distances) * cut
        weights: torch.Tensor = convolution.weight_nn(inputs) / convolution.denominator
        return weights

    grid = torch.linspace(0.7, model.cutoff * 0.98, 60, dtype=torch.float64)
    sizes = [one(c, grid).square().mean().sqrt() for c in convolutions]

    def everything(distances: torch.Tensor) -> torch.Tensor:
        parts = [one(c, distances) / s for c, s in zip(convolutions, sizes, strict=True)]
        return torch.cat(parts, dim=1)

    table, span = span_weights(everything, float(model.cutoff), RANK)
    widths = [int(c.convolution.weight_numel) for c in convolutions]
    parts = torch.split(span, widths, dim=1)
    return table, [part * size for part, size in zip(parts, sizes, strict=True)]


def _layer(modules: dict[str, Any], t: int, span: torch.Tensor, modality: int | None) -> Layer:
    connection = modules[f"{t}_self_connection_intro"]
    if type(connection).__name__ != "SelfConnectionLinearIntro":
        raise NotFoldableError(f"self-connection {type(connection).__name__}")
    couplings = read_couplings(modules[f"{t}_convolution"].convolution, span)
    gate = modules[f"{t}_equivariant_gate"].gate
    before = _linear(modules[f"{t}_self_interaction_1"], modality)
    return Layer(
        before=_stack(before, _linear(connection, modality)),
        sent={l1: len(matrix) for l1, matrix in before.matrices.items()},
        after=_linear(modules[f"{t}_self_interaction_2"], modality),
        paths=couplings.paths,
        mixing=couplings.mixing,
        radial=couplings.radial,
        radial_transposed={l2: rows.T.contiguous() for l2, rows in couplings.radial.items()},
        widths=couplings.widths,
        scalars=int(gate.irreps_scalars.dim),
        gated=tuple((int(block.mul), int(block.ir.l)) for block in gate.irreps_gated),
        gain=_gain(gate),
    )


def _gain(gate: Any) -> float:
    """Return the factor of the activation, which must be silu for all scalars."""
    probe = torch.linspace(-2.0, 2.0, 5, dtype=torch.float64)[:, None]
    outputs = gate(probe.expand(-1, gate.irreps_in.dim))
    silu = torch.nn.functional.silu(probe)
    gain = outputs[-1, 0] / silu[-1, 0]
    scalars, gated = gain * silu, gain * silu * probe
    expected = torch.cat(
        [scalars.expand(-1, gate.irreps_scalars.dim), gated.expand(-1, gate.irreps_gated.dim)],
        dim=1,
    )
    if not torch.allclose(outputs, expected, atol=1e-9):
        raise NotFoldableError("a gate with other activations than silu")
    return float(gain)


def _linear(module: Any, modality: int | None) -> Linear:
    """Read the matrices of an e3nn linear map; one-hot inputs of a modality become a bias."""
    inner = module.linear
    identity = torch.eye(inner.irreps_in.dim, dtype=torch.float64)
    constant = inner(torch.zeros_like(identity[:1]))
    full, bias = inner(identity) - constant, constant[0]
    modalities = getattr(module, "num_modalities", 0)
    irreps = inner.irreps_in
    if modalities > 1:
        if modality is None:
            raise NotFoldableError("a multi-modal network without a modality")
        bias = bias + full[len(full) - modalities + modality]
        full, irreps = full[: len(full) - modalities], module._irreps_in_wo_modal
    matrices = {
        l3: _matrix(full, irreps, inner.irreps_out, l3) for l3 in _momenta(inner.irreps_out)
    }
    scalars = [bias[place] for place in _slices(inner.irreps_out, 0)]
    return _with_transposed(matrices, torch.cat(scalars) if bias.any() else None)


def _with_transposed(matrices: Matrices, bias: torch.Tensor | None) -> Linear:
    """Return a linear map without the matrices that have no inputs."""
    kept = {momentum: matrix for momentum, matrix in matrices.items() if matrix.shape[1] > 0}
    transposed = {momentum: matrix.T.contiguous() for momentum, matrix in kept.items()}
    return Linear(kept, transposed, bias)


def _stack(first: Linear, second: Linear) -> Linear:
    """Stack two maps of the same features, one below the other."""
    parts = {
        momentum: [one.matrices[momentum] for one in (first, second) if momentum in one.matrices]
        for momentum in first.matrices
    }
    biases = [
        torch.zeros(len(one.matrices[0]), dtype=torch.float64) if one.bias is None else one.bias
        for one in (first, second)
    ]
    bias = None if first.bias is None and second.bias is None else torch.cat(biases)
    return _with_transposed({l1: torch.cat(rows) for l1, rows in parts.items()}, bias)


def _momenta(irreps: Any) -> list[int]:
    if any(block.ir.p != 1 for block in irreps):
        raise NotFoldableError("features with odd parity")
    return sorted({int(block.ir.l) for block in irreps})


def _matrix(full: torch.Tensor, irreps_in: Any, irreps_out: Any, momentum: int) -> torch.Tensor:
    """Return (outputs, inputs) of one angular momentum, in the order of the irreps."""
    width = 2 * momentum + 1
    rows = [_first_components(s, width) for s in _slices(irreps_in, momentum)]
    columns = [_first_components(s, width) for s in _slices(irreps_out, momentum)]
    nothing = torch.zeros(0, dtype=torch.int64)
    picked_rows = torch.cat(rows) if rows else nothing
    return full[picked_rows][:, torch.cat(columns)].T.contiguous()


def _slices(irreps: Any, momentum: int) -> list[slice]:
    pairs = zip(irreps.slices(), irreps, strict=True)
    return [place for place, block in pairs if block.ir.l == momentum]


def _first_components(place: slice, width: int) -> torch.Tensor:
    """Return the index of the first component of each channel; equivariance fixes the others."""
    return torch.arange(place.start, place.stop, width)


def _rescale(module: Any, species: int, modality: int | None) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scale and shift of each species."""
    chosen = []
    for values in (module.scale, module.shift):
        picked = values[modality] if values.ndim == 2 else values
        chosen.append(picked.detach().double().expand(species).clone())
    return chosen[0], chosen[1]
