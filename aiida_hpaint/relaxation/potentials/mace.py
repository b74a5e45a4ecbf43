"""MACE models, through their ASE calculator."""

from __future__ import annotations

from .ase_adapter import AsePotential
from .base import PotentialCard, PotentialError
from .files import model_file, need_package, resolve_device, sha256_of, version_of

INSTALL = "pip install mace-torch"


def load(name: str, model: str | None, device: str) -> AsePotential:
    """A MACE model file (Batatia et al., NeurIPS 35 (2022)).

    mace reads model files with `torch.load(weights_only=False)`, that is, **a model file can
    run code**: give only files from someone you trust. Nothing is downloaded.

    Raises
    ------
    PotentialError
        If mace is not installed, or the file is missing or not a MACE model.
    """
    module = need_package(name, "mace.calculators", INSTALL)
    path = model_file(name, model, (".model", ".pt", ".pth"))
    where = resolve_device(name, device)
    try:
        calculator = module.MACECalculator(model_paths=str(path), device=where)
        elements = frozenset(int(number) for number in calculator.z_table.zs)
        cutoff = float(calculator.r_max)
    except Exception as error:
        raise PotentialError(
            f"{name}: mace-torch {version_of('mace-torch')} cannot load {path.name} "
            f"({type(error).__name__}: {error}): fetch the file again"
        ) from error
    card = PotentialCard(
        name=name,
        package="mace-torch",
        package_version=version_of("mace-torch"),
        model=path.name,
        sha256=sha256_of(path),
        device=where,
        cutoff=cutoff,
        elements=elements,
    )
    return AsePotential(card, lambda: calculator)
