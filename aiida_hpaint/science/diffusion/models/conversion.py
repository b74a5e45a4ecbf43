"""Conversion of Lightning checkpoints with a Hydra configuration into models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from torch import Tensor

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.models.cards import CheckpointError, ModelCard
from aiida_hpaint.science.diffusion.models.checkpoints import save_weights
from aiida_hpaint.science.diffusion.models.hydra_configs import (
    ModelConfig,
    parse_config,
    read_config_file,
    read_gemnet_settings,
    require_plain_denoiser,
)
from aiida_hpaint.science.diffusion.models.library import (
    stored_model_path,
    to_weights_path,
)
from aiida_hpaint.science.diffusion.models.lightning_files import LightningFile, read_lightning
from aiida_hpaint.science.diffusion.models.published_weights import (
    extract_denoiser_weights,
    select_gemnet_weights,
)
from aiida_hpaint.science.diffusion.networks.mattergen import MattergenSettings
from aiida_hpaint.science.files import hash_file, models_folder

FORMAT = 2
"""Version of the conversion; cached models of other versions are not used."""

Architecture = Literal["gemnet", "mattergen"]

_LEFT_OUT = {"lattice": False, "energy": False, "types": 0}
"""Settings of a GemNet without the heads that positions do not need. A model that learned cells
keeps the one of the lattice."""


@dataclass(frozen=True)
class CheckpointFiles:
    """A checkpoint and the configuration that belongs to it."""

    checkpoint: Path
    config: Path | None

    @classmethod
    def locate(cls, path: Path, config: Path | None = None) -> CheckpointFiles:
        """Find the files for a path: a checkpoint, or a folder with `checkpoints/last.ckpt`.

        Without a given configuration it is `config.yaml` in the same folder, or in the one above
        `checkpoints`, or None: that inside the checkpoint.

        Raises
        ------
        CheckpointError
            If there is no such file.
        """
        found = _checkpoint(path)
        if config is not None and not config.is_file():
            raise CheckpointError(f"there is no configuration {config}")
        folders = [found.parent]
        if found.parent.name == "checkpoints":
            folders.append(found.parent.parent)
        beside = (folder / "config.yaml" for folder in folders)
        return cls(found, config or next((file for file in beside if file.is_file()), None))

    @property
    def name(self) -> str:
        """Name of the model: that of the file or, for `last.ckpt`, of its folder."""
        folder = self.checkpoint.absolute().parent
        folder = folder.parent if folder.name == "checkpoints" else folder
        return folder.name if self.checkpoint.stem == "last" else self.checkpoint.stem

    @property
    def key(self) -> str:
        """Hash of the content of both files."""
        config = hash_file(self.config) if self.config else ""
        content = f"{FORMAT} {hash_file(self.checkpoint)} {config}"
        return hashlib.sha256(content.encode()).hexdigest()[:32]


def convert_checkpoint(
    checkpoint: Path,
    config: Path | None = None,
    output: Path | None = None,
    *,
    name: str | None = None,
    architecture: Architecture = "gemnet",
    all_weights: bool = False,
    description: str | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> ModelCard:
    """Write the model of a Lightning checkpoint as safetensors file and card; return the card.

    Nothing in the checkpoint or its configuration is executed.

    Parameters
    ----------
    checkpoint
        A `.ckpt` file of MatterGen or XtalPaint, or a folder with `checkpoints/last.ckpt`.
    config
        Its configuration; without it, see `Source.at`.
    output
        The safetensors file to write; without it, that of `name` in the model folder.
    architecture
        'gemnet': evaluated by our own network. 'mattergen': by the denoiser of the package
        mattergen, which has to be installed where samples are drawn.
    all_weights
        Keep heads that sampling does not need (energy, types, and lattice where the model learned
        none).
    provenance
        Further entries of `data` on the card, such as source and licence.

    Raises
    ------
    CheckpointError
        If a file cannot be read, or the model cannot be converted.
    """
    source = CheckpointFiles.locate(Path(checkpoint), config and Path(config))
    output = output and to_weights_path(output)
    if name is None:
        name = output.stem if output else source.name
    output = output or stored_model_path(name)
    try:
        about = {"description": description, **(provenance or {})}
        return _convert(source, name, output, architecture, all_weights, about)
    except CheckpointError as error:
        if str(error).startswith(str(source.checkpoint)):
            raise
        raise CheckpointError(f"{source.checkpoint}: {error}") from error


def convert_into_cache(path: Path) -> Path:
    """Convert a checkpoint, unless that was done before; return the safetensors file.

    It is stored in the model folder; its name is a hash of checkpoint and configuration.

    Raises
    ------
    CheckpointError
        As `convert_checkpoint`.
    """
    source = CheckpointFiles.locate(path)
    output = models_folder() / ".converted" / f"{source.key}.safetensors"
    if not output.with_suffix(".json").is_file():
        convert_checkpoint(path, output=output, name=source.name)
    return output


def _convert(
    source: CheckpointFiles,
    name: str,
    output: Path,
    architecture: Architecture,
    all_weights: bool,
    about: dict[str, Any],
) -> ModelCard:
    file = read_lightning(source.checkpoint)
    config = parse_config(_config(source, file))
    weights = extract_denoiser_weights(file.state_dict)
    about = {**_compare_configurations(config, file), **about}
    if not any(name.startswith("gemnet.lattice_out_blocks.") for name in weights):
        config = replace(config, cell=None)
    if architecture == "mattergen":
        network, weights, notes = _for_the_package(config, weights)
    else:
        network, weights, notes = _for_our_network(config, weights, all_weights)
    card = ModelCard(
        name=name,
        architecture=architecture,
        network=network,
        noise=config.noise,
        cell=config.cell,
        sampling=config.sampling,
        description=about.pop("description", None) or f"converted from {source.checkpoint.name}",
        data={**_provenance(source, config), **notes, **about},
        training=file.training,
    )
    return save_weights(weights, card, output)


def _config(source: CheckpointFiles, file: LightningFile) -> dict[str, Any]:
    if source.config is not None:
        return read_config_file(source.config)
    if file.config is not None:
        return file.config
    raise CheckpointError(
        "it holds no configuration, and there is no config.yaml beside it: give the one that was "
        "published with it (`aiida-hpaint models convert CHECKPOINT --config FILE`)"
    )


def _compare_configurations(config: ModelConfig, file: LightningFile) -> dict[str, Any]:
    """Return a note if the configuration inside the checkpoint describes another denoiser."""
    if file.config is None:
        return {}
    try:
        inside = parse_config(file.config)
    except CheckpointError:  # older configurations have other classes
        return {}
    if (inside.denoiser, inside.noise) == (config.denoiser, config.noise):
        return {}
    return {"config_note": "the configuration inside the checkpoint differs from that beside it"}


def _provenance(source: CheckpointFiles, config: ModelConfig) -> dict[str, Any]:
    inside = "the one inside the checkpoint"
    return {
        "source_sha256": hash_file(source.checkpoint),
        "config_sha256": hash_file(source.config) if source.config else inside,
        **({"trained_on": config.data} if config.data else {}),
        "converted_by": f"aiida-hpaint {__version__}",
    }


def _for_our_network(
    config: ModelConfig, weights: dict[str, Tensor], all_weights: bool
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """Return settings and tensors for our network, and notes for the card."""
    settings, notes = read_gemnet_settings(config)
    changes: dict[str, Any] = {} if all_weights else dict(_LEFT_OUT)
    if config.cell is not None:
        changes.pop("lattice", None)
    kept = settings.model_copy(update=changes)
    about = {"heads_left_out": list(changes), "notes": notes}
    chosen = select_gemnet_weights(weights, settings, kept)
    return kept.model_dump(), chosen, {key: value for key, value in about.items() if value}


def _for_the_package(
    config: ModelConfig, weights: dict[str, Tensor]
) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
    """Return settings and tensors for the package's denoiser, which has all heads."""
    values: dict[str, Any] = {"denoiser": require_plain_denoiser(config)}
    if config.known_time is not None:
        values["known_time"] = config.known_time
    named = {f"denoiser.{name}": tensor for name, tensor in weights.items()}
    return MattergenSettings.model_validate(values).model_dump(), named, {}


def _checkpoint(path: Path) -> Path:
    if not path.is_dir():
        if path.is_file():
            return path
        raise CheckpointError(f"there is no checkpoint {path}")
    for candidate in (path / "checkpoints" / "last.ckpt", path / "last.ckpt"):
        if candidate.is_file():
            return candidate
    raise CheckpointError(f"there is no checkpoints/last.ckpt in the folder {path}")
