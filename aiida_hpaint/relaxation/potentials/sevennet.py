"""SevenNet models, evaluated on one graph for the whole batch."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .base import Evaluation, PotentialCard, PotentialError
from .files import model_file, need_package, resolve_device, sha256_of, version_of
from .pairs import Pairs, find_pairs

if TYPE_CHECKING:
    from aiida_hpaint.structures.batch import FloatArray, IntArray

BUNDLED = {
    "sevennet-0": ("7net-0", None),
    "sevennet-l3i5": ("7net-l3i5", None),
    "sevennet-mf-0": ("7net-mf-0", "PBE"),
    "sevennet-mf-0-r2scan": ("7net-mf-0", "R2SCAN"),
}
"""Registry names of the models inside the wheel: (name in sevenn, modality)."""

INSTALL = "pip install aiida-hpaint[ml]"
LOWEST_ENERGY = -30.0
"""eV per atom; no element binds by more than 15 eV on the scale of the Materials Project."""


class SevenNet:
    """A SevenNet model (Park et al., J. Chem. Theory Comput. 20, 4857 (2024)).

    Energies and forces only: the gradient with respect to the edge vectors gives the forces,
    stresses are not computed. Single precision, as the models were trained.
    """

    def __init__(self, card: PotentialCard, model: Any, modality: int | None) -> None:
        self._card = card
        self._model = model
        self._modality = modality

    @property
    def card(self) -> PotentialCard:
        """Which model this is."""
        return self._card

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
    ) -> Evaluation:
        """Evaluate S structures at once, see `Potential.evaluate`."""
        self._card.check_elements(numbers)
        assert self._card.cutoff is not None
        # On a CPU a batch falls out of the cache: one structure after the other is twice as fast.
        size = 1 if self._card.device == "cpu" else max(1, len(site_counts))
        ends = np.cumsum(site_counts)
        energies, forces = [], []
        for first in range(0, len(site_counts), size):
            counts = site_counts[first : first + size]
            sites = slice(int(ends[first] - counts[0]), int(ends[first + len(counts) - 1]))
            lattices = cells[first : first + size]
            pairs = find_pairs(
                cart_positions[sites], lattices, counts, self._card.cutoff, self._card.device
            )
            energy, force = self._energies_and_forces(numbers[sites], counts, pairs)
            energies.append(energy.double().cpu().numpy())
            forces.append(force.double().cpu().numpy())
        return Evaluation(np.concatenate(energies), np.concatenate(forces))

    def _energies_and_forces(
        self, numbers: IntArray, site_counts: IntArray, pairs: Pairs
    ) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = pairs.vectors.float().requires_grad_(True)
        data = self._graph(numbers, site_counts, pairs, vectors)
        for module in self._model:
            data = module(data)
        energies = data["inferred_total_energy"]
        (gradient,) = torch.autograd.grad(energies.sum(), [vectors])
        forces = torch.zeros((len(numbers), 3), device=vectors.device)
        forces.index_add_(0, pairs.first, gradient)
        forces.index_add_(0, pairs.second, gradient, alpha=-1)
        return energies.detach(), forces

    def _graph(
        self, numbers: IntArray, site_counts: IntArray, pairs: Pairs, vectors: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        device = vectors.device
        atomic_numbers = torch.from_numpy(np.asarray(numbers, dtype=np.int64)).to(device)
        species = self._model.z_to_onehot_tensor.to(device)[atomic_numbers]
        counts = torch.from_numpy(np.asarray(site_counts, dtype=np.int64)).to(device)
        structure = torch.repeat_interleave(torch.arange(len(counts), device=device), counts)
        graph = {
            "atomic_numbers": atomic_numbers,
            "x": species,
            "edge_index": torch.stack([pairs.first, pairs.second]),
            "edge_vec": vectors,
            "batch": structure,
            "num_atoms": counts,
        }
        if self._modality is not None:
            graph["modal_type"] = torch.full_like(counts, self._modality)
        return graph


def load(name: str, model: str | None, device: str) -> SevenNet:
    """Load a bundled SevenNet model, or a checkpoint of the user's ('sevennet').

    The models of `BUNDLED` are files inside the sevenn wheel. sevenn reads checkpoints with
    `torch.load(weights_only=False)`, that is, **a checkpoint can run code**: give only files
    of your own or from someone you trust. Nothing is ever downloaded.

    Raises
    ------
    PotentialError
        If sevenn is not installed, or the file is missing or not a SevenNet checkpoint.
    """
    need_package(name, "sevenn", INSTALL)
    path, modal = _locate(name, model)
    where = resolve_device(name, device)
    network, elements, cutoff = _build(name, path)
    card = PotentialCard(
        name=name,
        package="sevenn",
        package_version=version_of("sevenn"),
        model=path.name,
        sha256=sha256_of(path),
        device=where,
        cutoff=cutoff,
        elements=elements,
        lowest_energy=LOWEST_ENERGY,
    )
    return SevenNet(card, network.to(where), _modality(name, network, modal))


def _locate(name: str, model: str | None) -> tuple[Path, str | None]:
    if name not in BUNDLED:
        return model_file(name, model, (".pth",)), None
    if model is not None:
        raise PotentialError(
            f"{name} is a bundled model and takes no model file ({model!r}): "
            "leave `potential.model` out, or use the name 'sevennet' for a checkpoint of your own"
        )
    import sevenn._const as const

    key, modal = BUNDLED[name]
    paths = {
        "7net-0": const.SEVENNET_0_11Jul2024,
        "7net-l3i5": const.SEVENNET_l3i5,
        "7net-mf-0": const.SEVENNET_MF_0,
    }
    path = Path(paths[key])
    if not path.is_file():
        raise PotentialError(
            f"{name}: the installed sevenn has no file {path.name}: "
            "pip install --force-reinstall sevenn"
        )
    return path, modal


def _build(name: str, path: Path) -> tuple[Any, frozenset[int], float]:
    """The network without its force module, the elements and the cutoff."""
    from sevenn.checkpoint import SevenNetCheckpoint

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            network = SevenNetCheckpoint(path).build_model()
    except Exception as error:
        raise PotentialError(
            f"{name}: {path.name} is not a SevenNet checkpoint that sevenn "
            f"{version_of('sevenn')} can read ({type(error).__name__}: {error}): "
            "fetch the file again or reinstall sevenn"
        ) from error
    network.delete_module_by_key("force_output")
    network.set_is_batch_data(True)
    network.requires_grad_(False)
    network.eval()
    return network, frozenset(int(z) for z in network.type_map or {}), float(network.cutoff)


def _modality(name: str, network: Any, modal: str | None) -> int | None:
    known = network.modal_map
    if not known:
        return None
    if modal is None and len(known) > 1:
        raise PotentialError(
            f"{name}: this checkpoint has the modalities {', '.join(sorted(known))}; "
            "only the bundled 'sevennet-mf-0' and 'sevennet-mf-0-r2scan' can choose one"
        )
    return int(known[modal] if modal is not None else next(iter(known.values())))
