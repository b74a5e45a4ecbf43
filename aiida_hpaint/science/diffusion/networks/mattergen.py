"""MattergenNetwork: the denoiser of an installed mattergen package as a score network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from aiida_hpaint.science.diffusion.crystals import Crystals
from aiida_hpaint.science.diffusion.models.cards import CheckpointError, NoiseSettings
from aiida_hpaint.science.diffusion.networks import mattergen_package as package
from aiida_hpaint.science.diffusion.noise import Noise
from aiida_hpaint.science.settings import Settings

OWN = "own"
"""Condition on the chemical system that stands for the one of each crystal."""

_TD_GEMNET = "xtalpaint.time_dependent.gemnet.TDGemNetT"
_GEMNET = "mattergen.common.gemnet.gemnet.GemNetT"


class MattergenSettings(Settings):
    """Denoiser of mattergen, and the properties that its samples should have."""

    denoiser: dict[str, Any] = Field(
        description="hydra configuration of the model, as in a checkpoint's config.yaml under "
        "lightning_module.diffusion_module.model"
    )
    conditions: dict[str, float | str] = Field(
        {},
        description="properties to condition on, by MatterGen's names; 'own' as chemical_system: "
        "that of each crystal. The model gets no value of properties that are not here",
    )
    guidance: float = Field(
        1.0, description="strength of the conditions; above 1 they count more than in training"
    )
    known_time: float = Field(
        0.001,
        ge=0,
        le=1,
        description="time that the model is given for clean sites, if each site has its own",
    )

    @property
    def per_site(self) -> bool:
        """Whether the model has a time for each site (TD-Paint)."""
        return bool(self.denoiser.get("gemnet", {}).get("_target_") == _TD_GEMNET)


class MattergenNetwork(nn.Module):
    """Network that evaluates mattergen's own denoiser, in single precision as mattergen does.

    Its output for the positions is the score times the noise level in fractional coordinates
    (Zeni et al. 2025, supplementary A.7), hence the noise is its negative. Models of XtalPaint with
    a time for each site need mattergen alone, not XtalPaint.

    Raises
    ------
    CheckpointError
        If mattergen is not installed, the configuration asks for something that a denoiser does
        not need, or the model knows nothing of a property in the conditions.
    """

    def __init__(self, settings: MattergenSettings, noise: NoiseSettings) -> None:
        super().__init__()
        self.settings = settings
        self.noise = Noise(noise)
        self.denoiser: Any = _build(settings)
        self._graph = package.load("mattergen.common.data.chemgraph.ChemGraph")
        self._collate = package.load("mattergen.common.data.collate.collate")
        known = self.denoiser.cond_fields_model_was_trained_on
        foreign = sorted(set(settings.conditions) - set(known))
        if foreign:
            raise CheckpointError(
                f"the model was not trained with the conditions {', '.join(foreign)}; it knows "
                f"{', '.join(sorted(known)) or 'none'}"
            )

    def prepare(self, crystals: Crystals) -> None:
        """Do nothing: mattergen builds its graph at each evaluation."""

    def forward(self, crystals: Crystals, noise_levels: Tensor, prepared: None = None) -> Tensor:
        """Estimate noise (B, N, 3) along the lattice vectors; see `ScoreNetwork`."""
        return self._spread(self._evaluate(crystals, noise_levels, "pos")[0], crystals)

    def estimate_with_cells(
        self, crystals: Crystals, noise_levels: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Estimate noise of positions and of cells (B, 3, 3); see `CellScoreNetwork`."""
        positions, cells = self._evaluate(crystals, noise_levels, "pos", "cell")
        return self._spread(positions, crystals), -cells.to(crystals.frac)

    def _evaluate(self, crystals: Crystals, noise_levels: Tensor, *names: str) -> list[Tensor]:
        """Return what the denoiser says of each name: scores times noise levels."""
        if next(self.denoiser.parameters()).dtype != torch.float32:
            raise CheckpointError(
                "mattergen computes in single precision: set sampling.precision to 'float32'"
            )
        times = self._times(crystals, noise_levels)
        graphs, conditions = self._graphs(crystals), self.settings.conditions
        found = self._denoise(graphs, times, _conditions(conditions, crystals))
        bound = [torch.as_tensor(found[name]) for name in names]
        if not conditions or self.settings.guidance == 1:
            return bound
        free = self._denoise(graphs, times, {})
        return [
            torch.lerp(torch.as_tensor(free[name]), one, self.settings.guidance)
            for name, one in zip(names, bound, strict=True)
        ]

    def _spread(self, scores: Tensor, crystals: Crystals) -> Tensor:
        noise = torch.zeros_like(crystals.frac)
        noise[crystals.present] = -scores.to(noise)
        return noise

    def memory(self, sites: int, cell: NDArray[np.float64]) -> float:
        """Estimate the bytes of a structure: edges with their features, and triplets of edges."""
        gemnet = self.denoiser.gemnet
        neighbours = int(gemnet.max_neighbors)
        channels = 12 * int(gemnet.atom_latent_emb.out_features) + 80 * neighbours
        return 4.0 * sites * neighbours * channels

    def _times(self, crystals: Crystals, noise_levels: Tensor) -> Tensor:
        """Return the times of sites (sites,) or of structures (B,), as the denoiser needs them."""
        times = self.noise.times(noise_levels, crystals)
        if not self.settings.per_site:
            return times.masked_fill(~crystals.present, 0).max(1).values.float()
        times = torch.where(noise_levels > 0, times, self.settings.known_time)
        return times[crystals.present].float()

    def _graphs(self, crystals: Crystals) -> Any:
        rows = zip(
            crystals.numbers, crystals.frac.float(), crystals.cells.float(), crystals.present,
            strict=True,
        )  # fmt: skip
        return self._collate(
            [
                self._graph(
                    pos=torch.remainder(frac[here], 1.0),
                    cell=cell[None],
                    atomic_numbers=numbers[here],
                    num_atoms=here.sum(),
                    num_nodes=here.sum(),
                )
                for numbers, frac, cell, here in rows
            ]
        )

    def _denoise(self, graphs: Any, times: Tensor, conditions: dict[str, Any]) -> Any:
        """Return the denoiser's output, by name: `pos` (sites, 3), `cell` (B, 3, 3) and others."""
        mark = package.load("mattergen.property_embeddings.SetConditionalEmbeddingType")()
        if conditions:
            graphs = mark(graphs.replace(**conditions))
        return self.denoiser(graphs, times)


def _build(settings: MattergenSettings) -> Any:
    config = dict(settings.denoiser)
    gemnet = dict(config.get("gemnet", {}))
    if settings.per_site:
        gemnet["_target_"] = _GEMNET
    config["gemnet"] = gemnet
    package.load(_GEMNET)
    package.keep_order_of_neighbours()
    with package.scale_file():
        denoiser = package.build(config)
    if settings.per_site:
        _expect_times_of_sites(denoiser.gemnet)
    return denoiser


class _Rows:
    """Latent vectors of sites in the place of those of structures: indexing returns all of them."""

    def __init__(self, rows: Tensor) -> None:
        self.rows = rows

    def __getitem__(self, index: Tensor) -> Tensor:
        return self.rows


def _expect_times_of_sites(gemnet: Any) -> None:
    """Make a GemNet accept a latent vector for each site, as XtalPaint's does."""

    def wrap(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        return arguments, named | {"z": _Rows(named["z"])}

    gemnet.register_forward_pre_hook(wrap, with_kwargs=True)


def _conditions(conditions: dict[str, float | str], crystals: Crystals) -> dict[str, Any]:
    """Return the conditions as mattergen's graphs hold them, the same for each crystal.

    mattergen's own `set_conditional_property_values` would truncate numbers to integers.
    """
    from ase.data import chemical_symbols

    found: dict[str, Any] = {}
    for name, value in conditions.items():
        if value == OWN:
            # The elements of the crystal, without the zeros that fill up its row.
            present = [row[row > 0].unique().tolist() for row in crystals.numbers]
            found[name] = ["-".join(sorted(chemical_symbols[z] for z in row)) for row in present]
        elif isinstance(value, str):
            found[name] = [value] * len(crystals.numbers)
        else:
            found[name] = torch.full((len(crystals.numbers), 1), value, device=crystals.frac.device)
    return found
