"""What makes a result besides structures and settings: inputs of jobs, so that caching is right.

Nothing here imports AiiDA, torch or a potential.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aiida_hpaint import __version__
from aiida_hpaint.diffusion.cards import CheckpointError, card_hash, read_card
from aiida_hpaint.diffusion.library import find_model
from aiida_hpaint.relaxation.potentials import PotentialInfo, list_potentials
from aiida_hpaint.relaxation.potentials.files import sha256_of
from aiida_hpaint.settings import PotentialSettings, SamplingSettings

__all__ = ["relaxation_identity", "sampling_identity"]


def sampling_identity(settings: SamplingSettings, here: bool = True) -> dict[str, Any]:
    """Package version, seed, the generator's name and the sha256 of its weights and of its card.

    Of the card only counts what changes samples. A model that was converted is also known by the
    sha256 of the file that it was published in.

    Parameters
    ----------
    settings
        The generator and the seed.
    here
        Whether the jobs run with this Python, so that what is missing here is missing there.

    Raises
    ------
    ValueError
        If there is no such generator, or no torch to run it.
    """
    model = {"name": settings.generator}
    if settings.generator != "random":
        model |= _weights(settings.generator, here)
    if here and find_spec("torch") is None:
        raise ValueError("sampling needs the package torch: pip install aiida-hpaint[sampling]")
    return {"version": __version__, "model": model, "seed": settings.seed}


def relaxation_identity(settings: PotentialSettings, here: bool = True) -> dict[str, Any]:
    """Package version, and the potential's name, package and version or sha256 of its file.

    The weights inside a wheel are settled by the version of the wheel.

    Parameters
    ----------
    settings
        The potential.
    here
        Whether the jobs run with this Python, so that what is missing here is missing there.

    Raises
    ------
    ValueError
        If there is no such potential, its package is missing, or its file is.
    """
    info = _potential(settings.name)
    if here and not info.installed:
        raise ValueError(
            f"potential {info.name}: the package {info.package} is not installed: {info.install}"
        )
    model: dict[str, Any] = {"name": info.name, "package": info.package}
    if info.installed:
        model["package_version"] = _version(info)
    file = _model_file(info, settings.model, here)
    if file is not None:
        model |= {"file": file.name, "sha256": sha256_of(file)}
    return {"version": __version__, "model": model}


def _weights(generator: str, here: bool) -> dict[str, str]:
    try:
        path = find_model(generator)
    except CheckpointError:
        if here:
            raise
        return {}
    card = read_card(path)
    found = {"name": card.name, "sha256": sha256_of(path), "card": card_hash(card)}
    source = card.data.get("source_sha256")
    return {**found, "source_sha256": str(source)} if source else found


def _potential(name: str) -> PotentialInfo:
    known = {info.name: info for info in list_potentials()}
    if name.lower() in known:
        return known[name.lower()]
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose from {', '.join(known)}"
    raise ValueError(f"there is no potential {name!r}: {hint}")


def _model_file(info: PotentialInfo, model: str | None, here: bool) -> Path | None:
    if not info.needs_file:
        return None
    if model is None:
        raise ValueError(f"potential {info.name} needs its model file: set potential.model")
    path = Path(model).expanduser()
    if path.is_file():
        return path
    if here:
        raise ValueError(f"potential {info.name}: there is no model file {model}")
    return None


def _version(info: PotentialInfo) -> str:
    distributions = metadata.packages_distributions().get(info.package, [info.package])
    return metadata.version(distributions[0])
