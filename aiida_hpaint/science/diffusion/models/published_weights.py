"""Selection of the tensors of a checkpoint, each compared with the network that uses it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, FractionalNoiseSettings
from aiida_hpaint.science.diffusion.models.hydra_configs import refuse_conditions
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork

Shapes = dict[str, tuple[int, ...]]

PREFIX = "diffusion_module.model."
_TRAINING_ONLY = re.compile(
    r"diffusion_module\.(MultiCorruption:\d+:\w+|corruption|loss_fn|pre_corruption_fn|"
    r"timestep_sampler)(\.|$)"
)
_CONDITION = re.compile(
    r"(?:property_embeddings(?:_adapt)?|gemnet\.cond_(?:adapt|mixin)_layers)\.([^.]+)\."
)
_EXAMPLES = 3


def extract_denoiser_weights(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the denoiser by its own names, without those that only training needs.

    Raises
    ------
    CheckpointError
        If there are none, or there are tensors of unknown meaning.
    """
    weights = {k.removeprefix(PREFIX): v for k, v in state_dict.items() if k.startswith(PREFIX)}
    if not weights:
        found = ", ".join(sorted({name.partition(".")[0] for name in state_dict})) or "nothing"
        raise CheckpointError(
            f"it has no tensors of {PREFIX}*, only of {found}: it is not a checkpoint of "
            "MatterGen or XtalPaint"
        )
    others = [name for name in state_dict if not name.startswith(PREFIX)]
    unknown = {k: _shape(state_dict[k]) for k in others if not _TRAINING_ONLY.match(k)}
    if unknown:
        raise CheckpointError(
            f"it has tensors of unknown meaning outside of the denoiser: {_grouped(unknown)}"
        )
    return weights


def select_gemnet_weights(
    weights: Mapping[str, Tensor], settings: GemNetSettings, kept: GemNetSettings
) -> dict[str, Tensor]:
    """Return the tensors that a `GemNetwork` of the size `kept` needs.

    Parameters
    ----------
    weights
        Tensors of the denoiser.
    settings
        Size of the denoiser in the configuration.
    kept
        The same without some heads, which the file may or may not contain.

    Raises
    ------
    CheckpointError
        If tensors are missing, unknown, of other shapes, or not finite.
    """
    refuse_conditions(sorted({m[1] for name in weights if (m := _CONDITION.match(name))}))
    found = {name: _shape(tensor) for name, tensor in weights.items()}
    known, needed = _shapes(settings), _shapes(kept)
    missing = {name: shape for name, shape in needed.items() if name not in found}
    extra = {name: shape for name, shape in found.items() if name not in known}
    differing = [name for name in needed if found.get(name, needed[name]) != needed[name]]
    if missing or extra or differing:
        lines = [f"missing are {_grouped(missing)}"] if missing else []
        lines += [f"not known are {_grouped(extra)}"] if extra else []
        lines += [f"{k} is {found[k]}, by the configuration {needed[k]}" for k in differing]
        lines += _contradictions(found, settings)
        raise CheckpointError(
            "its weights do not fit its configuration:\n  "
            + "\n  ".join(lines)
            + "\nUse the config.yaml that was published with this very checkpoint."
        )
    return _finite({name: weights[name] for name in needed})


def _finite(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    broken = [name for name, tensor in weights.items() if not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(
            f"some values are not finite ({', '.join(broken[:_EXAMPLES])}; {len(broken)} tensors "
            "in all): its training has diverged"
        )
    return weights


def _shapes(settings: GemNetSettings) -> Shapes:
    with torch.device("meta"):
        network = GemNetwork(settings, FractionalNoiseSettings())
    return {name: _shape(tensor) for name, tensor in network.state_dict().items()}


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _grouped(shapes: Shapes) -> str:
    """Describe tensors by the part of the network they belong to, with examples."""
    groups: dict[str, list[str]] = {}
    for name, shape in sorted(shapes.items()):
        part = re.match(r"\w+(\.(?!weight|bias)\w+)?(\.\d+)?", name)
        groups.setdefault(part[0] if part else name, []).append(f"{name} {shape}")
    lines = []
    for group, members in groups.items():
        more = f" and {len(members) - _EXAMPLES} more of {group}" if members[_EXAMPLES:] else ""
        lines.append(", ".join(members[:_EXAMPLES]) + more)
    return "; ".join(lines)


def _contradictions(found: Shapes, settings: GemNetSettings) -> list[str]:
    """Describe the differences between weights and configuration."""
    sizes = {
        "interaction blocks (num_blocks)": (_blocks(found), settings.blocks),
        "species (with_mask_type adds one)": (
            _rows(found, "gemnet.atom_emb.embeddings.weight"),
            settings.species,
        ),
        "types (denoise_atom_types and masks add one)": (
            _rows(found, "fc_atom.weight"),
            settings.types,
        ),
        "channels of the embedded species (emb_size)": (
            _columns(found, "gemnet.atom_emb.embeddings.weight"),
            settings.species_width,
        ),
    }
    return [
        f"the weights have {has} {what}, the configuration says {says}"
        for what, (has, says) in sizes.items()
        if has is not None and has != says
    ]


def _blocks(found: Shapes) -> int:
    matches = (re.match(r"gemnet\.int_blocks\.(\d+)\.", name) for name in found)
    return max((int(match[1]) + 1 for match in matches if match), default=0)


def _rows(found: Shapes, name: str) -> int | None:
    return found[name][0] if len(found.get(name, ())) == 2 else None


def _columns(found: Shapes, name: str) -> int | None:
    return found[name][1] if len(found.get(name, ())) == 2 else None
