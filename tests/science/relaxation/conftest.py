"""An oracle potential from ASE, and SevenNet-0, loaded once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ase.calculators.emt import EMT

from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential
from aiida_hpaint.science.settings import PotentialSettings

from .crystals import EMT_CARD

if TYPE_CHECKING:
    from aiida_hpaint.science.relaxation.potentials import Potential


@pytest.fixture(scope="session")
def emt() -> Potential:
    """Effective medium theory: fast, smooth, and from ASE itself."""
    return AsePotential(EMT_CARD, EMT)


@pytest.fixture(scope="session")
def sevennet() -> Potential:
    """SevenNet-0 as everybody gets it."""
    pytest.importorskip("sevenn")
    return get_potential(PotentialSettings(name="sevennet-0", device="cpu"))
