"""The settings of a restoration: one object for Python, YAML, the command line and provenance."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float64", "float32", "bfloat16"]
Scheme = Literal["td", "pos-only", "baseline", "repaint"]
"""How known sites take part in sampling; see `aiida_hpaint.science.diffusion.sampling.schemes`."""


class Settings(BaseModel):
    """Base of all settings: immutable, unknown keys are errors that name the key."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class SamplingSettings(Settings):
    """How samples are generated for each host."""

    generator: str = Field(
        "bundled",
        description="'bundled', 'random', a name from `aiida-hpaint models list`, or a checkpoint",
    )
    samples: int = Field(10, ge=1, description="samples for each host")
    seed: int = Field(
        0, ge=0, description="seed of the noise; the same seed gives the same samples"
    )
    scheme: Scheme | None = Field(
        None,
        description="inpainting scheme: 'td', 'pos-only', 'baseline' or 'repaint'; unset, like "
        "unset values below: as the model's card recommends",
    )
    steps: int | None = Field(None, ge=2, description="noise levels from the first to the last")
    corrector_steps: int | None = Field(
        None, ge=0, description="Langevin steps at each noise level"
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
        description="times that a sample with implausible surroundings of its inserted sites is "
        "resampled, at most",
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
    resamplings: int = Field(3, ge=1, description="'repaint': times that each stretch is sampled")
    jump: int = Field(10, ge=1, description="'repaint': noise levels of a stretch")
    record: int = Field(
        0,
        ge=0,
        description="record the positions of inserted sites after every n-th step; 0: do not. The "
        "samples are the same",
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
    """Which machine-learned potential relaxes and ranks."""

    name: str = Field("sevennet-0", description="a name from `aiida-hpaint models list`")
    model: str | None = Field(None, description="model file, for potentials that need one")
    trust: bool = Field(False, description="run the code that a model file can hold")
    device: Device = "auto"


class RelaxationSettings(Settings):
    """How one stage of relaxation moves the sites; the cell never changes."""

    moving: Literal["inserted", "all"] = "inserted"
    optimizer: Literal["bfgs", "fire"] = "bfgs"
    fmax: float = Field(0.05, gt=0, description="largest force on a moving site at the end, eV/Å")
    max_steps: int = Field(100, ge=0, description="optimiser steps at most; 0: energies only")
    give_up_above: float | None = Field(
        1.5,
        gt=0,
        description="drop a sample this far above the host's best after `give_up_after` steps, eV",
    )
    give_up_after: int = Field(40, ge=1)
    max_sites_per_batch: int = Field(400, ge=1, description="sites evaluated at once")


DEFAULT_SCORE = RelaxationSettings(max_steps=3)
"""The score of settings that name `candidates`, or only some values of the score."""


class SymmetrySettings(Settings):
    """What the space group of the host is used for."""

    tolerance: float = Field(0.05, gt=0, description="within which a host is symmetric, Å")
    symmetrised: bool = Field(
        False, description="offer symmetrised versions of samples beside the samples themselves"
    )
    reach: float = Field(
        0.7, gt=0, description="farthest that a site of a sample moves to become symmetric, Å"
    )
    wyckoff: int = Field(
        0, ge=0, description="proposals for each host on its Wyckoff positions, at most"
    )
    refine: float | None = Field(
        None,
        gt=0,
        description="make final structures exactly symmetric where they are within this, Å",
    )


class FilterSettings(Settings):
    """Which samples are worth the time of a potential."""

    plausible: bool = Field(
        True, description="drop samples whose inserted sites have absurd surroundings"
    )
    same: float = Field(0.3, gt=0, description="within which inserted sites agree in duplicates, Å")


class DftSettings(Settings):
    """How Quantum ESPRESSO evaluates structures; units are those of pw.x (Ry, bohr)."""

    pseudo_families: tuple[str, ...] = Field(
        (
            "SSSP/1.3/PBE/efficiency",
            "PseudoDojo/0.5/PBE/SR/standard/upf",
            "PseudoDojo/0.4/PBE/SR/standard/upf",
        ),
        min_length=1,
        description="families of pseudopotentials; the first that is installed is used",
    )
    cutoff_wfc: float | None = Field(
        None, gt=0, description="of wavefunctions, Ry; unset: as the family recommends"
    )
    cutoff_rho: float | None = Field(
        None, gt=0, description="of the density, Ry; unset: as the family, or 4 times `cutoff_wfc`"
    )
    kpoints_distance: float = Field(0.15, gt=0, description="between k-points at most, 1/Å")
    smearing: Literal["cold", "gaussian", "methfessel-paxton", "fermi-dirac"] = "cold"
    degauss: float = Field(0.02, gt=0, description="width of the smearing, Ry")
    scf_threshold: float = Field(2e-10, gt=0, description="of self-consistency, Ry per atom")
    scf_steps: int = Field(80, ge=1, description="of self-consistency, at most")
    force_threshold: float = Field(1e-4, gt=0, description="largest force at the end, Ry/bohr")
    energy_threshold: float = Field(
        1e-5, gt=0, description="largest change of the energy in the last step, Ry per atom"
    )
    max_steps: int = Field(100, ge=1, description="steps of a relaxation, at most")
    max_jobs: int = Field(
        5, ge=1, description="jobs for one structure at most, restarts and other remedies included"
    )
    spin: Literal["auto", "none", "collinear"] = Field(
        "auto", description="'auto': collinear where an element is magnetic as a rule"
    )
    symmetrise: float | None = Field(
        0.01, gt=0, description="make structures exactly symmetric where they are within this, Å"
    )


class ValidationSettings(Settings):
    """Which structures DFT relaxes, with the cell fixed, and how."""

    dft: DftSettings = DftSettings()
    candidates: int | None = Field(
        1, ge=1, description="lowest by the potential of each host; null: all that finished"
    )
    margin: float = Field(
        0.03,
        ge=0,
        description="with `candidates`, those farther above the lowest are left out, eV per atom",
    )


class PeaksSettings(Settings):
    """Where the electrostatic potential offers sites for what is missing."""

    min_to_host: float = Field(0.7, ge=0, description="of a site from any atom, Å")
    min_between: float = Field(
        0.5, ge=0, description="of sites from each other, Å; the deeper one stays"
    )
    tolerance: float = Field(
        0.1, gt=0, description="within which sites are equivalent under the host's symmetry, Å"
    )


class PinballSettings(Settings):
    """How sites are chosen where there are more than are needed."""

    screening: float = Field(
        4.0, ge=1, description="relative permittivity that divides the protons' repulsion"
    )
    keep: int = Field(3, ge=1, description="lowest arrangements that are relaxed")
    nudge: float = Field(
        0.0,
        ge=0,
        description="of placed sites before they are relaxed, Å: none then rests on a saddle that "
        "symmetry makes, and DFT has less symmetry to use",
    )
    exact_sites: int = Field(
        60, ge=1, description="sites up to which the choice is exact; above: heuristic"
    )


class RestoreHydrogenSettings(Settings):
    """The baseline: sites at extrema of the electrostatic potential, relaxed by DFT."""

    dft: DftSettings = DftSettings()
    peaks: PeaksSettings = PeaksSettings()
    pinball: PinballSettings = PinballSettings()
    potential_kpoints: float = Field(
        0.2,
        gt=0,
        description="between k-points for the potential, 1/Å, where `dft` has fewer: maxima of a "
        "flat potential come and go with them",
    )
    loosen: float = Field(
        5.0,
        ge=1,
        description="thresholds of force and energy of the rounds, over those of the last "
        "relaxation",
    )
    max_rounds: int = Field(5, ge=1, description="rounds of placing and relaxing, at most")


class RestorationSettings(Settings):
    """The whole recipe; `aiida_hpaint.science.recipe` says what its stages do.

    A stage that is null is left out.
    """

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
        10, ge=1, description="lowest scored samples of each host that are relaxed, with `score`"
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
        0.02, ge=0, description="candidates this close to the lowest are kept too, eV per atom"
    )
    validation: ValidationSettings | None = Field(
        None, description="relax the best with Quantum ESPRESSO; null: do not"
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
