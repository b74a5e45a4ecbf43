"""The interface of every potential: its entry in the registry, its card, and its evaluation."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
from ase.data import chemical_symbols

if TYPE_CHECKING:
    from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray


class PotentialError(ValueError):
    """A potential cannot be loaded or used; the message gives the reason and the remedy."""


@dataclass(frozen=True)
class PotentialInfo:
    """One potential of the registry, described without loading it.

    Attributes
    ----------
    name : string
        Value of `PotentialSettings.name` that selects it.
    package : string
        Distribution that evaluates it and whose version is recorded; it must be installed.
    loader : string
        Function that loads it, as 'module:function'. It is called with the name, the model file
        (a path, or None) and the device ('cpu' or 'cuda'), and returns a `Potential` or an ASE
        calculator.
    description : string
        One line for `aiida-hpaint models list`.
    install_command : string
        Command that installs the package.
    needs_file : bool
        Whether `PotentialSettings.model` must name a file with weights. Such a file can hold code,
        so it is loaded only where the settings say `trust`.
    is_published : bool
        Whether `aiida-hpaint models fetch` brings the file with the weights.
    sha256 : string or None
        Hash of the weights, for potentials of other packages that bring their weights along.
        Without it, and without a file, nothing proves which model computes an energy, and no
        result is taken from a cache.
    functional : string
        Density functional that the training data were computed with, by the name that dispersion
        corrections know it by.
    provider : string
        Distribution that registers the potential; empty for aiida-hpaint's own. The registry
        fills it in.
    elements : atomic numbers or None
        What it was trained on, so that other elements are refused before anything runs; None if
        only its file says so.
    citation : string
        Publication to cite; empty if only the file says it.
    """

    name: str
    package: str
    loader: str
    description: str = ""
    install_command: str = ""
    needs_file: bool = False
    is_published: bool = False
    sha256: str | None = None
    functional: str = "pbe"
    provider: str = ""
    elements: frozenset[int] | None = None
    citation: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether the package is installed (it is not imported)."""
        try:
            metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return False
        return True


@dataclass(frozen=True)
class PotentialCard:
    """Which model computes the energies: enough to cite it in a paper and to repeat the work.

    Attributes
    ----------
    name : string
        Name in the registry.
    package, package_version : strings
        Python package that evaluates the model.
    model : string
        File name of the weights (never a path: cards travel between machines).
    sha256 : string or None
        Hash of the file with the weights; None for potentials without such a file, whose results
        are never taken from a cache.
    device : string
        'cpu' or 'cuda'.
    cutoff : float or None
        Interaction cutoff in Å, None where the package does not report it.
    elements : atomic numbers or None
        Elements that the model was trained on, None where the package does not report them.
    lowest_energy : float or None
        Energies per atom (eV) below this are a hole in the potential; None where the model's
        zero of energy is unknown.
    dispersion : string or None
        Correction that was added to the model, and the package that computes it.
    batched_by : string or None
        Package that evaluates structures together with the potential's own package, with version.
    """

    name: str
    package: str
    package_version: str
    model: str
    sha256: str | None
    device: str
    cutoff: float | None = None
    elements: frozenset[int] | None = None
    lowest_energy: float | None = None
    dispersion: str | None = None
    batched_by: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the card as JSON, elements as sorted chemical symbols."""
        record = asdict(self)
        if self.elements is not None:
            record["elements"] = [chemical_symbols[number] for number in sorted(self.elements)]
        return record

    def check_elements(self, numbers: IntArray) -> None:
        """Check that the model was trained on all elements.

        Raises
        ------
        PotentialError
            If it was not; the message names the others.
        """
        if self.elements is None:
            return
        unknown = sorted({int(number) for number in np.unique(numbers)} - self.elements)
        if unknown:
            names = ", ".join(
                str(chemical_symbols[number])
                if 0 < number < len(chemical_symbols)
                else f"atomic number {number}"
                for number in unknown
            )
            raise PotentialError(
                f"{self.name} ({self.model}) was not trained on {names}: "
                "choose a potential that knows these elements"
            )


@dataclass(frozen=True)
class Evaluation:
    """Results for S structures with N sites in all.

    Attributes
    ----------
    energies : (S,) floats
        In eV.
    forces : (N, 3) floats
        In eV/Å.
    stresses : (S, 3, 3) floats or None
        Derivatives of the energies by the strain over the volumes, in eV/Å³, where they were asked
        for: negative on the diagonal in a cell that would expand, as in ASE.
    """

    energies: FloatArray
    forces: FloatArray
    stresses: FloatArray | None = None


@runtime_checkable
class Potential(Protocol):
    """Energies and forces of many periodic structures at once.

    Any object with these two members can relax: pass it instead of `PotentialSettings`, or
    register its loader (see `potentials.plugins`). What callers rely on:

    - One structure's energy and forces must not depend on the others in the call, up to rounding.
      Calls hold at most `max_sites_per_batch` sites, or one structure that is larger.
    - No stress is needed while cells are fixed; see `StressPotential` for the rest.
    - If memory runs out, raise `MemoryError` or any error whose message contains "out of memory"
      (that of torch does). The call is then repeated with half of the structures.
    - Any other error is attributed to a structure by evaluating each one alone; only that sample
      fails. NaN does the same.
    - The card must name the weights by their SHA-256 where there is a file: provenance and caching
      identify the model by it.
    """

    @property
    def card(self) -> PotentialCard:
        """Card of the model: name, version, hash, device and known elements."""
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
            Cartesian coordinates in Å; they may lie outside the cell.
        cells : (S, 3, 3) floats
            Lattice vectors as rows, in Å; periodic in all directions.
        site_counts : (S,) integers
            Number of sites of each structure.

        Raises
        ------
        PotentialError
            If the model does not know an element, see `PotentialCard.check_elements`.
        """
        ...


@runtime_checkable
class StressPotential(Potential, Protocol):
    """A potential that relaxations with a cell that changes can use.

    `evaluate` takes one more argument, and returns stresses where it is true.
    """

    @property
    def has_stress(self) -> bool:
        """Whether this model computes stresses."""
        ...

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        with_stress: bool = False,
    ) -> Evaluation:
        """Evaluate S structures, with their stresses where these are asked for."""
        ...


@runtime_checkable
class MovingPotential(Potential, Protocol):
    """A potential that saves time where it knows which sites move."""

    def evaluate_moving(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        moving: BoolArray,
    ) -> Evaluation:
        """Evaluate S structures in which only the sites `moving` (N,) change between calls.

        Energies are those of `evaluate`, and so are the forces on these sites. Those on the others
        may be NaN.
        """
        ...


def has_stress(potential: Potential) -> TypeGuard[StressPotential]:
    """Return whether a potential computes stresses."""
    return isinstance(potential, StressPotential) and potential.has_stress


def require_stress(potential: Potential) -> StressPotential:
    """Return a potential that computes stresses.

    Raises
    ------
    PotentialError
        If it does not.
    """
    if has_stress(potential):
        return potential
    raise PotentialError(
        f"{potential.card.name} computes no stress, without which no cell can relax: choose "
        "another potential, or set relax_all.cell to fixed"
    )
