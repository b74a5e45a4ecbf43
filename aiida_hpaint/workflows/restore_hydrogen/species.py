"""Inputs of pw.x for structures that do not have all elements yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiida.common import AttributeDict
from aiida.orm import Dict, StructureData

__all__ = ["adapted"]


def adapted(
    inputs: AttributeDict,
    structure: StructureData,
    charge: float | None = None,
    fixed: Sequence[bool] | None = None,
) -> AttributeDict:
    """Inputs of a PwBaseWorkChain, cut to what a structure holds.

    pw.x refuses pseudopotentials and moments of species that are not there.

    Parameters
    ----------
    inputs
        With the pseudopotentials of all elements; changed in place.
    structure
        What is calculated; it is not set.
    charge
        `tot_charge`, added to the one of the inputs.
    fixed
        True where a site does not move.
    """
    kinds = set(structure.get_kind_names())
    pw = inputs.pw
    pw.pseudos = {name: pseudo for name, pseudo in pw.pseudos.items() if name in kinds}
    pw.parameters = Dict(_parameters(pw.parameters.get_dict(), kinds, charge))
    if fixed is not None:
        settings = pw.settings.get_dict() if "settings" in pw else {}
        pw.settings = Dict({**settings, "FIXED_COORDS": [[value] * 3 for value in fixed]})
    return inputs


def _parameters(values: dict[str, Any], kinds: set[str], charge: float | None) -> dict[str, Any]:
    system = dict(values.get("SYSTEM", {}))
    if charge:
        system["tot_charge"] = system.get("tot_charge", 0.0) + charge
    moments = system.get("starting_magnetization")
    if isinstance(moments, dict):
        system["starting_magnetization"] = {k: v for k, v in moments.items() if k in kinds}
    return {**values, "SYSTEM": system}
