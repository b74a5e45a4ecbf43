"""Available models: bundled ones, and those in the user's model folder.

Nothing here needs torch, except the conversion of a checkpoint that is given by its path.
"""

from __future__ import annotations

import json
import re
from importlib import resources
from math import prod
from pathlib import Path

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, ModelCard, read_card
from aiida_hpaint.science.diffusion.models.published import PUBLISHED
from aiida_hpaint.science.files import models_folder
from aiida_hpaint.science.wording import suggest

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_NAME = re.compile(f"{_PART}(/{_PART})?")
_LONGEST_HEADER = 100_000_000
_FILES = (".safetensors", ".json", ".ckpt", ".yaml")


def stored_model_path(name: str) -> Path:
    """Return the safetensors file of a model in the model folder, whether it exists or not.

    Raises
    ------
    CheckpointError
        If the name is not valid: it has to be one or two words with a slash between them.
    """
    if not is_model_name(name):
        raise CheckpointError(
            f"'{name}' cannot be the name of a model: use letters, digits and . _ -, with at most "
            "one slash, like 'mine' or 'group/mine'"
        )
    return models_folder() / f"{name}.safetensors"


def list_models() -> list[ModelCard]:
    """Return the cards of the available models, bundled ones first."""
    return read_cards()[0]


def read_cards() -> tuple[list[ModelCard], list[CheckpointError]]:
    """Read the cards of the available models; return them and the errors of unreadable ones."""
    cards, errors = [], []
    for path in (*_cards(_bundled()), *_cards(models_folder())):
        try:
            cards.append(read_card(path))
        except CheckpointError as error:
            errors.append(error)
    return cards, errors


def list_model_names() -> list[str]:
    """Return the names of all models: bundled, stored on this machine, and published."""
    folders = (_bundled(), models_folder())
    here = [
        str(card.relative_to(folder).with_suffix(""))
        for folder in folders
        for card in _cards(folder)
    ]
    return [*here, *(name for name in PUBLISHED if name not in here)]


def find_model(name: str) -> Path:
    """Find the safetensors file of a model, by its name or path.

    A path may name the file, its card, a Lightning checkpoint (which is converted on first use) or
    a folder with `config.yaml` and `checkpoints/last.ckpt`. Names take precedence over paths: write
    ./name for a file or folder.

    Raises
    ------
    CheckpointError
        If there is no such model.
    """
    if is_model_name(name):
        candidates = (_bundled() / f"{name}.safetensors", stored_model_path(name))
        for candidate in candidates:
            if candidate.is_file():
                return candidate
    if name in PUBLISHED:
        raise CheckpointError(
            f"model '{name}' is not on this machine ({models_folder()}): run "
            f"`aiida-hpaint models fetch {name}`"
        )
    return _at(Path(name).expanduser(), name)


def to_weights_path(path: Path) -> Path:
    """Return the safetensors file for a path: that file, its card, or either without suffix."""
    if path.suffix == ".json":
        return path.with_suffix(".safetensors")
    return path if path.suffix == ".safetensors" else path.with_name(f"{path.name}.safetensors")


def _at(path: Path, name: str) -> Path:
    if path.is_dir() or path.suffix == ".ckpt":
        return _converted(path)
    weights = to_weights_path(path)
    if weights.is_file():
        return weights
    bundled = ", ".join(path.stem for path in _cards(_bundled()))
    raise CheckpointError(
        f"no model '{name}': neither a bundled model ({bundled}) nor one in {models_folder()} nor "
        f"a file {weights}; see `aiida-hpaint models list`.{suggest(name, list_model_names())}"
    )


def _converted(path: Path) -> Path:
    try:
        from aiida_hpaint.science.diffusion.models.conversion import convert_into_cache
    except ImportError as error:
        raise CheckpointError(
            f"reading the checkpoint {path} needs omegaconf, safetensors and torch: "
            "pip install 'aiida-hpaint[sampling]'"
        ) from error
    return convert_into_cache(path)


def is_model_name(name: str) -> bool:
    """Return whether this is a name and not a path: one or two words with a slash between."""
    return _NAME.fullmatch(name) is not None and not name.endswith(_FILES)


def is_bundled(name: str) -> bool:
    """Whether this is the name of a model that is part of this package."""
    return is_model_name(name) and (_bundled() / f"{name}.safetensors").is_file()


def _cards(folder: Path) -> list[Path]:
    """List cards with weights beside them, except in hidden folders."""
    found = sorted((*folder.glob("*.json"), *folder.glob("[!.]*/*.json")))
    return [path for path in found if path.with_suffix(".safetensors").is_file()]


def _bundled() -> Path:
    return Path(str(resources.files("aiida_hpaint.science.diffusion") / "models"))


def count_parameters(path: Path) -> int:
    """Count the numbers in a safetensors file, from its header alone.

    Raises
    ------
    CheckpointError
        If it is not a safetensors file.
    """
    try:
        with path.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header = json.loads(stream.read(length) if length < _LONGEST_HEADER else b"")
        shapes = (entry["shape"] for name, entry in header.items() if name != "__metadata__")
        return sum(prod(shape) for shape in shapes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a readable safetensors file: {error}") from error
