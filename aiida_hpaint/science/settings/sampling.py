"""How arrangements come to be: sampled, proposed by symmetry, filtered."""

from __future__ import annotations

from pydantic import Field

from aiida_hpaint.science.settings.base import (
    Device,
    Precision,
    SampledCell,
    Scheme,
    Settings,
)


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
    geometric: bool = Field(
        True,
        description="begin with H of CH, CH2, CH3, NH, ... where the other bonds of their C or N "
        "put them, and draw by bond valences the atoms that carry other H of organic hosts",
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
    cell: SampledCell = Field(
        "fixed",
        description="'fixed': that of the host; 'free': sampled with the sites, by a model that "
        "has learned cells (MatterGen's), for hosts that have to expand; see the guide to other "
        "elements",
    )
    cell_start: float = Field(
        0.2,
        gt=0,
        le=1,
        description="cell 'free' only: diffusion time from which the cell is denoised. Below 1 it "
        "begins as the host's with the noise of that time (at 0.2, 11 % of its lengths); at 1 "
        "nothing of it is known",
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
