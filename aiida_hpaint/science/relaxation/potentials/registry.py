"""The potentials by name: which there are, whether they are installed, and how to load them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module, metadata
from pathlib import Path
from typing import cast

from aiida_hpaint.science.relaxation.potentials.base import Potential, PotentialError
from aiida_hpaint.science.relaxation.potentials.files import resolve_device
from aiida_hpaint.science.settings import PotentialSettings


@dataclass(frozen=True)
class PotentialInfo:
    """One line of the list of potentials.

    Attributes
    ----------
    name : string
        What `PotentialSettings.name` takes.
    package : string
        The distribution that must be installed.
    needs_file : bool
        Whether `PotentialSettings.model` must name a file.
    description : string
        One line for the reader.
    install_command : string
        The command that installs the package.
    loader : string
        The module of this package with the function `load(name, model, device)`.
    """

    name: str
    package: str
    needs_file: bool
    description: str
    install_command: str
    loader: str

    @property
    def is_installed(self) -> bool:
        """Whether the package is there (it is not imported)."""
        try:
            metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return False
        return True


_ML = "pip install aiida-hpaint[ml]"


def _sevennet(name: str, about: str, needs_file: bool = False) -> PotentialInfo:
    return PotentialInfo(name, "sevenn", needs_file, about, _ML, "sevennet")


_KNOWN = (
    _sevennet("sevennet-0", "SevenNet-0 (11 July 2024), bundled, works offline"),
    _sevennet("sevennet-l3i5", "SevenNet-l3i5, bundled: slower and more accurate"),
    _sevennet("sevennet-mf-0", "SevenNet-MF-0, bundled, PBE"),
    _sevennet("sevennet-mf-0-r2scan", "SevenNet-MF-0, bundled, r2SCAN"),
    _sevennet("sevennet", "a SevenNet checkpoint of your own (.pth)", needs_file=True),
    PotentialInfo(
        "nequip",
        "nequip",
        True,
        "a NequIP package (.nequip.zip) or compiled model (.nequip.pt2)",
        _ML,
        "nequip",
    ),
    PotentialInfo(
        "chgnet",
        "chgnet",
        False,
        "CHGNet 0.3.0, inside its wheel",
        "pip install chgnet",
        "chgnet",
    ),
    PotentialInfo(
        "mace", "mace-torch", True, "a MACE model (.model)", "pip install mace-torch", "mace"
    ),
    PotentialInfo(
        "mattersim",
        "mattersim",
        True,
        "a MatterSim checkpoint (.pth)",
        "pip install mattersim",
        "mattersim",
    ),
)


def list_potentials() -> tuple[PotentialInfo, ...]:
    """All potentials, installed or not; nothing heavy is imported."""
    return _KNOWN


def get_potential(settings: PotentialSettings | Potential) -> Potential:
    """Return the potential that the settings name, loaded once for each process.

    A potential that is already loaded is returned as it is, so that whatever takes settings can
    take such an object instead.

    Raises
    ------
    PotentialError
        If the name is unknown, the package is not installed, or the model file is missing,
        not trusted, unreadable or not wanted.
    """
    if not isinstance(settings, PotentialSettings):
        return settings
    info = _find(settings.name)
    if not info.is_installed:
        raise PotentialError(
            f"{info.name} needs the package {info.package!r}, which is not installed: "
            f"{info.install_command}"
        )
    if settings.model and Path(settings.model).expanduser().is_file():
        check_trust(info, settings)
    device = resolve_device(info.name, settings.device)
    return _load(info, settings.model, device, _stamp(settings.model))


def check_trust(info: PotentialInfo, settings: PotentialSettings) -> None:
    """Refuse a model file of which nobody said that its code may run.

    All formats hold code: pickles (sevennet, mace, mattersim), Python modules or a compiled library
    (nequip); the packages that read them run it.

    Raises
    ------
    PotentialError
        If the potential takes a file and `trust` is not set; nothing of the file was read.
    """
    if info.needs_file and not settings.trust:
        raise PotentialError(
            f"{info.name}: whoever made {settings.model} can have it run any code when it is read: "
            "if you know where it is from, add --set potential.trust=true"
        )


def _find(name: str) -> PotentialInfo:
    for info in _KNOWN:
        if info.name == name.lower():
            return info
    names = ", ".join(info.name for info in _KNOWN)
    raise PotentialError(f"unknown potential {name!r}: choose one of {names}")


def _stamp(model: str | None) -> int | None:
    """The time stamp of the model file, so that a file that changed is read again."""
    path = Path(model).expanduser() if model else None
    return path.stat().st_mtime_ns if path and path.is_file() else None


@lru_cache(maxsize=8)
def _load(info: PotentialInfo, model: str | None, device: str, stamp: int | None) -> Potential:
    module = import_module(f"{__package__}.{info.loader}")
    return cast("Potential", module.load(info.name, model, device))
