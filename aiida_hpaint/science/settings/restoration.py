"""The settings of a whole restoration."""

from __future__ import annotations

from pydantic import Field, model_validator

from aiida_hpaint.science.settings.base import SearchedCell, Settings
from aiida_hpaint.science.settings.dft import ValidationSettings
from aiida_hpaint.science.settings.hosts import HostSettings
from aiida_hpaint.science.settings.relaxation import (
    CheckSettings,
    PotentialSettings,
    RelaxationSettings,
)
from aiida_hpaint.science.settings.sampling import (
    FilterSettings,
    SamplingSettings,
    SymmetrySettings,
)
from aiida_hpaint.science.settings.search import SearchSettings


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
    cell: SearchedCell = Field(
        "both",
        description="cell that is searched: 'primitive' of the known sites; 'both', the larger one "
        "as well where the file does not say that inserted sites repeat, too; 'file'",
    )
    potential: PotentialSettings = Field(default_factory=PotentialSettings)
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
    search: SearchSettings | None = Field(
        None,
        description="search for lower arrangements after `relax_inserted`; null, or without "
        "`sampling` or `relax_inserted`, or with `sampling.cell` free: none",
    )
    relax_all: RelaxationSettings | None = Field(
        RelaxationSettings(moving="all"), description="null: the host stays as it was measured"
    )
    keep: int = Field(
        2,
        ge=1,
        description="lowest candidates of each host that go on after `relax_inserted`, and to "
        "`rerank`",
    )
    keep_window: float = Field(
        0.02, ge=0, description="also keep candidates within this energy of the lowest, eV per atom"
    )
    rerank: PotentialSettings | None = Field(
        None,
        description="second potential, which relaxes the lowest candidates on and ranks them; "
        "null: `potential` ranks",
    )
    checks: CheckSettings | None = Field(
        CheckSettings(), description="checks of finished candidates; null: none, all of them pass"
    )
    validation: ValidationSettings | None = Field(
        None, description="relaxation of the lowest candidates with Quantum ESPRESSO; null: none"
    )

    @model_validator(mode="after")
    def _check_cells(self) -> RestorationSettings:
        for name in ("score", "relax_inserted"):
            stage = getattr(self, name)
            if stage is not None and stage.cell != "fixed":
                raise ValueError(
                    f"{name}.cell is {stage.cell!r}, but energies in cells that differ cannot "
                    "choose between samples of one cell: set relax_all.cell instead"
                )
        return self

    @property
    def samples_cells(self) -> bool:
        """Whether samples have cells of their own, so that what supposes one cell is left out."""
        return self.sampling is not None and self.sampling.cell == "free"

    @property
    def final_relaxation(self) -> RelaxationSettings:
        """Relaxation of complete structures, like references: all sites, as `relax_all` says."""
        return self.relax_all or RelaxationSettings(moving="all")

    @property
    def last_relaxation(self) -> RelaxationSettings:
        """Relaxation before candidates are ranked; where all are off, energies alone."""
        return self.relax_all or self.relax_inserted or RelaxationSettings(max_steps=0)

    @property
    def ranking_potential(self) -> PotentialSettings:
        """Potential whose energies rank candidates, which references are relaxed with, too."""
        return self.rerank or self.potential

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
