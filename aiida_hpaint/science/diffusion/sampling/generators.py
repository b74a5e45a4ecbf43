"""Generators of samples: what one has to offer, and how one is found by its name.

"random" is part of this package, and every diffusion model is a generator. Other packages add
theirs with an entry point of the group `hpaint.generators`, whose name is the generator's and whose
value is a class (or a function) that is called without arguments. Nothing here needs torch, and
the list of generators imports none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.models.library import is_bundled, is_model_name
from aiida_hpaint.science.diffusion.models.published import PUBLISHED
from aiida_hpaint.science.diffusion.sampling.host_frame import HostFrame
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, encode_carried
from aiida_hpaint.science.structures.geometric import GeometricGroup
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

GROUP = "hpaint.generators"
"""Group of the entry points that add generators."""

Tick = Callable[[float], None]
"""Callback that takes the fraction of the work that is done."""


class GeneratorError(ValueError):
    """A generator that cannot be used; the message says which, and why."""


@dataclass(frozen=True)
class SampleRequest:
    """One sample to generate: a host in its own frame, and the random numbers of the sample.

    Attributes
    ----------
    frame
        Cell (Å), axes and origin that belong to the host; see `HostFrame`.
    numbers : (n,)
        Atomic numbers of all sites.
    frac : (n, 3)
        Fractional coordinates in the frame. Where `unknown`, they are NaN or, if settings ask for
        a `start_time` below 1, the guess to refine.
    unknown : (n,)
        True for the sites to insert.
    rng
        The only source of random numbers. A rejected sample is resampled from where it stopped.
    parents : (m,)
        Site that carries each of the m `unknown` sites, as the budget of the host says; -1 where
        that is not known. Generators that make use of it place the site near its parent.
    order : (m,)
        Place of each `unknown` site among the inserted sites of the host.
    geometric
        Groups of `unknown` H in geometric positions. They are placed before a generator gets the
        request.
    drawn
        How many of the `parents` were drawn for this sample, by bond valences.
    """

    frame: HostFrame
    numbers: IntArray
    frac: FloatArray
    unknown: BoolArray
    rng: np.random.Generator
    parents: IntArray
    order: IntArray
    geometric: tuple[GeometricGroup, ...] = ()
    drawn: int = 0

    @property
    def known(self) -> BoolArray:
        """(n,) True for sites of the host."""
        return ~self.unknown

    @property
    def guided(self) -> BoolArray:
        """(n,) True for `unknown` sites whose parent is known."""
        mask = self.unknown.copy()
        mask[self.unknown] = self.parents != UNKNOWN
        return mask

    @property
    def known_parents(self) -> IntArray:
        """(g,) parents of the `guided` sites."""
        return np.asarray(self.parents[self.parents != UNKNOWN])

    @property
    def carried(self) -> IntArray:
        """(n,) 1 + how many inserted sites each known site carries; 0 where that is not known."""
        return encode_carried(self.parents, self.unknown)

    @property
    def bond_lengths(self) -> FloatArray:
        """(g,) distances of the `guided` sites from their parents, sums of covalent radii in Å."""
        from ase.data import covalent_radii

        bonded = covalent_radii[self.numbers[self.guided]]
        return np.asarray(bonded + covalent_radii[self.numbers[self.known_parents]])


@dataclass(frozen=True)
class SampledPath:
    """Positions of the inserted sites of one sample, fractional in the frame of its request.

    Attributes
    ----------
    final : (m, 3)
        Where the sites are in the end, in the order of the `unknown` sites.
    positions, means
        With a recording: where they were first and after each recorded step, and the means of
        these steps before noise was added (one fewer).
    cell : (3, 3)
        Lattice vectors of the frame as rows, Å, in any orientation, if the cell was sampled.
    """

    final: FloatArray
    positions: list[FloatArray] = field(default_factory=list)
    means: list[FloatArray] = field(default_factory=list)
    cell: FloatArray | None = None


class Generator(Protocol):
    """Source of samples. Subclass it and define `name` and `sample`; the rest has defaults.

    A generator is created often and should import and load what it needs in `load` and `sample`.
    """

    @property
    def name(self) -> str:
        """Name that selects it in `sampling.generator`."""
        ...

    @property
    def about(self) -> str:
        """One line for lists."""
        return ""

    @property
    def has_weights(self) -> bool:
        """False for a rule that has learned nothing, such as random placement."""
        return True

    @property
    def needs_file(self) -> bool:
        """True if it reads a model file that `find_model` finds, wherever it runs."""
        return False

    @property
    def can_refine(self) -> bool:
        """True if it can start from guesses, with a `start_time` below 1."""
        return False

    @property
    def can_record(self) -> bool:
        """True if it can return where the sites were after each step of a diffusion."""
        return False

    def explain_fixed_cells(self) -> str:
        """Return why it cannot sample cells, as the end of a sentence; empty if it can."""
        return "it places sites in the cell of the host"

    @property
    def is_niggli(self) -> bool:
        """True if it wants Niggli cells; the default is any reduced cell."""
        return False

    def identify(self) -> dict[str, str]:
        """Return what its samples depend on, for provenance: `name` and, of weights, `sha256`.

        Package and version of a generator that is found by its entry point are added to it.
        """
        return {"name": self.name}

    def resolve_settings(self, settings: SamplingSettings) -> SamplingSettings:
        """Return the settings with what is unset as recommended for this generator."""
        return settings

    def load(self, settings: SamplingSettings) -> str:
        """Load what sampling needs, once, and return the device that it runs on."""
        return "cpu"

    def count_evaluations(self, settings: SamplingSettings) -> int:
        """Return how often a network is evaluated for one sample, with resolved settings."""
        return 0

    def sample(
        self,
        requests: Sequence[SampleRequest],
        settings: SamplingSettings,
        *,
        record: int = 0,
        tick: Tick | None = None,
    ) -> list[SampledPath]:
        """Return positions for each request, in the same order.

        A sample depends on its request, the weights and the settings alone, never on the requests
        beside it: all random numbers come from `request.rng`.

        Parameters
        ----------
        settings
            As `resolve_settings` returns them.
        record
            Keep the positions after every n-th step and the last; 0 keeps none.
        tick
            To be called now and then with the fraction that is done, at the end with 1.
        """
        ...


@dataclass(frozen=True)
class InstalledGenerator:
    """A generator other than diffusion models, and the package that it is from."""

    name: str
    package: str
    package_version: str
    entry_point: EntryPoint

    def load(self) -> Generator:
        """Import and create it.

        Raises
        ------
        GeneratorError
            If that fails.
        """
        source = f"generator '{self.name}' of {self.package} {self.package_version}"
        try:
            generator: Generator = self.entry_point.load()()
            name = generator.name
        except Exception as error:  # the code of another package may fail in any way
            raise GeneratorError(
                f"{source} cannot be loaded: {type(error).__name__}: {error}"
            ) from error
        if name != self.name:
            raise GeneratorError(f"{source} calls itself '{name}': both names have to be the same")
        return generator


_PLACEMENT = "aiida_hpaint.science.diffusion.sampling.random_placement:RandomPlacement"
BUILT_IN = {
    "random": InstalledGenerator(
        "random", "aiida-hpaint", __version__, EntryPoint("random", _PLACEMENT, GROUP)
    )
}
"""Generators without weights that are part of this package, whose version identifies them."""


def list_generators() -> list[InstalledGenerator]:
    """Return the generators other than diffusion models: ours, then those of other packages.

    Nobody can replace a generator of this package or a published model: entry points with such a
    name are left out.
    """
    found = [
        InstalledGenerator(point.name, point.dist.name, point.dist.version, point)
        for point in entry_points(group=GROUP)
        if point.dist is not None and not _is_reserved(point.name) and point.name not in BUILT_IN
    ]
    return [*BUILT_IN.values(), *sorted(found, key=lambda one: (one.name, one.package))]


def find_installed(name: str) -> InstalledGenerator | None:
    """Return the generator of this name that is no diffusion model, or None.

    Raises
    ------
    GeneratorError
        If two packages offer one of this name.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    if _is_reserved(name):
        return None
    found = [one for one in list_generators() if one.name == name]
    if len(found) > 1:
        packages = ", ".join(one.package for one in found)
        raise GeneratorError(f"several packages offer a generator '{name}': {packages}")
    return found[0] if found else None


def get_generator(name: str) -> Generator:
    """Return the generator that `sampling.generator` names.

    What is no generator of an installed package names a diffusion model, which is looked for when
    it is needed: jobs may run where the model is, and this machine may not have it.

    Raises
    ------
    GeneratorError
        If a package has a generator of this name that cannot be loaded.
    """
    from aiida_hpaint.science.diffusion.sampling.diffusion_model import DiffusionModel

    installed = find_installed(name)
    return DiffusionModel(name) if installed is None else installed.load()


def identify_generator(name: str) -> dict[str, str]:
    """Return what identifies a generator in provenance: name, and sha256 or package and version.

    Raises
    ------
    GeneratorError, CheckpointError
        If there is no such generator, or it cannot be loaded.
    """
    installed = find_installed(name)
    found = get_generator(name).identify()
    if installed is None or name in BUILT_IN:
        return found
    return {**found, "package": installed.package, "package_version": installed.package_version}


def refuse_without_trajectory(generator: Generator) -> None:
    """Refuse to record what has no trajectory.

    Raises
    ------
    ValueError
        If the generator records none.
    """
    if not generator.can_record:
        raise ValueError(
            f"the generator {generator.name} has no trajectory: choose a diffusion model"
        )


def refuse_fixed_cells(generator: Generator, settings: SamplingSettings) -> None:
    """Refuse to sample cells with what cannot, and to record positions in cells that change.

    Raises
    ------
    GeneratorError
        If `settings.cell` is 'free' and the generator has learned no cells, or a recording is
        asked for.
    ValueError
        If no noise level is as low as `settings.cell_start`.
    CheckpointError
        If the generator is a model that is not on this machine.
    """
    if settings.cell == "fixed":
        return
    if settings.record:
        raise GeneratorError(
            f"sampling.record {settings.record} keeps positions in one cell, which sampling.cell "
            "'free' changes: set record to 0, or cell to 'fixed'"
        )
    if reason := generator.explain_fixed_cells():
        raise GeneratorError(
            f"sampling.cell is 'free', but the generator {generator.name} cannot sample cells: "
            f"{reason}. Choose a MatterGen model such as mattergen/base, or set sampling.cell to "
            "'fixed'"
        )
    generator.resolve_settings(settings)


def _is_reserved(name: str) -> bool:
    """Return whether a name always means a diffusion model, as paths do, whatever is installed."""
    return not is_model_name(name) or is_bundled(name) or name in PUBLISHED
