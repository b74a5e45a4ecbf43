"""Families of pseudopotentials: the one that settings ask for, and its cutoffs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida.orm import QueryBuilder
from aiida.plugins import GroupFactory
from aiida_pseudo.groups.mixins import RecommendedCutoffMixin

from aiida_hpaint.science.settings import DftSettings

__all__ = ["cutoffs", "pick_family"]

HINT = (
    "`aiida-hpaint setup dft` installs one; so does `aiida-pseudo install sssp -x PBE -v 1.3`"
    " where there is a network"
)


def pick_family(settings: DftSettings, elements: Iterable[str]) -> Any:
    """The first family of the settings that is installed.

    Parameters
    ----------
    elements
        Symbols that it has to have a pseudopotential for.

    Raises
    ------
    ValueError
        If none is installed, or the first that is lacks an element or recommended cutoffs. No
        other family is tried then: energies of different families cannot be compared.
    """
    family = _first_installed(settings.pseudo_families)
    missing = sorted(set(elements) - set(family.elements))
    if missing:
        raise ValueError(
            f"the family of pseudopotentials '{family.label}' has none for {', '.join(missing)}: "
            "install another family, and name it first in `pseudo_families`"
        )
    cutoffs(settings, family, elements)
    return family


def cutoffs(settings: DftSettings, family: Any, elements: Iterable[str]) -> tuple[float, float]:
    """Cutoffs of wavefunctions and density, Ry.

    Where only that of wavefunctions is set, the density's follows in the ratio that the family
    recommends, or 4 where it recommends nothing.

    Raises
    ------
    ValueError
        If they are not set and the family recommends none.
    """
    recommended = _recommended(family, elements)
    if settings.cutoff_wfc is None and recommended is None:
        raise ValueError(
            f"the family of pseudopotentials '{family.label}' recommends no cutoffs: set "
            "`cutoff_wfc` (Ry), or say them with `aiida-pseudo family cutoffs set`"
        )
    wfc, rho = recommended or (1.0, 4.0)
    chosen = wfc if settings.cutoff_wfc is None else settings.cutoff_wfc
    return chosen, settings.cutoff_rho or chosen * rho / wfc


def _recommended(family: Any, elements: Iterable[str]) -> tuple[float, float] | None:
    if not isinstance(family, RecommendedCutoffMixin):
        return None
    try:
        wfc, rho = family.get_recommended_cutoffs(elements=tuple(elements), unit="Ry")
    except ValueError:  # a family whose cutoffs nobody has said yet
        return None
    return float(wfc), float(rho)


def _first_installed(labels: Iterable[str]) -> Any:
    for label in labels:
        query = QueryBuilder().append(GroupFactory("pseudo.family"), filters={"label": label})
        found = query.all(flat=True)
        if len(found) > 1:
            raise ValueError(
                f"{len(found)} families of pseudopotentials have the label '{label}': relabel all "
                "but one with `verdi group relabel`"
            )
        if found:
            return found[0]
    raise ValueError(f"no family of pseudopotentials of {', '.join(labels)} is installed: {HINT}")
