"""Everything that a training run reads before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiida_hpaint.diffusion.holdout import find_held_out, write_removals
from aiida_hpaint.diffusion.training_data import (
    TrainingDataError,
    TrainingStructures,
    join_structures,
)
from aiida_hpaint.diffusion.training_files import Source, describe_source, read_source
from aiida_hpaint.diffusion.training_settings import TrainingSettings


@dataclass(frozen=True)
class TrainingInputs:
    """Structures to train on and to watch the loss on, and what is said of them on the card."""

    training: TrainingStructures
    validation: TrainingStructures | None
    about: dict[str, Any]


def read_inputs(settings: TrainingSettings) -> TrainingInputs:
    """Read all sources, and remove from the training data what is held out.

    Writes a list of what was removed beside the card.

    Raises
    ------
    TrainingDataError
        If a source cannot be used.
    """
    training, about = _read(settings.data)
    check_species(training, settings)
    if settings.holdout:
        held_out, listed = _read(settings.holdout)
        removed = find_held_out(training, held_out, by=settings.holdout_by)
        training = training.without([removal.index for removal in removed])
        write_removals(removed, settings.output / f"{settings.name}.removed.csv")
        about["held_out"] = {**listed, "by": settings.holdout_by, "removed": len(removed)}
    validation = None
    if settings.validation:
        validation, about["validation"] = _read(settings.validation)
        check_species(validation, settings)
    return TrainingInputs(training, validation, {**about, "structures": len(training)})


def check_species(structures: TrainingStructures, settings: TrainingSettings) -> None:
    """Whether the network has a place for every element.

    Raises
    ------
    TrainingDataError
        If not.
    """
    if settings.network.architecture != "gemnet":
        return
    heaviest = int(structures.numbers.max())
    if heaviest > settings.network.species:
        raise TrainingDataError(
            f"there are atomic numbers up to {heaviest}, and the network knows those up to "
            f"{settings.network.species}: leave such structures out, or set network.species"
        )


def _read(sources: tuple[Source, ...]) -> tuple[TrainingStructures, dict[str, Any]]:
    parts = [read_source(source) for source in sources]
    listed = [describe_source(*pair) for pair in zip(sources, parts, strict=True)]
    return join_structures(parts), {"sources": listed}
