"""The layers of a DenseNetwork by compiled loops: on CPUs, in double precision, without gradients.

torch reads and writes every intermediate result of a batch, and its kernels are dense, although in
larger cells most pairs of sites have no edge. The loops of `layers.c` take one crystal after the
other through all layers: its sites in portions that stay in the cache, its pairs where they have
an edge. Kernels between known sites are computed once for all samples of a host, and what the last
layer would make of known sites is left out. Threads share out crystals, so that neither they nor
the rest of a batch change any sum.
"""

from __future__ import annotations

import ctypes
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.lattice import list_image_translations
from aiida_hpaint.science.diffusion.networks.kernels import CLOSEST
from aiida_hpaint.science.native import load_library

if TYPE_CHECKING:
    from aiida_hpaint.science.diffusion.crystals import Crystals
    from aiida_hpaint.science.diffusion.networks.dense import DenseLayer, DenseNetwork

_SOURCE = Path(__file__).with_name("layers.c")
_LANES = 4
"""Numbers that a processor multiplies at once, below which products of torch are faster."""
_WIDE = frozenset({"x86_64", "AMD64"})
"""Machines some of which multiply as many."""
_POINTER, _INTEGER, _DOUBLE = ctypes.c_void_p, ctypes.c_longlong, ctypes.c_double


class _Layer(ctypes.Structure):
    _fields_ = [
        (name, _POINTER)
        for name in (
            *("norm", "norm_bias", "send", "send_bias", "sent", "sent_bias", "send_vectors"),
            *("collect", "collect_bias", "collect_vectors", "pairing"),
            *("update", "update_bias", "updated", "updated_bias"),
        )
    ]


class _Network(ctypes.Structure):
    _fields_ = [
        *((name, _INTEGER) for name in ("width", "functions", "heads", "count")),
        *((name, _DOUBLE) for name in ("cutoff", "closest", "inverse_width", "epsilon")),
        *((name, _POINTER) for name in ("centres", "scales", "layers")),
    ]


class _Crystal(ctypes.Structure):
    _fields_ = [
        *((name, _INTEGER) for name in ("sites", "moving", "images", "fixed")),
        *((name, _POINTER) for name in ("cell", "translations", "frac", "first", "second")),
        *((name, _POINTER) for name in ("rows", "scalars", "vectors")),
    ]


@cache
def load_loops() -> ctypes.CDLL | None:
    """Return the compiled loops, or None where they cannot be had; see `load_library`.

    Machines that cannot use them need no compiler.
    """
    if platform.machine() not in _WIDE:
        return None
    from aiida_hpaint.science.diffusion.networks.trial import is_right

    return load_library(_SOURCE, is_right, "Sampling takes three to six times as long")


def find_loops(network: DenseNetwork) -> ctypes.CDLL | None:
    """Return the loops for a network, or None if it has to do without.

    Gradients, GPUs, other precisions and widths that do not fill registers are for torch.
    """
    parameters = list(network.parameters())
    if any(one.requires_grad or one.is_cuda or one.dtype != torch.float64 for one in parameters):
        return None
    loops = load_loops()
    return loops if loops is not None and _fits(network, loops) else None


def _fits(network: DenseNetwork, loops: ctypes.CDLL) -> bool:
    lanes, columns = loops.count_lanes(), loops.count_columns()
    widths = network.settings.width, network.settings.radial * network.settings.heads
    has_whole_columns = all(width % columns == 0 for width in widths)
    return lanes >= _LANES and has_whole_columns and network.settings.radial % lanes == 0


class CompiledLayers:
    """The weights of a network as the loops read them.

    Parameters
    ----------
    network : DenseNetwork
        Network whose weights do not change any more.
    loops : ctypes.CDLL
        Loops of `find_loops`.
    """

    def __init__(self, network: DenseNetwork, loops: ctypes.CDLL) -> None:
        self.settings, self.loops = network.settings, loops
        self._columns = int(loops.count_columns())
        self._kept: list[Tensor] = []
        basis = network.basis
        layers = [self._read(layer) for layer in network.layers]  # type: ignore[arg-type]
        self._layers = (_Layer * len(layers))(*layers)
        self.network = _Network(
            *(self.settings.width, self.settings.radial, self.settings.heads, len(layers)),
            *(basis.cutoff, CLOSEST, basis.inverse_width, network.norm.eps),
            *(self._keep(basis.centres), self._keep(basis.scales)),
            ctypes.addressof(self._layers),
        )

    def _read(self, layer: DenseLayer) -> _Layer:
        """Return the weights of a layer, with radial functions next to each other."""
        functions, heads = layer.shape
        mixed = functions * heads
        turned = torch.arange(mixed).view(functions, heads).T
        by_head = turned.reshape(-1)
        both = torch.stack([turned, turned + mixed], 1).reshape(-1)
        received = by_head if layer.first else torch.cat([by_head, by_head + mixed])
        send: Any = layer.send[0]
        sent: Any = layer.send[2]
        update: Any = layer.update[0]
        updated: Any = layer.update[2]
        weights: dict[str, Any] = {
            "send": send.weight,
            "sent": sent.weight[both],
            "collect": layer.collect.weight[:, by_head],
            "collect_vectors": layer.collect_vectors.weight[:, received],
            "pairing": layer.pairing.weight,
            "update": update.weight,
            "updated": updated.weight,
        }
        if not layer.first:
            weights["send_vectors"] = layer.send_vectors.weight[by_head]
        plain: dict[str, Any] = {
            "norm": layer.norm.weight,
            "norm_bias": layer.norm.bias,
            "send_bias": send.bias,
            "sent_bias": sent.bias[both],
            "collect_bias": layer.collect.bias,
            "update_bias": update.bias,
            "updated_bias": updated.bias,
        }
        packed = {name: self._pack(weight) for name, weight in weights.items()}
        return _Layer(**{name: self._keep(one) for name, one in (plain | packed).items()})

    def _pack(self, weight: Tensor) -> Tensor:
        """Return weights (out, in) as (blocks of columns, in, columns)."""
        return weight.view(-1, self._columns, weight.shape[1]).transpose(1, 2)

    def _keep(self, tensor: Tensor) -> int:
        """Return the address of a tensor, which lives as long as this object."""
        self._kept.append(tensor.detach().contiguous().clone())
        return self._kept[-1].data_ptr()


_State = list[tuple[int, int]]
"""Address and version of each parameter, by which a change is noticed."""

# Not in the network, which is copied and pickled.
_READ: WeakKeyDictionary[DenseNetwork, tuple[_State, CompiledLayers]] = WeakKeyDictionary()


def read_layers(network: DenseNetwork, loops: ctypes.CDLL) -> CompiledLayers:
    """Return the weights of a network as the loops read them, read again if one has changed."""
    state = [(one.data_ptr(), one._version) for one in network.parameters()]
    if network not in _READ or _READ[network][0] != state:
        _READ[network] = state, CompiledLayers(network, loops)
    return _READ[network][1]


@dataclass(frozen=True)
class _HostPairs:
    """Pairs of known sites, (P,) each, and their rows of kernels (P, 4, radial)."""

    first: Tensor
    second: Tensor
    rows: Tensor


class CompiledCrystals:
    """Crystals as the loops read them, whose known sites stand still.

    Parameters
    ----------
    layers : CompiledLayers
        Layers of the network.
    crystals : Crystals
        As those of `ScoreNetwork.prepare`.
    """

    def __init__(self, layers: CompiledLayers, crystals: Crystals) -> None:
        self._layers = layers
        rows = [_list_sites(crystals, row) for row in range(len(crystals.numbers))]
        self._sites = torch.cat(rows)
        moving = crystals.unknown.reshape(-1)[self._sites]
        self._moving = moving.nonzero()[:, 0]
        self.unknown = self._sites[self._moving]
        """(U,) places of the unknown sites among all B N places of the batch."""
        width = layers.settings.width
        self._frac = crystals.frac.reshape(-1, 3)[self._sites]
        self._scalars = self._frac.new_empty(len(self._sites), width)
        self._vectors = self._frac.new_empty(len(self._sites), 3, width)
        self._cells = crystals.cells.clone(memory_format=torch.contiguous_format)
        self._kept: list[Tensor] = []
        self._hosts: dict[bytes, _HostPairs] = {}
        start = 0
        self._crystals: list[_Crystal] = []
        for row, sites in enumerate(rows):
            count = int(moving[start : start + len(sites)].sum())
            self._crystals.append(self._describe(row, start, len(sites), count))
            start += len(sites)

    def _describe(self, row: int, start: int, sites: int, moving: int) -> _Crystal:
        """Describe one crystal, and link its known sites if no other one has the same."""
        cell = self._cells[row]
        images = list_image_translations(cell.numpy(), self._layers.settings.cutoff)
        self._kept.append(torch.as_tensor(images).T.contiguous())
        crystal = _Crystal(
            *(sites, moving, len(images), 0),
            *(cell.data_ptr(), self._kept[-1].data_ptr(), self._frac[start:].data_ptr()),
            *(None, None, None),
            *(self._scalars[start:].data_ptr(), self._vectors[start:].data_ptr()),
        )
        known = self._frac[start + moving : start + sites]
        key = np.array([sites, moving]).tobytes() + cell.numpy().tobytes()
        key += known.numpy().tobytes()
        if key not in self._hosts:
            self._hosts[key] = self._link(crystal)
        host = self._hosts[key]
        crystal.fixed = len(host.rows)
        crystal.first, crystal.second = host.first.data_ptr(), host.second.data_ptr()
        crystal.rows = host.rows.data_ptr()
        return crystal

    def _link(self, crystal: _Crystal) -> _HostPairs:
        """Compute the kernels between the known sites of a crystal."""
        known = crystal.sites - crystal.moving
        most = known * (known + 1) // 2
        first, second = torch.empty(2, most, dtype=torch.int64)
        rows = torch.empty(most, 4, self._layers.settings.radial, dtype=torch.float64)
        found = self._layers.loops.link_sites(
            ctypes.byref(self._layers.network),
            ctypes.byref(crystal),
            _INTEGER(crystal.moving),
            _INTEGER(crystal.sites),
            *(_POINTER(one.data_ptr()) for one in (first, second, rows)),
        )
        return _HostPairs(first[:found], second[:found], rows[:found])

    def pass_layers(self, crystals: Crystals, scalars: Tensor) -> tuple[Tensor, Tensor]:
        """Return scalars (U, W) and vectors (U, 3, W) of the unknown sites after all layers.

        Parameters
        ----------
        crystals
            Those that were prepared, with unknown sites anywhere.
        scalars : (B, N, W)
            Features before the first layer.

        Raises
        ------
        MemoryError
            If the loops get too little memory.
        """
        torch.index_select(crystals.frac.reshape(-1, 3), 0, self._sites, out=self._frac)
        torch.index_select(scalars.reshape(-1, scalars.shape[2]), 0, self._sites, out=self._scalars)
        threads = min(torch.get_num_threads(), len(self._crystals))
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                failed = list(pool.map(self._pass, self._crystals))
        else:
            failed = [self._pass(crystal) for crystal in self._crystals]
        if any(failed):
            raise MemoryError("too little memory for the layers of the score network")
        return self._scalars[self._moving], self._vectors[self._moving]

    def _pass(self, crystal: _Crystal) -> int:
        network = ctypes.byref(self._layers.network)
        return int(self._layers.loops.pass_layers(network, ctypes.byref(crystal)))


def _list_sites(crystals: Crystals, row: int) -> Tensor:
    """Return the places of the sites of one crystal in the batch, unknown ones first."""
    width = crystals.numbers.shape[1]
    present, unknown = crystals.present[row], crystals.unknown[row]
    sites = [(present & chosen).nonzero()[:, 0] for chosen in (unknown, ~unknown)]
    return torch.cat(sites) + row * width
