"""MatterSim models, through their ASE calculator."""

from __future__ import annotations

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential
from aiida_hpaint.science.relaxation.potentials.base import PotentialCard, PotentialError
from aiida_hpaint.science.relaxation.potentials.files import (
    find_model_file,
    find_version,
    import_package,
    resolve_device,
)

_INSTALL = "pip install mattersim"


def load(name: str, model: str | None, device: str) -> AsePotential:
    """Load a MatterSim checkpoint (Yang et al., arXiv:2405.04967).

    mattersim reads checkpoints with `torch.load(weights_only=False)`, that is, **a checkpoint
    can run code**: give only files from someone you trust. Nothing is downloaded.

    Raises
    ------
    PotentialError
        If mattersim is not installed, or the file is missing or not a MatterSim checkpoint.
    """
    module = import_package(name, "mattersim.forcefield", _INSTALL)
    path = find_model_file(name, model, (".pth",))
    where = resolve_device(name, device)
    try:
        calculator = module.MatterSimCalculator(load_path=str(path), device=where)
    except Exception as error:
        raise PotentialError(
            f"{name}: mattersim {find_version('mattersim')} cannot load {path.name} "
            f"({type(error).__name__}: {error}): fetch the file again"
        ) from error
    card = PotentialCard(
        name=name,
        package="mattersim",
        package_version=find_version("mattersim"),
        model=path.name,
        sha256=hash_file(path),
        device=where,
        elements=frozenset(range(1, 95)),
        lowest_energy=-30.0,
    )
    return AsePotential(card, lambda: calculator)
