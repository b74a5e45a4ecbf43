"""Identities: versions and hashes that determine the result of a job, so that caching is correct.

This file imports neither AiiDA nor torch nor any potential.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.models.cards import (
    ARCHITECTURES,
    CheckpointError,
    ModelCard,
    hash_card,
    read_card,
)
from aiida_hpaint.science.diffusion.models.library import find_model
from aiida_hpaint.science.diffusion.sampling.generators import (
    BUILT_IN,
    find_installed,
    get_generator,
    identify_generator,
)
from aiida_hpaint.science.environment.probe import hash_package_source
from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation.potentials import (
    PotentialError,
    PotentialInfo,
    check_trust,
    dispersion,
    find_fetched_file,
    find_potential,
    list_potentials,
)
from aiida_hpaint.science.relaxation.potentials.files import find_version
from aiida_hpaint.science.settings import PotentialSettings, SamplingSettings

__all__ = ["identify_relaxation", "identify_sampling", "is_complete", "is_consistent", "is_release"]


def identify_sampling(settings: SamplingSettings, local: bool = True) -> dict[str, Any]:
    """Return package version, seed, generator, and the sha256 of its weights and card.

    A package that is not a release also has `source`, the sha256 of its files. The hash of the card
    covers what affects samples. A converted model also has the sha256 of its published file.

    Parameters
    ----------
    settings
        Settings with the generator and the seed.
    local
        Whether the jobs run with this Python, so that a missing package or file is an error.

    Raises
    ------
    ValueError
        If there is no such generator, or no torch to run it.
    """
    generator = get_generator(settings.generator)
    model: dict[str, Any] = {"name": settings.generator}
    if generator.needs_file:
        model |= _weights(settings.generator, local)
    else:
        model |= identify_generator(settings.generator) | _plugin_source(settings.generator, local)
    if local and generator.needs_file and find_spec("torch") is None:
        raise ValueError("sampling needs the package torch: pip install 'aiida-hpaint[ml]'")
    return {**_package(local), "model": model, "seed": settings.seed}


def identify_relaxation(settings: PotentialSettings, local: bool = True) -> dict[str, Any]:
    """Return package version and the potential's name, package, and version or sha256 of its file.

    The version of a wheel determines the weights that it contains.

    Parameters
    ----------
    settings
        Settings of the potential.
    local
        Whether the jobs run with this Python, so that a missing package or file is an error.

    Raises
    ------
    ValueError
        If the potential is unknown, or its package or file is missing or not trusted.
    """
    info = find_potential(settings.name)
    if local and not info.is_installed:
        raise ValueError(
            f"potential {info.name}: the package {info.package} is not installed: "
            f"{info.install_command or f'pip install {info.package}'}"
        )
    try:
        settings = find_fetched_file(settings)
    except PotentialError:
        if local:
            raise
    model: dict[str, Any] = {"name": info.name, "package": info.package}
    if info.is_installed:
        model["package_version"] = _version(info)
    if info.provider:
        model |= {"provider": info.provider, "provider_version": find_version(info.provider)}
    if info.sha256 is not None:
        model["sha256"] = info.sha256
    file = _model_file(info, settings.model, local)
    check_trust(info, settings)
    if file is not None:
        model |= {"file": file.name, "sha256": hash_file(file)}
    if settings.dispersion is not None:
        model["dispersion"] = _identify_dispersion(info, local)
    return {**_package(local), "model": model}


def is_complete(identity: Mapping[str, Any]) -> bool:
    """Return whether an identity determines the result, so that AiiDA may use a cached job.

    It needs the code, as a release or as the hash of its files, and the weights, as their hash or,
    for built-in potentials, as the version of the wheel that contains them. Potentials that other
    packages register need a hash. A search needs both a `model` that relaxes and a `generator`.
    """
    if "generator" in identity:
        of_generator = {**identity, "model": identity["generator"]}
        return all(
            is_complete({key: value for key, value in each.items() if key != "generator"})
            for each in (identity, of_generator)
        )
    model = identity.get("model", {})
    if "version" not in identity or None in (identity.get("source", ""), model.get("source", "")):
        return False
    name = model.get("name", "")
    known = {info.name: info for info in list_potentials()}
    if name in known:
        info = known[name]
        in_wheel = not (info.needs_file or info.is_published or info.provider)
    else:
        in_wheel = find_installed(name) is not None
    return name in BUILT_IN or "sha256" in model or bool(in_wheel and model.get("package_version"))


def is_consistent(identity: Mapping[str, Any], history: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the history of a result agrees with the identity of its job.

    On a remote computer a package may have another version, which the history records.
    """
    named = identity.get("model", {})
    made: Mapping[str, Any] = next((r["model"] for r in reversed(history) if r.get("model")), {})
    shared = {"package_version", "sha256"} & named.keys() & made.keys()
    return all(named[key] == made[key] for key in shared)


@lru_cache(maxsize=1)
def is_release() -> bool:
    """Return whether this package was installed from an index, so that its version is unique.

    pip records `direct_url.json` for other sources: a folder, a repository, a file.
    """
    try:
        return metadata.distribution("aiida-hpaint").read_text("direct_url.json") is None
    except metadata.PackageNotFoundError:
        return False


@lru_cache(maxsize=1)
def _source() -> str | None:
    return hash_package_source("aiida_hpaint")


def _package(local: bool) -> dict[str, str | None]:
    """Return version and source hash of this package; the latter is unknown on other computers."""
    if is_release():
        return {"version": __version__}
    return {"version": __version__, "source": _source() if local else None}


def _plugin_source(generator: str, local: bool) -> dict[str, str | None]:
    """Return the hash of the code of another package's generator, unless its version settles it."""
    installed = find_installed(generator)
    if generator in BUILT_IN or installed is None:
        return {}
    if metadata.distribution(installed.package).read_text("direct_url.json") is None:
        return {}
    top_module = installed.entry_point.module.partition(".")[0]
    return {"source": hash_package_source(top_module) if local else None}


def _weights(generator: str, local: bool) -> dict[str, str]:
    try:
        path = find_model(generator)
    except CheckpointError:
        if local:
            raise
        return {}
    card = read_card(path)
    digest = hash_file(path)
    _check_whole(path, card, digest)
    found = {"name": card.name, "sha256": digest, "card": hash_card(card)}
    source = card.data.get("source_sha256")
    return {**found, "source_sha256": str(source)} if source else found


def _check_whole(path: Path, card: ModelCard, digest: str) -> None:
    """Refuse a file that each job would refuse, before anything is submitted."""
    if digest != card.sha256:
        raise CheckpointError(
            f"{path} does not have the sha256 of its card ({card.sha256[:12]}...): "
            "fetch or export it again"
        )
    if card.architecture not in ARCHITECTURES:
        raise CheckpointError(
            f"model '{card.name}' is of architecture '{card.architecture}'; this version knows "
            f"{', '.join(ARCHITECTURES)}: update aiida-hpaint or choose another model"
        )


def _model_file(info: PotentialInfo, model: str | None, local: bool) -> Path | None:
    if not info.needs_file and not (info.is_published and model):
        return None
    if model is None:
        raise ValueError(f"potential {info.name} needs its model file: set potential.model")
    path = Path(model).expanduser()
    if path.is_file():
        return path
    if local:
        raise ValueError(f"potential {info.name}: there is no model file {model}")
    return None


def _identify_dispersion(info: PotentialInfo, local: bool) -> str:
    """Return the correction, and the version of the package that computes it."""
    if local and find_spec(dispersion.PACKAGE) is None:
        raise ValueError(
            f"potential {info.name} with dispersion: the package {dispersion.PACKAGE} is not "
            f"installed: {dispersion.INSTALL_COMMAND}"
        )
    return dispersion.describe_dispersion(info.functional)


def _version(info: PotentialInfo) -> str:
    # To ask for all packages reads the lists of files of all of them: seconds of CPU time.
    with suppress(metadata.PackageNotFoundError):
        named_alike = metadata.distribution(info.package)
        if info.package in (named_alike.read_text("top_level.txt") or "").split():
            return named_alike.version
    distributions = _list_distributions(tuple(sys.path)).get(info.package, [info.package])
    return metadata.version(distributions[0])


@lru_cache(maxsize=4)
def _list_distributions(_path: tuple[str, ...]) -> Mapping[str, list[str]]:
    return metadata.packages_distributions()
