"""Calculations with Quantum ESPRESSO."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from aiida_hpaint.science.settings.base import Settings


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
