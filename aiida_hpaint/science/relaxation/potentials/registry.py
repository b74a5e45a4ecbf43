"""The potentials by name: which there are, whether they are installed, and how to load them."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation.potentials.ase_adapter import wrap_calculator
from aiida_hpaint.science.relaxation.potentials.base import (
    Potential,
    PotentialError,
    PotentialInfo,
)
from aiida_hpaint.science.relaxation.potentials.dispersion import DispersionCorrected
from aiida_hpaint.science.relaxation.potentials.files import resolve_device
from aiida_hpaint.science.relaxation.potentials.plugins import (
    RegisteredPotentials,
    read_entry_points,
)
from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS
from aiida_hpaint.science.relaxation.potentials.torch_sim_adapter import (
    is_torch_sim_model,
    wrap_torch_sim,
)
from aiida_hpaint.science.settings import PotentialSettings

_HERE = "aiida_hpaint.science.relaxation.potentials"
_ML = "pip install 'aiida-hpaint[ml]'"


_UP_TO_PLUTONIUM = frozenset(range(1, 95))
_MATERIALS_PROJECT = _UP_TO_PLUTONIUM - frozenset(range(84, 89))
"""Elements of the training data of MPtrj: Po, At, Rn, Fr and Ra are not among them."""


_SEVENNET = "Park et al., J. Chem. Theory Comput. 20, 4857 (2024)"
_SEVENNET_MF = "Kim et al., J. Am. Chem. Soc. 147, 1042 (2025)"


def _describe_sevennet(
    name: str,
    description: str,
    needs_file: bool = False,
    functional: str = "pbe",
    citation: str = _SEVENNET,
) -> PotentialInfo:
    loader = f"{_HERE}.sevennet:load"
    return PotentialInfo(
        name,
        "sevenn",
        loader,
        description,
        _ML,
        needs_file,
        functional=functional,
        elements=None if needs_file else _MATERIALS_PROJECT,
        citation="" if needs_file else citation,
    )


def _describe_package(kind: str, package: str, description: str) -> PotentialInfo:
    loader = f"{_HERE}.packages:load"
    install = f"pip install {package}"
    return PotentialInfo(kind, package, loader, description, install, needs_file=True)


_READERS = (
    _describe_sevennet("sevennet-0", "SevenNet-0 (11 July 2024), bundled, works offline"),
    _describe_sevennet("sevennet-l3i5", "SevenNet-l3i5, bundled: slower and more accurate"),
    _describe_sevennet("sevennet-mf-0", "SevenNet-MF-0, bundled, PBE", citation=_SEVENNET_MF),
    _describe_sevennet(
        "sevennet-mf-0-r2scan",
        "SevenNet-MF-0, bundled, r2SCAN",
        functional="r2scan",
        citation=_SEVENNET_MF,
    ),
    _describe_sevennet("sevennet", "a SevenNet checkpoint of your own (.pth)", needs_file=True),
    PotentialInfo(
        "nequip",
        "nequip",
        f"{_HERE}.nequip:load",
        "a NequIP package (.nequip.zip) or compiled model (.nequip.pt2)",
        _ML,
        needs_file=True,
    ),
    PotentialInfo(
        "chgnet",
        "chgnet",
        f"{_HERE}.chgnet:load",
        "CHGNet 0.3.0, inside its wheel",
        "pip install chgnet",
        elements=_UP_TO_PLUTONIUM,
        citation="Deng et al., Nat. Mach. Intell. 5, 1031 (2023)",
    ),
    PotentialInfo(
        "mace",
        "mace-torch",
        f"{_HERE}.mace:load",
        "a MACE model (.model)",
        "pip install mace-torch",
        needs_file=True,
    ),
    PotentialInfo(
        "mattersim",
        "mattersim",
        f"{_HERE}.mattersim:load",
        "a MatterSim checkpoint (.pth)",
        "pip install mattersim",
        needs_file=True,
    ),
    _describe_package("nequix", "nequix", "a Nequix model (.nqx)"),
    _describe_package("grace", "tensorpotential", "a GRACE SavedModel (.tar.gz)"),
    _describe_package("pet", "upet", "a checkpoint of PET, of upet or metatrain (.ckpt)"),
)

_READERS_OF_PUBLISHED = {
    reader.name: reader
    for reader in (
        *_READERS,
        # A checkpoint of Orb does not say of which network it is.
        _describe_package("orb", "orb-models", ""),
    )
}

OWN_POTENTIALS = (
    *_READERS,
    *(
        replace(
            _READERS_OF_PUBLISHED[one.kind],
            name=one.name,
            description=one.about,
            needs_file=False,
            is_published=True,
            functional=one.functional,
        )
        for one in PUBLISHED_POTENTIALS.values()
    ),
)
"""The potentials of this package, in the order in which they are listed."""


def list_potentials() -> tuple[PotentialInfo, ...]:
    """Return all potentials, installed or not: our own first, then those of other packages.

    No potential is loaded. Entry points that cannot be used are left out with a warning.
    """
    return (*OWN_POTENTIALS, *_registered(tuple(sys.path)).potentials)


def find_potential(name: str) -> PotentialInfo:
    """Return the potential of this name (upper or lower case).

    Raises
    ------
    PotentialError
        If there is none.
    """
    known = {info.name: info for info in OWN_POTENTIALS}
    if name.lower() not in known:  # to look at other packages takes time
        known = {info.name: info for info in list_potentials()}
    if name.lower() in known:
        return known[name.lower()]
    close = get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
    problems = _registered(tuple(sys.path)).problems
    raise PotentialError("; ".join([f"unknown potential {name!r}: {hint}", *problems]))


def get_potential(potential: PotentialSettings | Potential | Any) -> Potential:
    """Return the potential that the settings name, loaded once for each process.

    Parameters
    ----------
    potential : PotentialSettings, Potential, ASE calculator or model of torch-sim
        Objects that can evaluate structures already are returned as they are, calculators and
        models behind the interface of `Potential`: whatever takes settings and calls this function
        takes them.

    Raises
    ------
    PotentialError
        If the name is unknown, the package is not installed, or the model file is missing,
        not trusted, unreadable or not needed; or if the object is no potential.
    """
    if not isinstance(potential, PotentialSettings):
        return _as_potential(potential)
    info = find_potential(potential.name)
    if not info.is_installed:
        raise PotentialError(
            f"{info.name} needs the package {info.package!r}, which is not installed: "
            f"{info.install_command or f'pip install {info.package}'}"
        )
    potential = find_fetched_file(potential)
    if potential.model and Path(potential.model).expanduser().is_file():
        check_trust(info, potential)
    device = resolve_device(info.name, potential.device)
    loaded = _load(info, potential.model, device, _time_stamp(potential.model))
    if potential.dispersion is None:
        return loaded
    return DispersionCorrected(loaded, info.functional)


def find_fetched_file(settings: PotentialSettings) -> PotentialSettings:
    """Return settings with the file of a fetched potential; all others as they are.

    It is trusted: whoever fetched it had its source named, and its sha256 is that of then.

    Raises
    ------
    PotentialError
        If it was not fetched on this machine, or is another file than then.
    """
    published = PUBLISHED_POTENTIALS.get(settings.name.lower())
    if published is None or settings.model is not None:
        return settings
    published.read_card()
    return settings.model_copy(update={"model": str(published.path), "trust": True})


def check_trust(info: PotentialInfo, settings: PotentialSettings) -> None:
    """Refuse to read a model file unless the settings allow its code to run.

    All formats hold code: pickles (sevennet, mace, mattersim), Python modules or a compiled library
    (nequip); the packages that read them run it.

    Raises
    ------
    PotentialError
        If the potential takes a file and `trust` is not set; nothing of the file was read.
    """
    takes_file = info.needs_file or (info.is_published and settings.model is not None)
    if takes_file and not settings.trust:
        raise PotentialError(
            f"{info.name}: whoever made {settings.model} can have it run any code when it is read: "
            "if you know where it is from, add --set potential.trust=true"
        )


@lru_cache(maxsize=4)
def _registered(search_path: tuple[str, ...]) -> RegisteredPotentials:
    """Read the entry points once for each search path of Python: that takes 40 ms."""
    found = read_entry_points(info.name for info in OWN_POTENTIALS)
    for problem in found.problems:
        warnings.warn(problem, stacklevel=3)
    return found


def _time_stamp(model: str | None) -> int | None:
    """Return the time stamp of the model file, so that a file that changed is read again."""
    path = Path(model).expanduser() if model else None
    return path.stat().st_mtime_ns if path and path.is_file() else None


@lru_cache(maxsize=8)
def _load(info: PotentialInfo, model: str | None, device: str, time_stamp: int | None) -> Potential:
    module, _, function = info.loader.partition(":")
    if not info.provider:
        own: Potential = getattr(import_module(module), function)(info.name, model, device)
        return own
    try:
        loaded = getattr(import_module(module), function)(info.name, model, device)
    except PotentialError:
        raise
    except Exception as error:  # the code of others can raise anything
        raise PotentialError(
            f"{info.name}: the package {info.provider}, which registers it, cannot load it "
            f"({type(error).__name__}: {error})"
        ) from error
    potential = _as_potential(loaded, info.name, info.package, _hash_weights(info, model))
    _check_hash(info, model, potential)
    return potential


def _as_potential(
    found: Any, name: str = "", package: str = "", sha256: str | None = None
) -> Potential:
    if isinstance(found, Potential):
        return found
    if hasattr(found, "calculate") and hasattr(found, "get_potential_energy"):
        return wrap_calculator(found, name, package, sha256)
    if is_torch_sim_model(found):
        return wrap_torch_sim(found, name, package, sha256)
    raise PotentialError(
        f"{name or 'the potential'}: {type(found).__name__!r} is no potential: it needs the "
        "members `card` and `evaluate`, or to be an ASE calculator or a model of torch-sim"
    )


def _hash_weights(info: PotentialInfo, model: str | None) -> str | None:
    path = Path(model).expanduser() if model else None
    return hash_file(path) if path and path.is_file() else info.sha256


def _check_hash(info: PotentialInfo, model: str | None, potential: Potential) -> None:
    """Check that the card names the weights that provenance and caching name."""
    expected = _hash_weights(info, model)
    if expected is not None and potential.card.sha256 != expected:
        raise PotentialError(
            f"{info.name}: the potential that {info.provider} loads has the sha256 "
            f"{potential.card.sha256} on its card, and its weights have {expected}: "
            f"update {info.provider}"
        )
