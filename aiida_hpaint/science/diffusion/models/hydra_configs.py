"""Configurations of MatterGen and XtalPaint in our own settings.

They are Hydra configurations: trees of classes and their arguments. Nothing of them is
instantiated; the names of the classes (`_target_`) only say what kind of model it is. Arguments
that a configuration leaves out have the defaults of MatterGen's classes (version 1.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from aiida_hpaint.science.diffusion.models.cards import (
    CheckpointError,
    FractionalNoiseSettings,
    SamplingDefaults,
)
from aiida_hpaint.science.diffusion.models.interpolations import Unresolved, resolve
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

ELEMENTS = 100
"""Rows of MatterGen's embedding of species, the one for masked types aside."""
MODULE = "lightning_module.diffusion_module"

_SIZES: dict[str, tuple[str, Any]] = {
    "emb_size_atom": ("atom_width", 512),
    "emb_size_edge": ("edge_width", 512),
    "emb_size_trip": ("triplet_width", 64),
    "emb_size_rbf": ("rbf_width", 16),
    "emb_size_cbf": ("cbf_width", 16),
    "emb_size_bil_trip": ("bilinear_width", 64),
    "num_blocks": ("blocks", 3),
    "num_radial": ("radial", 128),
    "num_spherical": ("spherical", 7),
    "num_before_skip": ("before_skip", 1),
    "num_after_skip": ("after_skip", 2),
    "num_concat": ("concat", 1),
    "num_atom": ("atom_layers", 3),
    "cutoff": ("cutoff", 6.0),
    "max_neighbors": ("neighbours", 50),
    "max_cell_images_per_dim": ("images", 5),
}
"""Our name and MatterGen's default for each of its arguments."""

_ONLY: dict[str, Any] = {
    "num_targets": 1,
    "rbf": {"name": "gaussian"},
    "envelope": {"name": "polynomial", "exponent": 5},
    "cbf": {"name": "spherical_harmonics"},
    "activation": "swish",
    "encoder_mode": False,
    "otf_graph": True,
}
"""Arguments for which our network knows one value."""

_WITHOUT_EFFECT = {"scale_file", "output_init", "regress_stress", "regress_forces", "direct_forces"}
_TD_KNOWN_TIME = 0.005
"""XtalPaint's default of `t_replace`."""


@dataclass(frozen=True)
class ModelConfig:
    """What a configuration says of a model.

    Attributes
    ----------
    denoiser
        The network as the configuration has it, references filled in.
    known_time
        Time of clean sites, for models with a time for each site.
    noise, sampling
        In our own terms.
    data
        Name of the data set that it was trained on, where the configuration has one.
    """

    denoiser: dict[str, Any]
    known_time: float | None
    noise: FractionalNoiseSettings
    sampling: SamplingDefaults
    data: str


def read_config_file(path: Path) -> dict[str, Any]:
    """A configuration as it stands in a YAML file.

    Raises
    ------
    CheckpointError
        If it cannot be read, or is more than plain data.
    """
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} is not a readable configuration: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} is not a configuration: it has no keys")
    return config


def parse_config(config: Mapping[str, Any]) -> ModelConfig:
    """What a configuration of MatterGen or XtalPaint says of the model, its size aside.

    Raises
    ------
    CheckpointError
        If it is of another kind, or of a model that does not noise wrapped positions.
    """
    tree = resolve(dict(config))
    module = _branch(tree, MODULE)
    known_time = _known_time(module)
    return ModelConfig(
        denoiser=_branch(module, "model", MODULE),
        known_time=known_time,
        noise=_checked(FractionalNoiseSettings, _noise(module)),
        sampling=_sampling(module, known_time is not None),
        data=_data(tree),
    )


def read_gemnet_settings(config: ModelConfig) -> tuple[GemNetSettings, list[str]]:
    """Size of our network for a denoiser, and which of its arguments were not understood.

    Raises
    ------
    CheckpointError
        If it is another network than a GemNet-dT, or one that was fine-tuned to properties.
    """
    refuse_conditions(_conditions(config.denoiser))
    values = _network(config.denoiser)
    if config.known_time is not None:
        values["known_time"] = config.known_time
    return _checked(GemNetSettings, values), _not_understood(config.denoiser["gemnet"])


def require_plain_denoiser(config: ModelConfig) -> dict[str, Any]:
    """The network as the configuration has it, for the package that it is from.

    Raises
    ------
    CheckpointError
        If values in it are for Hydra to compute.
    """
    _refuse_unresolved_within(config.denoiser)
    return config.denoiser


def refuse_conditions(properties: list[str]) -> None:
    """Say what to do with a model that was fine-tuned to properties.

    Raises
    ------
    CheckpointError
        If there are any.
    """
    if properties:
        raise CheckpointError(
            f"it was fine-tuned to properties ({', '.join(properties)}), which our network does "
            "not take: convert it for the package mattergen (`aiida-hpaint models convert ... "
            "--architecture mattergen`), or take an unconditional model such as mattergen/base"
        )


def _conditions(model: Mapping[str, Any]) -> list[str]:
    gemnet = model.get("gemnet") or {}
    names = {*(model.get("property_embeddings") or {})}
    names |= {*(model.get("property_embeddings_adapt") or {})}
    names |= {*(gemnet.get("condition_on_adapt") or [])}
    if names:
        return sorted(names)
    special = [_class(model), _class(gemnet)]
    return [name for name in special if name in ("GemNetTAdapter", "GemNetTCtrl")]


def _network(model: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of our network."""
    gemnet = _branch(model, "gemnet", f"{MODULE}.model")
    embedding = _branch(gemnet, "atom_embedding", f"{MODULE}.model.gemnet")
    if not _class(gemnet).endswith("GemNetT"):
        raise CheckpointError(
            f"its network is {gemnet.get('_target_')}, and only GemNetT can be converted"
        )
    _refuse_variants(gemnet)
    hidden = _value(model, "hidden_dim", 512)
    found = {ours: _value(gemnet, theirs, default) for theirs, (ours, default) in _SIZES.items()}
    return found | {
        "species_width": _value(embedding, "emb_size", hidden),
        "latent_width": _value(gemnet, "latent_dim", hidden),
        "species": ELEMENTS + bool(_value(embedding, "with_mask_type", False)),
        "types": ELEMENTS + _masks_types(model),
    }


def _not_understood(gemnet: Mapping[str, Any]) -> list[str]:
    understood = {*_SIZES, *_ONLY, *_WITHOUT_EFFECT, "_target_", "atom_embedding", "latent_dim"}
    unknown = sorted({*gemnet} - understood)
    return [f"argument {name} of {_class(gemnet)} was not understood" for name in unknown]


def _refuse_variants(gemnet: Mapping[str, Any]) -> None:
    for name, only in _ONLY.items():
        value = _value(gemnet, name, only)
        if value != only:
            raise CheckpointError(
                f"{name} of its {_class(gemnet)} is {value}, and our network has only {only}"
            )


def _masks_types(model: Mapping[str, Any]) -> bool:
    denoises = bool(_value(model, "denoise_atom_types", True))
    return denoises and "mask" in str(_value(model, "atom_type_diffusion", "mask"))


def _known_time(module: Mapping[str, Any]) -> float | None:
    """The time of clean sites, for models with a time for each site."""
    classes = str(module.get("_target_")), str(_sde(module).get("_target_"))
    replaces = any(module.get(key) is not None for key in ("p_replace", "t_replace"))
    if not replaces and not any(".time_dependent." in path for path in classes):
        return None
    return float(_value(module, "t_replace", _TD_KNOWN_TIME))


def _noise(module: Mapping[str, Any]) -> dict[str, Any]:
    sde = _sde(module)
    if not _class(sde).endswith("NumAtomsVarianceAdjustedWrappedVESDE"):
        raise CheckpointError(
            f"its positions are noised by {sde.get('_target_')}, and our samplers know only "
            "NumAtomsVarianceAdjustedWrappedVESDE"
        )
    if float(_value(sde, "wrapping_boundary", 1.0)) != 1:
        raise CheckpointError("its positions are not wrapped at 1, so they are not fractional")
    return {
        "smallest": _value(sde, "sigma_min", 0.01),
        "largest": _value(sde, "sigma_max", 5.0),
    }


def _sde(module: Mapping[str, Any]) -> Mapping[str, Any]:
    return _branch(module, "corruption.sdes.pos", MODULE)


def _sampling(module: Mapping[str, Any], time_for_each_site: bool) -> SamplingDefaults:
    """What the authors of XtalPaint sample such models with (their sampling configurations)."""
    corruption = _branch(module, "corruption", MODULE)
    noised = {*(corruption.get("sdes") or {}), *(corruption.get("discrete_corruptions") or {})}
    if time_for_each_site:
        return SamplingDefaults(scheme="td", steps=50, corrector_steps=1, snr=0.4)
    scheme = "pos-only" if noised == {"pos"} else "baseline"
    return SamplingDefaults(scheme=scheme, steps=50, corrector_steps=1, snr=0.2)


def _data(tree: Mapping[str, Any]) -> str:
    module = tree.get("data_module")
    root = module.get("root_dir") if isinstance(module, Mapping) else None
    return Path(root).name if isinstance(root, str) else ""


def _branch(tree: Any, path: str, above: str = "") -> dict[str, Any]:
    """The mapping at a path of keys."""
    value = tree
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else value
        _refuse_unresolved(value)
    if not isinstance(value, dict):
        raise CheckpointError(
            f"its configuration has no {above + '.' if above else ''}{path}: it has to be the "
            "config.yaml that MatterGen's or XtalPaint's training wrote beside the checkpoint"
        )
    return value


def _value(mapping: Mapping[str, Any], key: str, default: Any) -> Any:
    value = mapping.get(key)
    _refuse_unresolved(value)
    return default if value is None else value


def _refuse_unresolved(value: Any) -> None:
    if isinstance(value, Unresolved):
        raise CheckpointError(
            f"{value.place} in its configuration is '{value.text}', which only Hydra can compute: "
            "write the value there"
        )


def _refuse_unresolved_within(value: Any) -> None:
    _refuse_unresolved(value)
    entries = value.values() if isinstance(value, dict) else value
    for entry in entries if isinstance(value, dict | list) else ():
        _refuse_unresolved_within(entry)


def _class(mapping: Mapping[str, Any]) -> str:
    return str(mapping.get("_target_", "")).rpartition(".")[2]


def _checked(settings: Any, values: dict[str, Any]) -> Any:
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{e['loc'][0]} = {e['input']!r}: {e['msg']}" for e in error.errors())
        raise CheckpointError(f"its configuration has impossible values: {wrong}") from error
