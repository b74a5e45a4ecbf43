"""The tensor product of a convolution, read into matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from aiida_hpaint.science.relaxation.potentials.folded.parts import Matrices, NotFoldableError, Path


@dataclass(frozen=True)
class Couplings:
    """A tensor product as matrices; `Layer` explains the attributes."""

    paths: tuple[Path, ...]
    mixing: Matrices
    radial: Matrices
    widths: tuple[int, ...]


def read_couplings(product: Any, span: torch.Tensor) -> Couplings:
    """Read an e3nn tensor product of the kind 'uvu'.

    Parameters
    ----------
    product : e3nn TensorProduct
        In double precision.
    span : (rank, weights) floats
        Its radial weights in terms of the functions of the table.

    Raises
    ------
    NotFoldableError
        If it is of another kind.
    """
    starts = _weight_starts(product)
    rows: dict[int, int] = {}
    columns: dict[int, list[torch.Tensor]] = {}
    pieces: dict[int, list[torch.Tensor]] = {}
    paths = []
    # The messages of each l3 are stacked in the order of the product's outputs.
    for place in sorted(range(len(starts)), key=lambda i: int(product.instructions[i].i_out)):
        step = product.instructions[place]
        channels = int(product.irreps_in1[step.i_in1].mul)
        l1, l2, l3 = _momenta(product, step)
        columns.setdefault(l1, []).append(_columns(product, step))
        pieces.setdefault(l2, []).append(span[:, starts[place] : starts[place] + channels].T)
        paths.append(
            Path(
                l1,
                l2,
                l3,
                channels=_last(sum(len(piece) for piece in pieces[l2]), channels),
                columns=_last(sum(c.shape[1] for c in columns[l1]), columns[l1][-1].shape[1]),
                rows=_last(rows.get(l3, 0) + channels, channels),
            )
        )
        rows[l3] = paths[-1].rows.stop
    return Couplings(
        paths=tuple(paths),
        mixing={l1: torch.cat(parts, dim=1) for l1, parts in columns.items()},
        radial={l2: torch.cat(parts).contiguous() for l2, parts in pieces.items()},
        widths=tuple(rows[l3] for l3 in sorted(rows)),
    )


def _last(stop: int, width: int) -> slice:
    return slice(stop - width, stop)


def _weight_starts(product: Any) -> list[int]:
    """Return the index of the first weight of each instruction."""
    starts, start = [], 0
    for step in product.instructions:
        if step.connection_mode != "uvu" or not step.has_weight:
            raise NotFoldableError(f"a tensor product of the kind {step.connection_mode!r}")
        starts.append(start)
        start += int(product.irreps_in1[step.i_in1].mul)
    return starts


def _momenta(product: Any, step: Any) -> tuple[int, int, int]:
    return (
        int(product.irreps_in1[step.i_in1].ir.l),
        int(product.irreps_in2[step.i_in2].ir.l),
        int(product.irreps_out[step.i_out].ir.l),
    )


def _columns(product: Any, step: Any) -> torch.Tensor:
    """Return the columns of a path in the mixing matrix: (d1, d3 x d2); one for scalars."""
    coupling = _coupling(product, step)
    l1, l2, _ = _momenta(product, step)
    if l1 == 0:
        return coupling[:, :1, 0] * (-1.0 if l2 % 2 else 1.0)
    columns: torch.Tensor = coupling.permute(0, 2, 1).reshape(2 * l1 + 1, -1)
    return columns


def _coupling(product: Any, step: Any) -> torch.Tensor:
    """Return the (d1, d2, d3) product of all unit vectors, for the first channel."""
    first = product.irreps_in1.slices()[step.i_in1].start
    second = product.irreps_in2.slices()[step.i_in2].start
    third = product.irreps_out.slices()[step.i_out].start
    d1, d2, d3 = (2 * momentum + 1 for momentum in _momenta(product, step))
    left = torch.eye(product.irreps_in1.dim, dtype=torch.float64)[first : first + d1]
    right = torch.eye(product.irreps_in2.dim, dtype=torch.float64)[second : second + d2]
    ones = torch.ones((d1 * d2, product.weight_numel), dtype=torch.float64)
    result = product(left.repeat_interleave(d2, dim=0), right.repeat(d1, 1), ones)
    coupling: torch.Tensor = result[:, third : third + d3].reshape(d1, d2, d3)
    return coupling
