"""DiffusionModel: a trained score network as a generator. Importing it does not import torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiida_hpaint.science.diffusion.models.cards import ModelCard, read_card
from aiida_hpaint.science.diffusion.models.library import find_model
from aiida_hpaint.science.diffusion.sampling.generators import (
    Generator,
    SampledPath,
    SampleRequest,
    Tick,
)
from aiida_hpaint.science.diffusion.sampling.schedule import (
    count_evaluations,
    plan_visits,
    resolve_settings,
)
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.start_up import importing

if TYPE_CHECKING:
    from aiida_hpaint.science.diffusion.crystals import Crystals
    from aiida_hpaint.science.diffusion.sampling.sampler import Sampler


class DiffusionModel(Generator):
    """A model by its name or path. It is looked for when it is needed, which may raise."""

    name = ""
    needs_file = True
    can_refine = True
    can_record = True

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    def card(self) -> ModelCard:
        """Card of the model.

        Raises
        ------
        CheckpointError
            If there is no such model on this machine.
        """
        return read_card(find_model(self.name))

    @property
    def is_niggli(self) -> bool:
        """True for networks that see lattice vectors, as their training data have Niggli cells."""
        return self.card.noise.kind == "fractional"

    def explain_fixed_cells(self) -> str:
        """Return why the model cannot sample cells: it has learned none, or lacks the head."""
        card = self.card
        if card.architecture not in ("gemnet", "mattergen"):
            return f"only networks of MatterGen can, and this one is {card.architecture}"
        if card.cell is None:
            return "it was trained in fixed cells, or converted by a version that left cells out"
        if not card.network.get("lattice", True):
            return "its file has no lattice head; convert its checkpoint again"
        return ""

    def identify(self) -> dict[str, str]:
        """Return name and hash of the weights and, if they were converted, the original's hash."""
        card = self.card
        found = {"name": card.name, "sha256": card.sha256}
        source = card.data.get("source_sha256")
        return found if source is None else {**found, "source_sha256": str(source)}

    def resolve_settings(self, settings: SamplingSettings) -> SamplingSettings:
        """Return the settings with what is unset as the model's card recommends."""
        return resolve_settings(settings, self.card)

    def load(self, settings: SamplingSettings) -> str:
        """Load the weights, which stay in memory, and return the device."""
        with importing():
            from aiida_hpaint.science.diffusion.models.checkpoints import load_model

        return str(load_model(self.name, settings.device, settings.precision).device)

    def count_evaluations(self, settings: SamplingSettings) -> int:
        """Return the evaluations of the network for one sample; 0 if `steps` are not known."""
        if settings.steps is None:
            return 0
        return count_evaluations(plan_visits(settings), settings.corrector_steps or 0)

    def sample(
        self,
        requests: Sequence[SampleRequest],
        settings: SamplingSettings,
        *,
        record: int = 0,
        tick: Tick | None = None,
    ) -> list[SampledPath]:
        """Inpaint the unknown sites, in batches that fit into memory."""
        with importing():
            from aiida_hpaint.science.diffusion.models.checkpoints import load_model
            from aiida_hpaint.science.diffusion.sampling.batching import inpaint_in_batches

        model = load_model(self.name, settings.device, settings.precision)
        return inpaint_in_batches(
            requests, model, settings, record=record, tick=tick, make_sampler=self.make_sampler
        )

    def make_sampler(self, clean: Crystals, card: ModelCard, settings: SamplingSettings) -> Sampler:
        """Return the sampler of a batch; override it to replace its predictor or corrector."""
        from aiida_hpaint.science.diffusion.sampling.sampler import Sampler

        return Sampler.create(clean, card, settings)
