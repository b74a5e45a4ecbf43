"""Hosts of palladium and copper, whose H the effective medium theory of ASE places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.spacegroup import crystal

from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation.potentials import PotentialCard
from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.structures import StructureBatch, add_sites, from_ase

EMT_CARD = PotentialCard(
    name="emt", package="ase", package_version="3", model="emt", sha256="0" * 64, device="cpu"
)


@pytest.fixture(scope="session")
def emt() -> AsePotential:
    return AsePotential(EMT_CARD, EMT)


@pytest.fixture(scope="session")
def make_host() -> Callable[..., StructureBatch]:
    """A cube of three metal atoms and one of copper, and H without positions."""

    def make(hydrogens: int = 2, length: float = 4.0, metal: str = "Pd") -> StructureBatch:
        atoms = crystal(metal, [(0, 0, 0)], spacegroup=225, cellpar=[length] * 3 + [90] * 3)
        atoms.symbols[0] = "Cu"
        return add_sites(from_ase([atoms]), f"H:{hydrogens}")

    return make


@pytest.fixture(scope="session")
def make_settings() -> Callable[..., RestorationSettings]:
    """Settings that need neither a network nor much time."""

    def make(**search: Any) -> RestorationSettings:
        return load_protocol(
            "fast",
            {
                "sampling": {"samples": 3, "generator": "random"},
                "symmetry": {"wyckoff": 0, "symmetrised": False, "refine": None},
                "filter": {"plausible": False},
                "score": {"max_steps": 2},
                "relax_inserted": {"max_steps": 30, "fmax": 0.1},
                "relax_all": None,
                "checks": None,
                "search": {"arrangements": 4, "relaxed": 2, "rounds": 2, "agreement": 99, **search},
            },
        )

    return make


def strip(samples: StructureBatch) -> dict[str, Any]:
    """What a host's samples are, whichever row of the batch it has."""
    scalars = {name: values for name, values in samples.scalars.items() if name != "host"}
    return {"frac": samples.frac_coords, **{k: np.asarray(v) for k, v in scalars.items()}}
