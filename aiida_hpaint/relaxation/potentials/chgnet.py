"""CHGNet, through its ASE calculator."""

from __future__ import annotations

from pathlib import Path

from .ase_adapter import AsePotential
from .base import PotentialCard, PotentialError
from .files import need_package, resolve_device, sha256_of, version_of

MODEL = "0.3.0"
INSTALL = "pip install chgnet nvidia-ml-py3"


def load(name: str, model: str | None, device: str) -> AsePotential:
    """CHGNet 0.3.0 (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)) from its own wheel.

    chgnet reads the file inside its wheel with `torch.load(weights_only=False)`.

    Raises
    ------
    PotentialError
        If chgnet is not installed, its wheel lacks the model, or a model file is given.
    """
    if model is not None:
        raise PotentialError(f"{name} takes no model file ({model!r}): leave it out")
    package = need_package(name, "chgnet", INSTALL)
    module = need_package(name, "chgnet.model", INSTALL)
    folder = Path(str(package.__file__)).parent / "pretrained" / MODEL
    files = sorted(folder.glob("*.pth.tar"))
    if not files:
        raise PotentialError(
            f"{name}: chgnet {version_of('chgnet')} does not bring the model {MODEL}: {INSTALL}"
        )
    where = resolve_device(name, device)
    network = module.CHGNet.load(model_name=MODEL, use_device=where, verbose=False)
    card = PotentialCard(
        name=name,
        package="chgnet",
        package_version=version_of("chgnet"),
        model=files[0].name,
        sha256=sha256_of(files[0]),
        device=where,
        cutoff=float(network.graph_converter.atom_graph_cutoff),
        elements=frozenset(range(1, 95)),
        lowest_energy=-30.0,
    )
    return AsePotential(
        card, lambda: module.CHGNetCalculator(network, use_device=where, return_site_energies=False)
    )
