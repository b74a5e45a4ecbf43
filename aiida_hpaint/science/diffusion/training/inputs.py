"""Reading of all data of a training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiida_hpaint.science.diffusion.training.files import Source, describe_source, read_source
from aiida_hpaint.science.diffusion.training.held_out import HeldOutMatch, find_held_out
from aiida_hpaint.science.diffusion.training.settings import TrainingSettings
from aiida_hpaint.science.diffusion.training.structures import (
    TrainingDataError,
    TrainingStructures,
    join_structures,
)


@dataclass(frozen=True)
class TrainingInputs:
    """Data of a training run.

    Attributes
    ----------
    training, validation : structures for training and for the validation loss.
    removed : training structures that were removed because they match held-out ones; None if no
        structures are held out.
    about : description of the data, for the card.
    """

    training: TrainingStructures
    validation: TrainingStructures | None
    removed: list[HeldOutMatch] | None
    about: dict[str, Any]


def read_inputs(settings: TrainingSettings) -> TrainingInputs:
    """Read all sources, and remove matches of held-out structures from the training data.

    Raises
    ------
    TrainingDataError
        If a source cannot be used.
    """
    training, about = _read(settings.data)
    check_species(training, settings)
    removed = None
    if settings.held_out:
        held_out, listed = _read(settings.held_out)
        removed = find_held_out(training, held_out, by=settings.held_out_by)
        training = training.without([removal.index for removal in removed])
        about["held_out"] = {**listed, "by": settings.held_out_by, "removed": len(removed)}
    validation = None
    if settings.validation:
        validation, about["validation"] = _read(settings.validation)
        check_species(validation, settings)
    about["structures"] = len(training)
    return TrainingInputs(training, validation, removed, about)


def check_species(structures: TrainingStructures, settings: TrainingSettings) -> None:
    """Check that the network supports every element.

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
            f"there are atomic numbers up to {heaviest}, and the network supports those up to "
            f"{settings.network.species}: leave such structures out, or raise network.species"
        )


def _read(sources: tuple[Source, ...]) -> tuple[TrainingStructures, dict[str, Any]]:
    parts = [read_source(source) for source in sources]
    listed = [describe_source(*pair) for pair in zip(sources, parts, strict=True)]
    return join_structures(parts), {"sources": listed}
