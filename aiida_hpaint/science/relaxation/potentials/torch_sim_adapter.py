"""Any model of torch-sim as a potential that evaluates many structures at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import atomic_masses

from aiida_hpaint.science.relaxation.potentials.base import (
    Evaluation,
    PotentialCard,
    PotentialError,
)
from aiida_hpaint.science.relaxation.potentials.files import find_version, import_package

if TYPE_CHECKING:
    from aiida_hpaint.science.types import FloatArray, IntArray

__all__ = ["DISTRIBUTION", "TorchSimPotential", "is_torch_sim_model", "wrap_torch_sim"]

DISTRIBUTION = "torch-sim-atomistic"
_INSTALL = f"pip install {DISTRIBUTION}"


class TorchSimPotential:
    """A model with the `ModelInterface` of torch-sim behind the interface of `Potential`.

    Many packages of potentials have such a model (Cohen et al., arXiv:2508.06628).

    Parameters
    ----------
    card : PotentialCard
        Card of the model.
    model : ModelInterface
        Model that computes forces; stresses only if it was made for them.

    Raises
    ------
    PotentialError
        If the model computes no forces.
    """

    def __init__(self, card: PotentialCard, model: Any) -> None:
        if not model.compute_forces:
            raise PotentialError(
                f"{card.name} computes no forces: make it with compute_forces=True"
            )
        self._card = card
        self._model = model

    @property
    def card(self) -> PotentialCard:
        """Card of the model."""
        return self._card

    @property
    def has_stress(self) -> bool:
        """Whether the model was made to compute stresses."""
        return bool(self._model.compute_stress)

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        with_stress: bool = False,
    ) -> Evaluation:
        """Evaluate S structures at once, see `Potential.evaluate`."""
        self._card.check_elements(numbers)
        if not len(site_counts):
            none = np.empty((0, 3, 3)) if with_stress else None
            return Evaluation(np.empty(0), np.empty((0, 3)), none)
        found = self._model(self._make_state(numbers, cart_positions, cells, site_counts))
        stresses = _to_array(found["stress"]).reshape(-1, 3, 3) if with_stress else None
        energies, forces = _to_array(found["energy"]).reshape(-1), _to_array(found["forces"])
        return Evaluation(energies, forces, stresses)

    def _make_state(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
    ) -> Any:
        """Make a SimState, whose cells have lattice vectors as columns."""
        import torch

        torch_sim = import_package(self._card.name, "torch_sim", _INSTALL)
        owners = np.repeat(np.arange(len(site_counts)), site_counts)
        # Some neighbour lists of models expect positions inside the cell.
        frac = np.einsum("ni,nij->nj", cart_positions, np.linalg.inv(cells)[owners])
        inside = np.einsum("ni,nij->nj", frac - np.floor(frac), cells[owners])
        where = {"device": self._model.device}
        floats = {**where, "dtype": self._model.dtype}
        return torch_sim.SimState(
            positions=torch.as_tensor(inside, **floats),
            masses=torch.as_tensor(atomic_masses[numbers], **floats),
            cell=torch.as_tensor(np.swapaxes(cells, 1, 2).copy(), **floats),
            pbc=True,
            atomic_numbers=torch.as_tensor(numbers, dtype=torch.int, **where),
            system_idx=torch.as_tensor(owners, **where),
        )


def is_torch_sim_model(found: Any) -> bool:
    """Return whether an object has the `ModelInterface` of torch-sim, which is not imported."""
    names = {f"{kind.__module__}.{kind.__name__}" for kind in type(found).__mro__}
    return "torch_sim.models.interface.ModelInterface" in names


def wrap_torch_sim(
    model: Any, name: str = "", package: str = "", sha256: str | None = None
) -> TorchSimPotential:
    """Return a model of torch-sim as a potential.

    Without a hash of its weights nothing proves which model it is. For a card with elements and
    lowest energy make a `TorchSimPotential` yourself.

    Parameters
    ----------
    model : ModelInterface
        Model that computes forces.
    name, package : strings, optional
        Name of the potential and the distribution that evaluates it; without them the name of the
        model's class, and torch-sim.
    sha256 : string, optional
        Hash of the weights.
    """
    package = package or DISTRIBUTION
    card = PotentialCard(
        name=name or type(model).__name__.lower(),
        package=package,
        package_version=find_version(package),
        model="",
        sha256=sha256,
        device="cuda" if "cuda" in str(model.device) else "cpu",
        batched_by=describe_torch_sim(),
    )
    return TorchSimPotential(card, model)


def describe_torch_sim() -> str:
    """Return the name of torch-sim with its version."""
    return f"{DISTRIBUTION} {find_version(DISTRIBUTION)}"


def _to_array(values: Any) -> FloatArray:
    return np.asarray(values.detach().cpu().numpy(), dtype=np.float64)
