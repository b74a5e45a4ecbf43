"""Translation of Hydra configurations of MatterGen and XtalPaint into our own settings.

A Hydra configuration is a tree of classes and their arguments. Nothing in it is instantiated: the
names of the classes (`_target_`) only tell what kind of model it is. Arguments that are left out
have the defaults of MatterGen's classes (version 1.0).

References to other keys (`${a.b}`, `${..b}`) are resolved by OmegaConf, and only where a value is
needed. Configurations come from untrusted files, so everything else that OmegaConf can compute
(`${oc.env:...}`, `${eval:...}` and whatever resolvers other packages have registered) is removed
before OmegaConf sees it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, MissingMandatoryValue, OmegaConf
from omegaconf.errors import InterpolationResolutionError, OmegaConfBaseException
from pydantic import ValidationError

from aiida_hpaint.science.diffusion.models.cards import (
    CellNoiseSettings,
    CheckpointError,
    FractionalNoiseSettings,
    SamplingDefaults,
)
from aiida_hpaint.science.diffusion.networks.gemnet.settings import GemNetSettings

ELEMENTS = 100
"""Rows of MatterGen's embedding of species, without the one for masked types."""

MODULE = "lightning_module.diffusion_module"

_REFERENCE = re.compile(r"\$\{\.*[\w.-]+\}")
_MISSING = "???"  # what OmegaConf calls a value that has to be given

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
"""Our name and MatterGen's default for each argument of its GemNet."""

_ONLY: dict[str, Any] = {
    "num_targets": 1,
    "rbf": {"name": "gaussian"},
    "envelope": {"name": "polynomial", "exponent": 5},
    "cbf": {"name": "spherical_harmonics"},
    "activation": "swish",
    "encoder_mode": False,
    "otf_graph": True,
}
"""Arguments for which our network supports one value."""

_WITHOUT_EFFECT = {"scale_file", "output_init", "regress_stress", "regress_forces", "direct_forces"}
_TD_KNOWN_TIME = 0.005
"""XtalPaint's default of `t_replace`."""

_SDE = "corruption.sdes.pos"
"""Place of the noise of positions in the diffusion module."""

_CELL_SDE = "corruption.sdes.cell"
"""Place of the noise of cells, of models that sample them."""

_CELL_NOISE = {
    "beta_min": ("beta_min", 0.1),
    "beta_max": ("beta_max", 20.0),
    "density": ("limit_density", 0.05),
    "variance": ("limit_var_scaling_constant", 0.25),
}
"""MatterGen's name and default for each of our settings of the noise of cells."""


@dataclass(frozen=True)
class ModelConfig:
    """A model as its configuration describes it.

    Attributes
    ----------
    denoiser
        Configuration of the network.
    known_time
        Time of clean sites, for models with a time for each site.
    noise, sampling
        Our settings for both.
    cell
        Our settings for the noise of cells; None where the model samples no cells, or puts another
        kind of noise on them.
    data
        Name of the data set that the model was trained on; empty where it is not given.
    """

    denoiser: DictConfig
    known_time: float | None
    noise: FractionalNoiseSettings
    sampling: SamplingDefaults
    data: str
    cell: CellNoiseSettings | None = None


def read_config_file(path: Path) -> dict[str, Any]:
    """Read a configuration from a YAML file.

    Raises
    ------
    CheckpointError
        If it cannot be read, or holds more than plain data.
    """
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path} is not a readable configuration: {error}") from error
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} is not a configuration: it has no keys")
    return config


def parse_config(config: Mapping[str, Any]) -> ModelConfig:
    """Read everything but the size of the network from a configuration.

    Raises
    ------
    CheckpointError
        If it is not a configuration of MatterGen or XtalPaint, or the model does not put noise on
        wrapped positions.
    """
    try:
        tree = OmegaConf.create(_remove_computed(config), flags={"allow_objects": True})
    except (OmegaConfBaseException, RecursionError) as error:
        raise CheckpointError(f"its configuration is not valid: {error}") from error
    module = _branch(tree, MODULE)
    known_time = _known_time(module)
    return ModelConfig(
        denoiser=_branch(module, "model", MODULE),
        known_time=known_time,
        noise=_checked(FractionalNoiseSettings, _noise(module)),
        sampling=_sampling(module, known_time is not None),
        data=_data(tree),
        cell=_cell_noise(module),
    )


def read_gemnet_settings(config: ModelConfig) -> tuple[GemNetSettings, list[str]]:
    """Return the size of our network for a denoiser, and notes on arguments that are not known.

    Raises
    ------
    CheckpointError
        If the network is not a GemNet-dT, or was fine-tuned to properties.
    """
    refuse_conditions(_conditions(config.denoiser))
    values = _network(config.denoiser)
    if config.known_time is not None:
        values["known_time"] = config.known_time
    return _checked(GemNetSettings, values), _not_understood(config.denoiser["gemnet"])


def require_plain_denoiser(config: ModelConfig) -> dict[str, Any]:
    """Return the configuration of the network, all references resolved, for the package mattergen.

    Raises
    ------
    CheckpointError
        If only Hydra can compute some value in it.
    """
    try:
        plain = OmegaConf.to_container(config.denoiser, resolve=True, throw_on_missing=True)
    except (MissingMandatoryValue, InterpolationResolutionError) as error:
        raise _unresolved(str(error.full_key)) from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def refuse_conditions(properties: list[str]) -> None:
    """Refuse a model that was fine-tuned to properties.

    Raises
    ------
    CheckpointError
        If there are properties; the message says how to use the model.
    """
    if properties:
        raise CheckpointError(
            f"it was fine-tuned to properties ({', '.join(properties)}), which our network does "
            "not support: convert it for the package mattergen (`aiida-hpaint models convert ... "
            "--architecture mattergen`), or take an unconditional model such as mattergen/base"
        )


def _remove_computed(value: Any) -> Any:
    """Mark values that hold more than references to other keys as missing."""
    if isinstance(value, Mapping):
        return {str(key): _remove_computed(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_remove_computed(entry) for entry in value]
    # All that is left of a text with plain references must not start another interpolation.
    computed = isinstance(value, str) and "${" in _REFERENCE.sub("", value)
    return _MISSING if computed else value


def _conditions(model: DictConfig) -> list[str]:
    """Return the names of the properties that a denoiser was fine-tuned to."""
    gemnet = _value(model, "gemnet", {})
    names = {*_value(model, "property_embeddings", {})}
    names |= {*_value(model, "property_embeddings_adapt", {})}
    names |= {*_value(gemnet, "condition_on_adapt", [])}
    special = (_class(model), _class(gemnet))
    return sorted(names) or [n for n in special if n in ("GemNetTAdapter", "GemNetTCtrl")]


def _network(model: DictConfig) -> dict[str, Any]:
    """Return the arguments of our network."""
    gemnet = _branch(model, "gemnet", f"{MODULE}.model")
    embedding = _branch(gemnet, "atom_embedding", f"{MODULE}.model.gemnet")
    name = _class(gemnet)
    if not name.endswith("GemNetT"):
        raise CheckpointError(
            f"its network is {_value(gemnet, '_target_', None)}, and only GemNetT can be converted"
        )
    for argument, only in _ONLY.items():
        value = _value(gemnet, argument, only)
        if value != only:
            raise CheckpointError(
                f"{argument} of its {name} is {value}, and our network supports only {only}"
            )
    hidden = _value(model, "hidden_dim", 512)
    denoises_types = bool(_value(model, "denoise_atom_types", True))
    masks_types = denoises_types and "mask" in str(_value(model, "atom_type_diffusion", "mask"))
    found = {ours: _value(gemnet, theirs, default) for theirs, (ours, default) in _SIZES.items()}
    return found | {
        "species_width": _value(embedding, "emb_size", hidden),
        "latent_width": _value(gemnet, "latent_dim", hidden),
        "species": ELEMENTS + bool(_value(embedding, "with_mask_type", False)),
        "types": ELEMENTS + masks_types,
    }


def _not_understood(gemnet: DictConfig) -> list[str]:
    understood = {*_SIZES, *_ONLY, *_WITHOUT_EFFECT, "_target_", "atom_embedding", "latent_dim"}
    unknown = sorted({*map(str, gemnet)} - understood)
    return [f"argument {name} of {_class(gemnet)} was not understood" for name in unknown]


def _known_time(module: DictConfig) -> float | None:
    """Return the time of clean sites, for models with a time for each site."""
    classes = [_value(node, "_target_", "") for node in (module, _branch(module, _SDE, MODULE))]
    replaces = any(_value(module, key, None) is not None for key in ("p_replace", "t_replace"))
    if not replaces and not any(".time_dependent." in str(path) for path in classes):
        return None
    return float(_value(module, "t_replace", _TD_KNOWN_TIME))


def _noise(module: DictConfig) -> dict[str, Any]:
    sde = _branch(module, _SDE, MODULE)
    if not _class(sde).endswith("NumAtomsVarianceAdjustedWrappedVESDE"):
        raise CheckpointError(
            f"its positions are noised by {_value(sde, '_target_', None)}, and our samplers "
            "support only NumAtomsVarianceAdjustedWrappedVESDE"
        )
    if float(_value(sde, "wrapping_boundary", 1.0)) != 1:
        raise CheckpointError("its positions are not wrapped at 1, so they are not fractional")
    return {
        "smallest": _value(sde, "sigma_min", 0.01),
        "largest": _value(sde, "sigma_max", 5.0),
    }


def _cell_noise(module: DictConfig) -> CellNoiseSettings | None:
    """Return the noise of cells; None where there is none that our samplers know."""
    sde = _value(module, _CELL_SDE, None)
    has_head = bool(_value(module, "model.gemnet.regress_stress", False))
    if "LatticeVPSDE" not in str(_value(sde, "_target_", "")) or not has_head:
        return None
    given = _value(sde, "vpsde_config", sde)
    values = {ours: _value(given, name, default) for ours, (name, default) in _CELL_NOISE.items()}
    found: CellNoiseSettings = _checked(CellNoiseSettings, values)
    return found


def _sampling(module: DictConfig, time_for_each_site: bool) -> SamplingDefaults:
    """Return the sampling settings of XtalPaint's authors for such a model."""
    corruption = _branch(module, "corruption", MODULE)
    noised = {*_value(corruption, "sdes", {}), *_value(corruption, "discrete_corruptions", {})}
    if time_for_each_site:
        return SamplingDefaults(scheme="td", steps=50, corrector_steps=1, snr=0.4)
    scheme = "pos-only" if noised == {"pos"} else "baseline"
    return SamplingDefaults(scheme=scheme, steps=50, corrector_steps=1, snr=0.2)


def _data(tree: DictConfig) -> str:
    """Return the name of the data set, from the last part of its folder."""
    try:
        root = _value(tree, "data_module.root_dir", "")
    except CheckpointError:  # often a variable of the authors' environment
        return ""
    return Path(root).name if isinstance(root, str) else ""


def _branch(tree: DictConfig, path: str, above: str = "") -> DictConfig:
    """Return the mapping at a path of keys."""
    value = _value(tree, path, None)
    if not isinstance(value, DictConfig):
        raise CheckpointError(
            f"its configuration has no {above + '.' if above else ''}{path}: it has to be the "
            "config.yaml that MatterGen's or XtalPaint's training wrote beside the checkpoint"
        )
    return value


def _value(node: Any, path: str, default: Any) -> Any:
    """Return the value at a path of keys, or the default where there is none or null."""
    if not isinstance(node, DictConfig):
        return default
    try:
        value = OmegaConf.select(node, path, throw_on_missing=True)
    except (MissingMandatoryValue, InterpolationResolutionError) as error:
        raise _unresolved(str(error.full_key or path)) from error
    except OmegaConfBaseException:  # the path leads through something that is not a mapping
        return default
    return default if value is None else value


def _unresolved(key: str) -> CheckpointError:
    return CheckpointError(
        f"{key} in its configuration is left out, or is an expression that only Hydra can "
        "compute: write the value there"
    )


def _class(node: Any) -> str:
    """Return the name of the class of a node, without its module."""
    return str(_value(node, "_target_", "")).rpartition(".")[2]


def _checked(settings: Any, values: dict[str, Any]) -> Any:
    try:
        return settings.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{e['loc'][0]} = {e['input']!r}: {e['msg']}" for e in error.errors())
        raise CheckpointError(f"its configuration has impossible values: {wrong}") from error
