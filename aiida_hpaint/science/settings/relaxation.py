"""How arrangements are relaxed, and what the results are checked for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from aiida_hpaint.science.settings.base import Device, Settings
from aiida_hpaint.science.settings.default_potential import find_default_potential


class PotentialSettings(Settings):
    """Settings of the machine-learned potential that relaxes and ranks."""

    name: str = Field(
        default_factory=find_default_potential,
        description="a name from `aiida-hpaint models list`; the default is what `aiida-hpaint "
        "setup potential` chose on this machine (NequIP-OAM is recommended), else sevennet-0",
    )
    model: str | None = Field(
        None, description="path of the model file, for potentials that need one"
    )
    trust: bool = Field(False, description="allow a model file to run code that it contains")
    dispersion: Literal["d3bj"] | None = Field(
        None,
        description="dispersion that is added to the potential: 'd3bj' is DFT-D3(BJ), which needs "
        "`pip install 'aiida-hpaint[d3]'`; null: none",
    )
    device: Device = "auto"


RelaxedCell = Literal["fixed", "shape", "volume", "free"]
"""What of a cell relaxes: nothing, its shape at constant volume, its volume, or all of it."""


class RelaxationSettings(Settings):
    """Settings of one relaxation stage."""

    moving: Literal["inserted", "all"] = "inserted"
    cell: RelaxedCell = Field(
        "fixed",
        description="what of the cell relaxes, where all sites move: 'fixed', nothing; 'shape', at "
        "constant volume; 'volume', all lengths by the same factor; 'free', lengths and angles",
    )
    optimizer: Literal["bfgs", "fire"] = "bfgs"
    curvature: Literal["model", "unit"] = Field(
        "model",
        description="second derivatives that bfgs begins with: 'model' estimates them from "
        "distances (Lindh et al. 1995), 'unit' takes 70 eV/Å² for all, as ASE's BFGS does",
    )
    fmax: float = Field(
        0.05,
        gt=0,
        description="force on every moving site below which a structure is converged, eV/Å",
    )
    smax: float = Field(
        0.2,
        gt=0,
        description="component of the stress below which a cell that relaxes is converged, GPa",
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
    screen: float | None = Field(
        None,
        gt=0,
        le=1,
        description="share of the samples of each host that go on after the first evaluation: the "
        "lowest by energy less what the forces promise to release, half their work along the "
        "Newton step; null: all go on",
    )
    screen_least: int = Field(
        5, ge=1, description="number of samples of each host that go on whatever `screen` says"
    )
    max_sites_per_batch: int = Field(
        400, ge=1, description="largest number of sites evaluated together"
    )

    @model_validator(mode="after")
    def _check_cell(self) -> RelaxationSettings:
        if self.cell != "fixed" and self.moving != "all":
            raise ValueError(
                f"cell {self.cell!r} needs all sites to move, and here only inserted ones do: set "
                "relax_all.cell instead, or moving to all"
            )
        if self.cell != "fixed" and self.screen is not None:
            raise ValueError(
                f"screen {self.screen:g} compares samples in one cell, which cell {self.cell!r} "
                "changes: set screen to null"
            )
        return self


DEFAULT_SCORE = RelaxationSettings(max_steps=3)
"""Score of settings that name `candidates`, or only some values of the score."""


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
    strain_notice: float = Field(
        0.05,
        ge=0,
        description="relative change of a length of a cell that relaxed which is worth a notice",
    )
    strain_limit: float = Field(
        0.3, gt=0, description="relative change of a length of a cell above which it fails"
    )
    hold_host: bool = Field(
        True,
        description="give candidates back in the host as measured, with inserted sites alone "
        "relaxed, where the lowest has its host rebuilt: it fails a limit above or a bond of the "
        "host; false: it only fails",
    )
    force_limit: float = Field(
        1.0, gt=0, description="force above which a candidate that has not converged fails, eV/Å"
    )
    volume_per_hydrogen: float = Field(
        8.0, ge=0, description="volume of the cell for each H below which a notice is given, Å³"
    )
