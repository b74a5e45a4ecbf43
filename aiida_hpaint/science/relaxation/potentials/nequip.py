"""NequIP and Allegro models from a package or a compiled file, evaluated in batches."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from ase.data import atomic_numbers

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation.potentials.base import (
    Evaluation,
    PotentialCard,
    PotentialError,
)
from aiida_hpaint.science.relaxation.potentials.files import (
    find_model_file,
    find_version,
    import_package,
    resolve_device,
)
from aiida_hpaint.science.relaxation.potentials.pairs import find_pairs
from aiida_hpaint.science.relaxation.potentials.precision import default_precision

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aiida_hpaint.science.types import FloatArray, IntArray

_INSTALL = "pip install 'aiida-hpaint[ml]'"
_STRESS = "stress"
PACKAGE, COMPILED = ".nequip.zip", ".nequip.pt2"


class NequIP:
    """A model of the NequIP framework (Batzner et al., Nat. Commun. 13, 2453 (2022)).

    Packages are evaluated without compilation, many structures at once. Compiled files are tied
    to the torch and the device that they were compiled with; those for `--target batch` take
    many structures at once, those for `--target ase` one after the other.

    Parameters
    ----------
    card : PotentialCard
        Card of the model.
    model : torch module
        From data to energy and forces.
    types : (119,) integers
        Atom type of each atomic number, -1 where the model has none.
    batched : boolean
        Whether the model takes more than one structure.
    has_stress : boolean
        Whether it returns stresses.
    """

    def __init__(
        self,
        card: PotentialCard,
        model: torch.nn.Module,
        types: IntArray,
        batched: bool,
        has_stress: bool,
    ) -> None:
        self._card = card
        self._model = model
        self._types = types
        self._batched = batched
        self._has_stress = has_stress

    @property
    def card(self) -> PotentialCard:
        """Card of the model."""
        return self._card

    @property
    def has_stress(self) -> bool:
        """Whether the model returns stresses."""
        return self._has_stress

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        with_stress: bool = False,
    ) -> Evaluation:
        """Evaluate S structures, see `Potential.evaluate`."""
        self._card.check_elements(numbers)
        size = max(1, len(site_counts)) if self._batched else 1
        ends = np.cumsum(site_counts)
        energies, forces, stresses = [np.zeros(0)], [np.zeros((0, 3))], [np.zeros((0, 3, 3))]
        for first in range(0, len(site_counts), size):
            counts = site_counts[first : first + size]
            sites = slice(int(ends[first] - counts[0]), int(ends[first + len(counts) - 1]))
            data = self._data(
                numbers[sites], cart_positions[sites], cells[first : first + size], counts
            )
            with default_precision(torch.float64):
                output = self._model(data)
            energies.append(output["total_energy"].detach().double().cpu().numpy().reshape(-1))
            forces.append(output["forces"].detach().double().cpu().numpy())
            if with_stress:
                stress = output[_STRESS].detach().double().cpu().numpy()
                stresses.append(stress.reshape(-1, 3, 3))
        return Evaluation(
            np.concatenate(energies),
            np.concatenate(forces),
            np.concatenate(stresses) if with_stress else None,
        )

    def _data(
        self, numbers: IntArray, positions: FloatArray, cells: FloatArray, counts: IntArray
    ) -> dict[str, torch.Tensor]:
        """Return the input of NequIP models: positions, pairs, lattice translations, types."""
        device = self._card.device
        assert self._card.cutoff is not None
        pairs = find_pairs(positions, cells, counts, self._card.cutoff, device)
        placed = torch.from_numpy(np.ascontiguousarray(positions)).to(device)
        lattices = torch.from_numpy(np.ascontiguousarray(cells)).to(device)
        sizes = torch.from_numpy(np.asarray(counts, dtype=np.int64)).to(device)
        structures = torch.repeat_interleave(torch.arange(len(counts), device=device), sizes)
        beyond = pairs.vectors - (placed[pairs.second] - placed[pairs.first])
        inverse = torch.linalg.inv(lattices)[structures[pairs.first]]
        data = {
            "pos": placed,
            "cell": lattices,
            "edge_index": torch.stack([pairs.first, pairs.second]),
            "edge_cell_shift": torch.einsum("ea,eab->eb", beyond, inverse).round(),
            "atom_types": torch.from_numpy(self._types[numbers]).to(device),
        }
        if self._batched:
            data["batch"], data["num_atoms"] = structures, sizes
        return data


def load(name: str, model: str | None, device: str) -> NequIP:
    """Load a NequIP package (.nequip.zip) or compiled model (.nequip.pt2).

    **Both kinds of files contain code** (a package Python modules, a compiled model a shared
    library), which runs when they are loaded: give only files from someone you trust.

    Raises
    ------
    PotentialError
        If nequip is not installed, the file is missing or unreadable, was compiled for another
        device or torch, or its types are not chemical symbols.
    """
    import_package(name, "nequip", _INSTALL)
    path = find_model_file(name, model, (PACKAGE, COMPILED))
    where = resolve_device(name, device)
    network, metadata = _read(name, path, where)
    symbols = _names(metadata["type_names"])
    if metadata.get("per_edge_type_cutoff"):
        raise PotentialError(f"{name}: {path.name} has cutoffs for pairs of types: not supported")
    card = PotentialCard(
        name=name,
        package="nequip",
        package_version=find_version("nequip"),
        model=path.name,
        sha256=hash_file(path),
        device=where,
        cutoff=float(metadata["r_max"]),
        elements=_elements(name, path, symbols),
    )
    batched = path.name.endswith(PACKAGE) or "batch" in _names(metadata.get("inputs", ""))
    outputs = metadata.get("outputs")
    gives_stress = _gives_stress(network) if outputs is None else _STRESS in _names(outputs)
    return NequIP(card, network, _type_table(symbols), batched, gives_stress)


def _read(name: str, path: Path, device: str) -> tuple[torch.nn.Module, Mapping[str, Any]]:
    """Return the model in evaluation mode and its metadata."""
    reader = _read_package if path.name.endswith(PACKAGE) else _read_compiled
    try:
        with warnings.catch_warnings(), default_precision(torch.float64):
            warnings.simplefilter("ignore")
            return reader(path, device)
    except Exception as error:
        raise PotentialError(
            f"{name}: nequip {find_version('nequip')} with torch {torch.__version__} cannot load "
            f"{path.name} on {device} ({type(error).__name__}: {error}): compiled files work only "
            "on the device and with the torch that they were compiled for; try the package "
            f"({PACKAGE}), or build it again"
        ) from error


def _read_package(path: Path, device: str) -> tuple[torch.nn.Module, Mapping[str, Any]]:
    from nequip.model.saved_models.load_utils import load_saved_model

    model = load_saved_model(str(path), compile_mode="eager", model_key="sole_model")
    return model.eval().to(device), model.metadata


def _read_compiled(path: Path, device: str) -> tuple[torch.nn.Module, Mapping[str, Any]]:
    from nequip.model.inference_models import load_compiled_model
    from nequip.utils.aoti_metadata import NEQUIP_AOTI_INPUTS_KEY, NEQUIP_AOTI_OUTPUTS_KEY

    model, metadata = load_compiled_model(str(path), device)
    keys = {"inputs": NEQUIP_AOTI_INPUTS_KEY, "outputs": NEQUIP_AOTI_OUTPUTS_KEY}
    return model, {**metadata, **{name: metadata.get(key, "") for name, key in keys.items()}}


def _gives_stress(model: torch.nn.Module) -> bool:
    """Return whether any part of a packaged model returns stresses."""
    return any(_STRESS in getattr(part, "irreps_out", ()) for part in model.modules())


def _names(entry: str | Sequence[str]) -> list[str]:
    return entry.replace(",", " ").split() if isinstance(entry, str) else list(entry)


def _elements(name: str, path: Path, symbols: Sequence[str]) -> frozenset[int]:
    unknown = [symbol for symbol in symbols if symbol not in atomic_numbers]
    if unknown:
        raise PotentialError(
            f"{name}: the types {', '.join(unknown)} of {path.name} are not chemical symbols"
        )
    return frozenset(int(atomic_numbers[symbol]) for symbol in symbols)


def _type_table(symbols: Sequence[str]) -> IntArray:
    types = np.full(119, -1, dtype=np.int64)
    for index, symbol in enumerate(symbols):
        types[atomic_numbers[symbol]] = index
    return types
