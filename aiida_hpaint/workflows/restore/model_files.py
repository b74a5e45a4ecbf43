"""Model files of a restoration, at paths where its jobs find them."""

from __future__ import annotations

from pathlib import Path

from aiida.orm import AbstractCode, FolderData, QueryBuilder, SinglefileData

from aiida_hpaint.calculations.compile import find_compiled
from aiida_hpaint.science.diffusion.models.cards import CheckpointError, hash_card, read_card
from aiida_hpaint.science.diffusion.models.library import find_model, is_bundled, is_model_name
from aiida_hpaint.science.diffusion.sampling.generators import (
    get_generator,
    refuse_fixed_cells,
    refuse_without_trajectory,
)
from aiida_hpaint.science.diffusion.sampling.schedule import refuse_large_recording
from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation.potentials import find_fetched_file
from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS
from aiida_hpaint.science.settings import PotentialSettings, SamplingSettings
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.workflows.engine.codes import runs_on_this_machine

__all__ = [
    "check_recording",
    "choose_compiled",
    "resolve_generator_path",
    "resolve_potential_path",
    "store_model",
    "store_potential",
]

_FOLDER = "model"
"""Folder of an uploaded model in the working directory of a job."""


def resolve_generator_path(settings: SamplingSettings, code: AbstractCode) -> SamplingSettings:
    """Return the settings with the absolute path of the model, if jobs run on the local machine.

    For a remote computer the name or path stays as it is, and has to be valid there.

    Raises
    ------
    CheckpointError
        If there is no such model on the local machine.
    ValueError
        If it is a relative path on a remote computer.
    """
    if is_bundled(settings.generator) or not get_generator(settings.generator).needs_file:
        return settings
    if runs_on_this_machine(code):
        path = find_model(settings.generator).absolute()
        return settings.model_copy(update={"generator": str(path)})
    if not is_model_name(settings.generator):
        _refuse_relative("generator", settings.generator, code, ", or send it with --upload-model")
    return settings


def resolve_potential_path(settings: PotentialSettings, code: AbstractCode) -> PotentialSettings:
    """Return the settings with the absolute path of the potential's file, if jobs run locally.

    Raises
    ------
    ValueError
        If it is a relative path on a remote computer.
    """
    if runs_on_this_machine(code):
        settings = find_fetched_file(settings)
    if settings.model is None:
        return settings
    if runs_on_this_machine(code):
        path = Path(settings.model).expanduser().absolute()
        return settings.model_copy(update={"model": str(path)})
    _refuse_relative("potential", settings.model, code, ", or send it with --upload-potential")
    return settings


def _refuse_relative(what: str, path: str, code: AbstractCode, alternative: str = "") -> None:
    """Refuse a relative path: each job runs in a folder of its own."""
    if not path.startswith(("/", "~")):
        raise ValueError(
            f"{what} {path}: the jobs run with {code.full_label}, where a relative path leads "
            f"nowhere: give the absolute path that it has there{alternative}"
        )


def store_model(settings: SamplingSettings) -> tuple[SamplingSettings, FolderData]:
    """Return settings that name an uploaded model in a job, and the node with weights and card.

    A model is stored only once in the database.

    Raises
    ------
    ValueError
        If there is no such model on the local machine, or the generator has no file.
    """
    if not get_generator(settings.generator).needs_file:
        raise ValueError(
            f"the generator {settings.generator} has no model file that could be sent to the jobs"
        )
    path = find_model(settings.generator)
    card = read_card(path)
    attributes = {"name": card.name, "sha256": card.sha256, "card": hash_card(card)}
    filters = {f"attributes.{key}": value for key, value in attributes.items()}
    node = QueryBuilder().append(FolderData, filters=filters).first(flat=True)
    if node is None:
        node = _store(path, attributes)
    (name,) = (n for n in node.base.repository.list_object_names() if n.endswith(".safetensors"))
    return settings.model_copy(update={"generator": f"{_FOLDER}/{name}"}), node


def store_potential(settings: PotentialSettings) -> tuple[PotentialSettings, SinglefileData]:
    """Return settings that name an uploaded file in a job, and the node with the potential.

    A file is stored only once in the database. What was compiled from it is not sent: see
    `choose_compiled`.

    Raises
    ------
    PotentialError
        If a published potential was not fetched on the local machine.
    ValueError
        If the potential has no file, or it is not on the local machine.
    """
    settings = find_fetched_file(settings)
    if settings.model is None:
        raise ValueError(
            f"the potential {settings.name} has no file that could be sent to the jobs: its "
            "package brings the weights"
        )
    path = Path(settings.model).expanduser()
    if not path.is_file():
        raise ValueError(f"potential {settings.name}: there is no file {path} here to be sent")
    digest = hash_file(path)
    filters = {"attributes.sha256": digest, "attributes.filename": path.name}
    node = QueryBuilder().append(SinglefileData, filters=filters).first(flat=True)
    if node is None:
        node = SinglefileData(path.absolute(), filename=path.name)
        node.base.attributes.set("sha256", digest)
        published = PUBLISHED_POTENTIALS.get(settings.name)
        if published is not None and published.is_fetched:
            node.base.attributes.set("card", published.read_card())
        node.label = settings.name
        node.store()
    return settings.model_copy(update={"model": path.name}), node


def choose_compiled(
    settings: PotentialSettings, node: SinglefileData, code: AbstractCode
) -> tuple[PotentialSettings, SinglefileData]:
    """Return settings and node of what was compiled from a package for a code, if it was."""
    compiled = find_compiled(node, code, settings.device)
    if compiled is None:
        return settings, node
    return settings.model_copy(update={"model": compiled.filename}), compiled


def check_recording(settings: SamplingSettings, chunks: list[StructureBatch]) -> None:
    """Refuse cells and recordings that their job would refuse, before anything is submitted.

    Raises
    ------
    ValueError
        If the generator cannot be recorded or samples no cells, or the recording would be too
        large.
    """
    if not settings.record and settings.cell == "fixed":
        return
    generator = get_generator(settings.generator)
    if settings.record:
        refuse_without_trajectory(generator)
    try:
        refuse_fixed_cells(generator, settings)
        if not settings.record:
            return
        settings = generator.resolve_settings(settings)
    except CheckpointError:
        return  # the model and its card are on a remote computer
    largest = max(int(chunk.inserted.sum()) for chunk in chunks)
    refuse_large_recording(settings.samples * largest, settings)


def _store(path: Path, attributes: dict[str, str]) -> FolderData:
    node = FolderData()
    for file in (path, path.with_suffix(".json")):
        with file.open("rb") as handle:
            node.base.repository.put_object_from_filelike(handle, file.name)
    node.base.attributes.set_many(attributes)
    node.label = attributes["name"]
    return node.store()
