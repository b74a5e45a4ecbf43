"""The settings of a restoration: one object for Python, YAML, the command line and provenance."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float64", "float32", "bfloat16"]
Scheme = Literal["td", "pos-only", "baseline", "repaint"]
"""Inpainting schemes: how host sites enter the sampling; see `diffusion.sampling.schemes`."""

CHUNK_SITES = 2000
"""Largest number of host sites in a chunk, which one job per stage takes through the recipe."""

CAMPAIGN_CHUNK_SITES = 5000
"""The same for campaigns: with thousands of hosts, fewer and longer jobs."""


class Settings(BaseModel):
    """Base class of all settings: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class HostSettings(Settings):
    """How hosts are read: what is made of disorder, and which statement about H is believed."""

    disorder: str = Field(
        "majority",
        pattern=r"^(refuse|majority|ordered:[1-9]\d*)$",
        description="'refuse' partial and mixed occupancy; 'majority': the main component of each "
        "site and disorder group; 'ordered:N': the N most plausible ordered cells",
    )
    budget: dict[str, int] | None = Field(
        None,
        description="number of missing H atoms on each atom of a listed site, by its label, like "
        "O1:1,Wat:2; null: as the record says",
    )
    trust: Literal["labels", "formula", "add"] | None = Field(
        None,
        description="what to believe in contradictions: labels (and other statements about single "
        "sites), the formula, or the number that is given to add; null: such a record is refused",
    )


DEFAULT_HOST_SETTINGS = HostSettings()


class SamplingSettings(Settings):
    """How samples are generated for each host."""

    generator: str = Field(
        "bundled",
        description="'bundled', 'random', a name from `aiida-hpaint models list`, or the path of a "
        "checkpoint",
    )
    samples: int = Field(10, ge=1, description="number of samples of each host")
    seed: int = Field(
        0, ge=0, description="seed of the random numbers; the same seed gives the same samples"
    )
    scheme: Scheme | None = Field(
        None,
        description="inpainting scheme: 'td', 'pos-only', 'baseline' or 'repaint'; unset, like "
        "unset values below: as the model's card recommends",
    )
    steps: int | None = Field(None, ge=2, description="number of noise levels")
    corrector_steps: int | None = Field(
        None, ge=0, description="Langevin corrector steps at each noise level"
    )
    snr: float | None = Field(None, gt=0, description="signal-to-noise ratio of the corrector")
    noise_scale: float | None = Field(
        None,
        ge=0,
        description="factor of the noise that each step adds; below 1 samples are likelier and "
        "less different from each other",
    )
    redraws: int | None = Field(
        None,
        ge=0,
        description="largest number of times that a sample is resampled whose surroundings are "
        "implausible, or whose H other atoms carry than the record says",
    )
    use_parents: bool = Field(
        True, description="sample H near the atoms that carry it, where the record says so"
    )
    start_time: float = Field(
        1.0,
        gt=0,
        le=1,
        description="diffusion time to start from; below 1 the inserted sites need positions, "
        "which are refined",
    )
    last_time: float | None = Field(
        None,
        ge=0,
        lt=1,
        description="diffusion time of the last noise level; unset: what suits the model's noise",
    )
    resamplings: int = Field(3, ge=1, description="'repaint' only: passes over a stretch")
    jump: int = Field(10, ge=1, description="'repaint' only: noise levels in a stretch")
    record: int = Field(
        0,
        ge=0,
        description="record the positions of inserted sites after every n-th step; 0 records "
        "nothing. The samples do not depend on it",
    )
    device: Device = "auto"
    precision: Precision = Field("auto", description="'auto': the one that suits the architecture")
    max_memory: float | None = Field(
        None,
        gt=0,
        description="approximate limit of the structures that are evaluated at once, GiB; unset: "
        "2 on a CPU, most of the free memory on a GPU",
    )


class PotentialSettings(Settings):
    """Settings of the machine-learned potential that relaxes and ranks."""

    name: str = Field("sevennet-0", description="a name from `aiida-hpaint models list`")
    model: str | None = Field(
        None, description="path of the model file, for potentials that need one"
    )
    trust: bool = Field(False, description="allow a model file to run code that it contains")
    device: Device = "auto"


class RelaxationSettings(Settings):
    """Settings of one relaxation stage; the cell never changes."""

    moving: Literal["inserted", "all"] = "inserted"
    optimizer: Literal["bfgs", "fire"] = "bfgs"
    fmax: float = Field(
        0.05,
        gt=0,
        description="force on every moving site below which a structure is converged, eV/Å",
    )
    max_steps: int = Field(
        100, ge=0, description="largest number of optimiser steps; 0 only evaluates energies"
    )
    give_up_above: float | None = Field(
        1.5,
        gt=0,
        description="drop a sample whose energy is this far above the lowest of its host after "
        "`give_up_after` steps, eV",
    )
    give_up_after: int = Field(40, ge=1, description="optimiser steps before a sample is dropped")
    max_sites_per_batch: int = Field(
        400, ge=1, description="largest number of sites evaluated together"
    )


DEFAULT_SCORE = RelaxationSettings(max_steps=3)
"""Score of settings that name `candidates`, or only some values of the score."""


class SymmetrySettings(Settings):
    """Settings of the use of the host's space group."""

    tolerance: float = Field(0.05, gt=0, description="tolerance of the symmetry of a host, Å")
    symmetrised: bool = Field(
        False, description="add symmetrised versions of the samples to the samples"
    )
    reach: float = Field(
        0.7, gt=0, description="largest displacement of a site when a sample is symmetrised, Å"
    )
    wyckoff: int = Field(
        0, ge=0, description="largest number of proposals on Wyckoff positions of each host"
    )
    refine: float | None = Field(
        None,
        gt=0,
        description="make final structures exactly symmetric if sites move less than this, Å; "
        "null: do not",
    )


class FilterSettings(Settings):
    """Settings of the filter that drops samples before any potential is evaluated."""

    plausible: bool = Field(
        True, description="drop samples whose inserted sites have implausible surroundings"
    )
    same: float = Field(
        0.3,
        gt=0,
        description="distance within which all inserted sites of duplicates agree, Å",
    )


class CheckSettings(Settings):
    """Limits of the checks of finished candidates, beside the host that they were made from.

    Candidates that fail rank after those that pass; what is worth a notice is only said.
    """

    host_notice: float = Field(
        0.3, gt=0, description="displacement of a host atom other than H that is worth a notice, Å"
    )
    host_limit: float = Field(
        0.8, gt=0, description="displacement of a host atom other than H above which it fails, Å"
    )
    force_limit: float = Field(
        1.0, gt=0, description="force above which a candidate that has not converged fails, eV/Å"
    )
    volume_per_hydrogen: float = Field(
        8.0, ge=0, description="volume of the cell for each H below which a notice is given, Å³"
    )


class DftSettings(Settings):
    """Settings of Quantum ESPRESSO, in the units of pw.x (Ry, bohr)."""

    pseudo_families: tuple[str, ...] = Field(
        (
            "SSSP/1.3/PBE/efficiency",
            "PseudoDojo/0.5/PBE/SR/standard/upf",
            "PseudoDojo/0.4/PBE/SR/standard/upf",
        ),
        min_length=1,
        description="pseudopotential families; the first that is installed is used",
    )
    cutoff_wfc: float | None = Field(
        None, gt=0, description="cutoff of the wavefunctions, Ry; unset: as the family recommends"
    )
    cutoff_rho: float | None = Field(
        None,
        gt=0,
        description="cutoff of the density, Ry; unset: as the family, or 4 times `cutoff_wfc`",
    )
    kpoints_distance: float = Field(
        0.15, gt=0, description="largest distance between k-points, 1/Å"
    )
    smearing: Literal["cold", "gaussian", "methfessel-paxton", "fermi-dirac"] = "cold"
    degauss: float = Field(0.02, gt=0, description="width of the smearing, Ry")
    scf_threshold: float = Field(
        2e-10, gt=0, description="convergence threshold of self-consistency, Ry per atom"
    )
    scf_steps: int = Field(80, ge=1, description="largest number of steps of self-consistency")
    force_threshold: float = Field(
        1e-4, gt=0, description="force below which a structure is converged, Ry/bohr"
    )
    energy_threshold: float = Field(
        1e-5,
        gt=0,
        description="energy change in a step below which a structure is converged, Ry per atom",
    )
    max_steps: int = Field(100, ge=1, description="largest number of relaxation steps")
    max_jobs: int = Field(
        5, ge=1, description="largest number of jobs for one structure, restarts included"
    )
    spin: Literal["auto", "none", "collinear"] = Field(
        "auto", description="spin polarisation; 'auto': collinear if an element is usually magnetic"
    )
    symmetrise: float | None = Field(
        0.01,
        gt=0,
        description="make structures exactly symmetric if sites move less than this, Å; null: do "
        "not",
    )


class ValidationSettings(Settings):
    """Settings of the validation, which relaxes structures by DFT in a fixed cell."""

    dft: DftSettings = DftSettings()
    candidates: int | None = Field(
        1,
        ge=1,
        description="number of candidates of each host, the lowest by the potential; null: all "
        "that finished",
    )
    margin: float = Field(
        0.03,
        ge=0,
        description="leave out candidates that are farther above the lowest than this, eV per atom",
    )


class PeaksSettings(Settings):
    """Settings of the search for sites at maxima of the electrostatic potential."""

    min_to_host: float = Field(
        0.7, ge=0, description="smallest distance of a site from any atom, Å"
    )
    min_between: float = Field(
        0.5, ge=0, description="smallest distance between two sites, Å; the deeper one stays"
    )
    tolerance: float = Field(
        0.1,
        gt=0,
        description="tolerance of the symmetry that makes sites equivalent, Å",
    )


class PinballSettings(Settings):
    """Settings of the choice among more sites than are needed."""

    screening: float = Field(
        4.0, ge=1, description="relative permittivity that screens the repulsion of protons"
    )
    keep: int = Field(
        3, ge=1, description="number of arrangements that are relaxed, the lowest in energy"
    )
    displacement: float = Field(
        0.0,
        ge=0,
        description="length by which each placed site is moved in a random direction before its "
        "relaxation, Å: no site then rests on a saddle point, but DFT has less symmetry to use",
    )
    exact_sites: int = Field(
        60,
        ge=1,
        description="largest number of sites for the exact search; above it, a heuristic is used",
    )


class RestoreHydrogenSettings(Settings):
    """Settings of the baseline: sites at maxima of the potential, relaxed by DFT."""

    dft: DftSettings = DftSettings()
    peaks: PeaksSettings = PeaksSettings()
    pinball: PinballSettings = PinballSettings()
    potential_kpoints: float = Field(
        0.2,
        gt=0,
        description="largest distance between k-points for the potential, 1/Å, if that of `dft` is "
        "larger; maxima of a flat potential depend on it",
    )
    loosen: float = Field(
        5.0,
        ge=1,
        description="factor on the thresholds of force and energy in all rounds before the last "
        "relaxation",
    )
    max_rounds: int = Field(5, ge=1, description="largest number of rounds of placing and relaxing")


class RestorationSettings(Settings):
    """The whole recipe; `aiida_hpaint.science.recipe` says what its stages do.

    A stage that is null is left out.
    """

    hosts: HostSettings = HostSettings()
    sampling: SamplingSettings | None = Field(
        SamplingSettings(),
        description="null: inserted sites have positions already, which are relaxed and ranked",
    )
    symmetry: SymmetrySettings = SymmetrySettings()
    filter: FilterSettings = FilterSettings()
    potential: PotentialSettings = PotentialSettings()
    score: RelaxationSettings | None = Field(
        None,
        description="short relaxation after which `candidates` are chosen; null: relax all samples",
    )
    candidates: int = Field(
        10, ge=1, description="number of samples of each host that are relaxed after the score"
    )
    misplaced: float = Field(
        0.5, ge=0, description="energy counted against each H of a sample at a wrong atom, eV"
    )
    relax_inserted: RelaxationSettings | None = Field(
        RelaxationSettings(moving="inserted"), description="null: the host is never kept fixed"
    )
    relax_all: RelaxationSettings | None = Field(
        RelaxationSettings(moving="all"), description="null: the host stays as it was measured"
    )
    keep: int = Field(
        2, ge=1, description="lowest candidates of each host that go on after `relax_inserted`"
    )
    keep_window: float = Field(
        0.02, ge=0, description="also keep candidates within this energy of the lowest, eV per atom"
    )
    checks: CheckSettings | None = Field(
        CheckSettings(), description="checks of finished candidates; null: none, all of them pass"
    )
    validation: ValidationSettings | None = Field(
        None, description="relaxation of the lowest candidates with Quantum ESPRESSO; null: none"
    )

    @property
    def final_relaxation(self) -> RelaxationSettings:
        """Relaxation of complete structures, like references: all sites, as `relax_all` says."""
        return self.relax_all or RelaxationSettings(moving="all")

    def require_sampling(self) -> SamplingSettings:
        """Return the settings of sampling, for what cannot do without.

        Raises
        ------
        ValueError
            If sampling is off.
        """
        if self.sampling is None:
            raise ValueError("sampling is null, but this draws samples: give settings of sampling")
        return self.sampling
