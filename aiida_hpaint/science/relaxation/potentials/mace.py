"""MACE models, through their ASE calculator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential
from aiida_hpaint.science.relaxation.potentials.base import PotentialCard, PotentialError
from aiida_hpaint.science.relaxation.potentials.files import (
    find_model_file,
    find_version,
    import_package,
    resolve_device,
)
from aiida_hpaint.science.relaxation.potentials.precision import default_precision

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials.base import Evaluation
    from aiida_hpaint.science.types import FloatArray, IntArray

_INSTALL = (
    "pip install mace-torch, in an environment of its own: it pins e3nn 0.4.4, which neither "
    "sevenn nor nequip accepts"
)


class MACE(AsePotential):
    """A MACE model behind its ASE calculator, which sets the precision of the whole process."""

    def __init__(self, card: PotentialCard, calculator: Any, dtype: torch.dtype) -> None:
        super().__init__(card, lambda: calculator)
        self._dtype = dtype

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
        with_stress: bool = False,
    ) -> Evaluation:
        """Evaluate S structures one after the other, see `Potential.evaluate`."""
        with default_precision(self._dtype):
            return super().evaluate(numbers, cart_positions, cells, site_counts, with_stress)


def load(name: str, model: str | None, device: str) -> MACE:
    """Load a MACE model file (Batatia et al., NeurIPS 35 (2022)).

    mace reads model files with `torch.load(weights_only=False)`, that is, **a model file can
    run code**: give only files from someone you trust. Nothing is downloaded.

    Raises
    ------
    PotentialError
        If mace is not installed, or the file is missing or not a MACE model.
    """
    module = import_package(name, "mace.calculators", _INSTALL)
    path = find_model_file(name, model, (".model", ".pt", ".pth"))
    where = resolve_device(name, device)
    try:
        with default_precision(torch.get_default_dtype()):
            calculator = module.MACECalculator(model_paths=str(path), device=where)
            dtype = torch.get_default_dtype()
        elements = frozenset(int(number) for number in calculator.z_table.zs)
        cutoff = float(calculator.r_max)
    except Exception as error:
        raise PotentialError(
            f"{name}: mace-torch {find_version('mace-torch')} cannot load {path.name} "
            f"({type(error).__name__}: {error}): fetch the file again"
        ) from error
    card = PotentialCard(
        name=name,
        package="mace-torch",
        package_version=find_version("mace-torch"),
        model=path.name,
        sha256=hash_file(path),
        device=where,
        cutoff=cutoff,
        elements=elements,
    )
    return MACE(card, calculator, dtype)
