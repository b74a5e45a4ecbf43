"""Access to an installed mattergen package: classes by name, and a file that it lacks."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.diffusion.networks.gemnet import scales

ALLOWED = frozenset(
    {
        "mattergen.adapter.GemNetTAdapter",
        "mattergen.common.gemnet.gemnet.GemNetT",
        "mattergen.common.gemnet.gemnet_ctrl.GemNetTCtrl",
        "mattergen.common.gemnet.layers.embedding_block.AtomEmbedding",
        "mattergen.common.utils.data_utils.StandardScalerTorch",
        "mattergen.denoiser.GemNetTDenoiser",
        "mattergen.denoiser.mask_disallowed_elements",
        "mattergen.diffusion.model_utils.NoiseLevelEncoding",
        "mattergen.property_embeddings.ChemicalSystemMultiHotEmbedding",
        "mattergen.property_embeddings.EmbeddingVector",
        "mattergen.property_embeddings.PropertyEmbedding",
        "mattergen.property_embeddings.SpaceGroupEmbeddingVector",
        "mattergen.property_embeddings.ZerosEmbedding",
        "torch.nn.Identity",
        "torch.nn.ModuleDict",
    }
)
"""Classes that a denoiser may consist of. Allowing whole packages would not be safe: a dotted path
can lead through a module to whatever that module imports."""


def build(config: Any) -> Any:
    """Build the object that a hydra configuration describes; only `ALLOWED` classes are called.

    Raises
    ------
    CheckpointError
        If the configuration names anything else, or its arguments do not fit.
    """
    if isinstance(config, list):
        return [build(entry) for entry in config]
    if not isinstance(config, dict):
        return config
    arguments = {key: build(value) for key, value in config.items() if not key.startswith("_")}
    if "_target_" not in config:
        return arguments
    make = find(config["_target_"])
    if config.get("_partial_"):
        return partial(make, **arguments)
    try:
        return make(**arguments)
    except TypeError as error:
        raise CheckpointError(f"{config['_target_']} cannot be made: {error}") from error


def find(path: str) -> Any:
    """Find a class or function by its dotted path.

    Raises
    ------
    CheckpointError
        If it is not in `ALLOWED`, or the package is not installed.
    """
    if path not in ALLOWED:
        raise CheckpointError(
            f"the model's configuration asks for '{path}', which no denoiser of MatterGen needs: "
            "the model is not loaded"
        )
    return load(path)


def load(path: str) -> Any:
    """Import what a dotted path names. The path comes from this package, never from a file.

    Raises
    ------
    CheckpointError
        If the package is not installed.
    """
    module, _, name = path.rpartition(".")
    try:
        with redirect_stdout(StringIO()):  # mattergen prints its folder
            return getattr(import_module(module), name)
    except (ImportError, AttributeError, OSError) as error:
        raise CheckpointError(
            f"this model needs the package mattergen 1.0.3, and importing it fails ({error}): set "
            "up an environment as the page 'Models through the mattergen package' of the "
            "documentation describes, or convert the model to the architecture 'gemnet', which "
            "needs no other package"
        ) from error


class _Ordered:
    """The module torch, with a sort that keeps the order of equal entries."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def sort(self, values: Tensor, dim: int = -1) -> Any:
        return torch.sort(values, dim=dim, stable=True)


def keep_order_of_neighbours() -> None:
    """Make mattergen's list of neighbours choose among equally far ones by their order.

    It cuts the list at 50 neighbours after `torch.sort`, which leaves the order of equal distances
    open: which images of a symmetric crystal's sites were seen would change with the batch.
    """
    graphs: Any = import_module("mattergen.common.utils.ocp_graph_utils")
    graphs.torch = _Ordered()


@contextmanager
def scale_file() -> Iterator[None]:
    """Provide mattergen's file of scale factors, without which no network can be built.

    The wheel of mattergen 1.0.3 lacks it. The package looks for it beside its source, in a folder
    that a variable names; if the file is missing, the variable is changed temporarily.
    """
    gemnet: Any = import_module("mattergen.common.gemnet.gemnet")
    place = Path(gemnet.MODELS_PROJECT_ROOT)
    if (place / _SCALE_FILE).is_file():
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        write_scale_file(Path(folder))
        gemnet.MODELS_PROJECT_ROOT = folder
        try:
            yield
        finally:
            gemnet.MODELS_PROJECT_ROOT = place


_SCALE_FILE = Path("common") / "gemnet" / "gemnet-dT.json"


def write_scale_file(root: Path) -> None:
    """Write the scale factors to where a mattergen in the folder `root` looks for them."""
    tables = {
        "TripInteraction_{}_had_rbf": (1, scales.TRIPLET_RADIAL),
        "TripInteraction_{}_sum_cbf": (1, scales.TRIPLET_SUM),
        "AtomUpdate_{}_sum": (1, scales.ATOM_SUM),
        "OutBlock_{}_sum": (0, scales.OUTPUT_SUM),
        "OutBlock_{}_had": (0, scales.OUTPUT_RADIAL),
    }
    factors = {
        name.format(first + index): factor
        for name, (first, table) in tables.items()
        for index, factor in enumerate(table)
    }
    (root / _SCALE_FILE).parent.mkdir(parents=True, exist_ok=True)
    (root / _SCALE_FILE).write_text(json.dumps(factors, indent=1))
