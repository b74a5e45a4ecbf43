"""Potentials of packages that have an ASE calculator: Nequix, Orb, GRACE and PET."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from aiida_hpaint.science.files import find_cache_folder, hash_file
from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential
from aiida_hpaint.science.relaxation.potentials.base import (
    Potential,
    PotentialCard,
    PotentialError,
)
from aiida_hpaint.science.relaxation.potentials.files import (
    find_model_file,
    find_version,
    import_package,
    resolve_device,
)
from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS
from aiida_hpaint.science.relaxation.potentials.torch_sim_adapter import (
    TorchSimPotential,
    describe_torch_sim,
)

__all__ = ["PACKAGES", "Package", "load"]


@dataclass(frozen=True)
class Package:
    """A package whose calculator reads a file with weights.

    Attributes
    ----------
    distribution : string
        Name of the package on PyPI.
    module : string
        Module that is needed to make the calculator.
    suffixes : strings
        Ends of the names of its files.
    make : function
        Function of module, name of the potential, path and device that makes the calculator.
    make_batched : function or None
        The same for a model of torch-sim, which is used where torch-sim is installed.
    """

    distribution: str
    module: str
    suffixes: tuple[str, ...]
    make: Callable[[ModuleType, str, Path, str], Any]
    make_batched: Callable[[ModuleType, str, Path, str], Any] | None = None


def load(name: str, model: str | None, device: str) -> Potential:
    """Load a file with the weights of a potential by its package. Nothing is downloaded.

    The packages may run code in the file: give only files from someone you trust.

    Raises
    ------
    PotentialError
        If the package is not installed, or the file is missing or cannot be read.
    """
    published = PUBLISHED_POTENTIALS.get(name)
    package = PACKAGES[name if published is None else published.kind]
    module = import_package(name, package.module, f"pip install {package.distribution}")
    path = find_model_file(name, model, package.suffixes)
    where = resolve_device(name, device)
    batched = package.make_batched if find_spec("torch_sim") else None
    make = batched or package.make
    try:
        made = make(module, name, path, where)
    except Exception as error:  # the code of others can raise anything
        raise PotentialError(
            f"{name}: {package.distribution} {find_version(package.distribution)} cannot load "
            f"{path.name} ({type(error).__name__}: {error}): fetch the file again, or update the "
            "package"
        ) from error
    card = PotentialCard(
        name=name,
        package=package.distribution,
        package_version=find_version(package.distribution),
        model=path.name,
        sha256=hash_file(path),
        device=where,
        batched_by=describe_torch_sim() if batched else None,
    )
    return TorchSimPotential(card, made) if batched else AsePotential(card, lambda: made)


def _make_nequix(module: ModuleType, name: str, path: Path, device: str) -> Any:
    # JAX chooses the device itself; kernels need a GPU and a package of their own.
    return module.NequixCalculator(model_path=str(path), backend="jax", use_kernel=False)


def _read_orb(module: ModuleType, name: str, path: Path, device: str) -> tuple[Any, ...]:
    """Return the network, and since orb-models 0.6 what makes graphs for it."""
    build = getattr(module, name.replace("-", "_"))
    made = build(weights_path=str(path), device=device, precision="float32-highest", compile=False)
    return made if isinstance(made, tuple) else (made,)


def _make_orb(module: ModuleType, name: str, path: Path, device: str) -> Any:
    forcefield = "orb_models.forcefield"
    has_inference = find_spec(f"{forcefield}.inference") is not None
    place = f"{forcefield}.inference.calculator" if has_inference else f"{forcefield}.calculator"
    calculator = import_module(place).ORBCalculator
    return calculator(*_read_orb(module, name, path, device), device=device)


def _make_orb_batched(module: ModuleType, name: str, path: Path, device: str) -> Any:
    model = import_module("torch_sim.models.orb").OrbModel
    return model(*_read_orb(module, name, path, device), device=device)


def _make_grace(module: ModuleType, name: str, path: Path, device: str) -> Any:
    """Unpack the SavedModel beside other caches, once, and load it; TensorFlow has the device."""
    folder = find_cache_folder() / "grace" / hash_file(path)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as part, tarfile.open(path) as archive:
            archive.extractall(Path(part) / "model", filter="data")
            try:
                (Path(part) / "model").rename(folder)
            except OSError:  # another process may have been faster
                if not folder.is_dir():
                    raise
    (found,) = folder.rglob("saved_model.pb")
    return module.TPCalculator(model=str(found.parent))


def _make_pet(module: ModuleType, name: str, path: Path, device: str) -> Any:
    return module.UPETCalculator(checkpoint_path=str(path), device=device)


PACKAGES = {
    "nequix": Package("nequix", "nequix.calculator", (".nqx", ".pt"), _make_nequix),
    "orb": Package(
        "orb-models", "orb_models.forcefield.pretrained", (".ckpt",), _make_orb, _make_orb_batched
    ),
    "grace": Package("tensorpotential", "tensorpotential.calculator", (".tar.gz",), _make_grace),
    "pet": Package("upet", "upet.ase", (".ckpt",), _make_pet),
}
"""Packages by the kind of their potentials in the registry."""
