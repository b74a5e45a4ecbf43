"""What every potential is: a card that says which model it is, and a batched evaluation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from ase.data import chemical_symbols

if TYPE_CHECKING:
    from aiida_hpaint.science.types import FloatArray, IntArray


class PotentialError(ValueError):
    """A potential that cannot be had or used; the message says why and what to do."""


@dataclass(frozen=True)
class PotentialCard:
    """Which model computes the energies: enough to name it in a paper and to repeat it.

    Attributes
    ----------
    name : string
        The name in the registry.
    package, package_version : strings
        The Python package that evaluates the model.
    model : string
        File name of the weights (never a path: cards travel between machines).
    sha256 : string
        Of the file with the weights.
    device : string
        'cpu' or 'cuda'.
    cutoff : float or None
        Interaction cutoff in Å, None where the package does not tell.
    elements : atomic numbers or None
        What the model was trained on, None where the package does not tell.
    lowest_energy : float or None
        Energies per atom (eV) below this are a hole in the potential; None where the model's
        zero of energy is unknown.
    """

    name: str
    package: str
    package_version: str
    model: str
    sha256: str
    device: str
    cutoff: float | None = None
    elements: frozenset[int] | None = None
    lowest_energy: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The card as JSON, elements as sorted chemical symbols."""
        record = asdict(self)
        if self.elements is not None:
            record["elements"] = [chemical_symbols[number] for number in sorted(self.elements)]
        return record

    def check_elements(self, numbers: IntArray) -> None:
        """Make sure that the model knows all elements.

        Raises
        ------
        PotentialError
            Naming the elements it does not know.
        """
        if self.elements is None:
            return
        unknown = sorted({int(number) for number in np.unique(numbers)} - self.elements)
        if unknown:
            names = ", ".join(_symbol(number) for number in unknown)
            raise PotentialError(
                f"{self.name} ({self.model}) was not trained on {names}: "
                "choose a potential that knows these elements"
            )


def _symbol(number: int) -> str:
    known = 0 < number < len(chemical_symbols)
    return str(chemical_symbols[number]) if known else f"atomic number {number}"


@dataclass(frozen=True)
class Evaluation:
    """Energies (S,) in eV and forces (N, 3) in eV/Å of S structures with N sites in all."""

    energies: FloatArray
    forces: FloatArray


class Potential(Protocol):
    """Energies and forces of many periodic structures at once."""

    @property
    def card(self) -> PotentialCard:
        """Which model this is."""
        ...

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
    ) -> Evaluation:
        """Evaluate S structures that are stored one after the other.

        Parameters
        ----------
        numbers : (N,) integers
            Atomic numbers.
        cart_positions : (N, 3) floats
            Cartesian coordinates in Å.
        cells : (S, 3, 3) floats
            Lattice vectors as rows, in Å; periodic in all directions.
        site_counts : (S,) integers
            Number of sites of each structure.

        Raises
        ------
        PotentialError
            If the model does not know an element.
        """
        ...
