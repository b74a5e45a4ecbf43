"""CHGNet, many structures at once, without magnetic moments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ase.data import chemical_symbols
from ase.units import GPa
from pymatgen.core import Structure

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation.potentials.base import (
    Evaluation,
    PotentialCard,
    PotentialError,
)
from aiida_hpaint.science.relaxation.potentials.files import (
    find_version,
    import_package,
    resolve_device,
)

if TYPE_CHECKING:
    from aiida_hpaint.science.types import FloatArray, IntArray

MODEL = "0.3.0"
_INSTALL = "pip install chgnet nvidia-ml-py3"
_LOWEST_ENERGY = -30.0
"""eV per atom, as for other potentials on the scale of the Materials Project."""
BATCH_SIZE = {"cpu": 4, "cuda": 256}
"""Number of structures in one pass of the network."""


class CHGNet:
    """CHGNet 0.3.0 (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)).

    Parameters
    ----------
    card : PotentialCard
        Card of the model.
    network : chgnet model
        In evaluation mode, on its device.
    """

    def __init__(self, card: PotentialCard, network: Any) -> None:
        self._card = card
        self._network = network

    @property
    def card(self) -> PotentialCard:
        """Card of the model."""
        return self._card

    @property
    def has_stress(self) -> bool:
        """Whether stresses are computed: always."""
        return True

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
        cuts = np.cumsum(site_counts)[:-1]
        parts = zip(cells, np.split(numbers, cuts), np.split(cart_positions, cuts), strict=True)
        graphs = [
            self._network.graph_converter(
                Structure(
                    cell,
                    [chemical_symbols[z] for z in elements],
                    positions,
                    coords_are_cartesian=True,
                )
            )
            for cell, elements, positions in parts
        ]
        found = self._network.predict_graph(
            graphs, task="efs" if with_stress else "ef", batch_size=BATCH_SIZE[self._card.device]
        )
        results = [found] if isinstance(found, dict) else found
        energies = np.array([float(result["e"]) for result in results])
        forces = np.concatenate([result["f"] for result in results])
        factor = site_counts if self._network.is_intensive else 1
        stresses = np.array([result["s"] for result in results]) * GPa if with_stress else None
        return Evaluation(energies * factor, forces.astype(np.float64), stresses)


def load(name: str, model: str | None, device: str) -> CHGNet:
    """Load CHGNet 0.3.0 from its own wheel.

    chgnet reads the file inside its wheel with `torch.load(weights_only=False)`.

    Raises
    ------
    PotentialError
        If chgnet is not installed, its wheel lacks the model, or a model file is given.
    """
    if model is not None:
        raise PotentialError(f"{name} takes no model file ({model!r}): leave it out")
    package = import_package(name, "chgnet", _INSTALL)
    module = import_package(name, "chgnet.model", _INSTALL)
    folder = Path(str(package.__file__)).parent / "pretrained" / MODEL
    files = sorted(folder.glob("*.pth.tar"))
    if not files:
        raise PotentialError(
            f"{name}: chgnet {find_version('chgnet')} does not bring the model {MODEL}: {_INSTALL}"
        )
    where = resolve_device(name, device)
    network = module.CHGNet.load(model_name=MODEL, use_device=where, verbose=False)
    network.graph_converter.set_isolated_atom_response("error")
    card = PotentialCard(
        name=name,
        package="chgnet",
        package_version=find_version("chgnet"),
        model=files[0].name,
        sha256=hash_file(files[0]),
        device=where,
        cutoff=float(network.graph_converter.atom_graph_cutoff),
        elements=frozenset(range(1, 95)),
        lowest_energy=_LOWEST_ENERGY,
    )
    return CHGNet(card, network)
