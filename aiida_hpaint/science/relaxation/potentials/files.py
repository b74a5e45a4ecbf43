"""Model files, packages and devices of potentials, with messages that say what to do."""

from __future__ import annotations

import warnings
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_hpaint.science.relaxation.potentials.base import PotentialError

if TYPE_CHECKING:
    from types import ModuleType


def find_model_file(name: str, model: str | None, suffixes: tuple[str, ...]) -> Path:
    """Return the model file of a potential that needs one.

    Raises
    ------
    PotentialError
        If none is given, it does not exist, or it has none of the `suffixes`.
    """
    expected = " or ".join(suffixes)
    if not model:
        raise PotentialError(f"{name} needs a model file ({expected}): set `potential.model`")
    path = Path(model).expanduser()
    if not path.is_file():
        raise PotentialError(f"{name}: no model file {model!r}; give the path of a {expected} file")
    if suffixes and not path.name.endswith(suffixes):
        raise PotentialError(f"{name}: {path.name!r} is not a {expected} file")
    return path.resolve()


def import_package(name: str, module: str, remedy: str) -> ModuleType:
    """Import the package of a potential, without what it warns of meanwhile.

    Raises
    ------
    PotentialError
        If it is not installed or is broken; the message ends with the remedy.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(module)
    except Exception as error:  # old compiled extensions and files raise anything here
        raise PotentialError(
            f"{name} needs the package {module.partition('.')[0]!r}, which cannot be imported "
            f"({type(error).__name__}: {error}): {remedy}"
        ) from error


def find_version(distribution: str) -> str:
    """Return the installed version of a distribution, or 'unknown'."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def resolve_device(name: str, device: str) -> str:
    """Return 'cpu' or 'cuda'; 'auto' takes CUDA if torch finds a device.

    Raises
    ------
    PotentialError
        If CUDA is asked for and torch finds no device.
    """
    if device == "cpu":
        return device
    available = bool(
        import_package(name, "torch", "pip install 'aiida-hpaint[ml]'").cuda.is_available()
    )
    if device == "auto":
        return "cuda" if available else "cpu"
    if not available:
        raise PotentialError(
            f"{name}: device {device!r} was asked for and torch finds no CUDA device; "
            "use 'auto' or 'cpu', or install a CUDA build of torch"
        )
    return device
