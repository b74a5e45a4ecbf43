"""Which structures are calculated with spin."""

from __future__ import annotations

from collections.abc import Iterable

from aiida_quantumespresso.common.types import SpinType

from aiida_hpaint.science.settings import DftSettings

__all__ = ["MAGNETIC", "spin_type"]

_SHELLS = {
    "3d": ("V", "Cr", "Mn", "Fe", "Co", "Ni"),
    "4f": ("Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb"),
    "5f": ("U", "Np", "Pu", "Am", "Cm"),
}
MAGNETIC = frozenset(element for shell in _SHELLS.values() for element in shell)
"""Elements that carry a moment in most of their hydrides, oxides and hydroxides.

The open 3d shells from V to Ni, 4f from Ce to Yb and 5f from U to Cm. Elements that have a moment
only now and then (Ti, Cu, Mo, Ru, ...) are left out: spin doubles the cost of what rarely needs
it; `spin: collinear` asks for it.
"""


def spin_type(settings: DftSettings, elements: Iterable[str]) -> SpinType:
    """Collinear spins where the settings or an element ask for them, else none."""
    magnetic = settings.spin == "collinear" or (
        settings.spin == "auto" and bool(MAGNETIC & set(elements))
    )
    return SpinType.COLLINEAR if magnetic else SpinType.NONE
