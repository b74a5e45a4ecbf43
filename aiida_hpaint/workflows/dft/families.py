"""Pseudopotential families: the one that settings select, and its cutoffs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida.orm import QueryBuilder
from aiida.plugins import GroupFactory
from aiida_pseudo.groups.mixins import RecommendedCutoffMixin

from aiida_hpaint.science.settings import DftSettings

__all__ = ["find_cutoffs", "pick_family"]

HINT = (
    "`aiida-hpaint setup dft` installs one; so does `aiida-pseudo install sssp -x PBE -v 1.3`"
    " on a computer with internet access"
)


def pick_family(settings: DftSettings, elements: Iterable[str]) -> Any:
    """Return the first family of the settings that is installed.

    Parameters
    ----------
    elements
        Symbols of the elements that it must contain.

    Raises
    ------
    ValueError
        If none is installed, or the first installed one lacks an element or recommended cutoffs.
        No other family is tried then, because energies of different families are not comparable.
    """
    family = _first_installed(settings.pseudo_families)
    missing = sorted(set(elements) - set(family.elements))
    if missing:
        raise ValueError(
            f"the pseudopotential family '{family.label}' has none for {', '.join(missing)}: "
            "install another family, and name it first in `pseudo_families`"
        )
    find_cutoffs(settings, family, elements)
    return family


def find_cutoffs(
    settings: DftSettings, family: Any, elements: Iterable[str]
) -> tuple[float, float]:
    """Return the cutoffs of wavefunctions and density, in Ry.

    If only that of wavefunctions is set, that of the density follows from the ratio that the
    family recommends, or from a ratio of 4.

    Raises
    ------
    ValueError
        If they are not set and the family does not recommend any.
    """
    recommended = _recommended(family, elements)
    if settings.cutoff_wfc is None and recommended is None:
        raise ValueError(
            f"the pseudopotential family '{family.label}' recommends no cutoffs: set `cutoff_wfc` "
            "(Ry), or recommend some with `aiida-pseudo family cutoffs set`"
        )
    wfc, rho = recommended or (1.0, 4.0)
    chosen = wfc if settings.cutoff_wfc is None else settings.cutoff_wfc
    return chosen, settings.cutoff_rho or chosen * rho / wfc


def _recommended(family: Any, elements: Iterable[str]) -> tuple[float, float] | None:
    if not isinstance(family, RecommendedCutoffMixin):
        return None
    try:
        wfc, rho = family.get_recommended_cutoffs(elements=tuple(elements), unit="Ry")
    except ValueError:  # a family without recommended cutoffs
        return None
    return float(wfc), float(rho)


def _first_installed(labels: Iterable[str]) -> Any:
    for label in labels:
        query = QueryBuilder().append(GroupFactory("pseudo.family"), filters={"label": label})
        found = query.all(flat=True)
        if len(found) > 1:
            raise ValueError(
                f"{len(found)} pseudopotential families have the label '{label}': relabel all "
                "but one with `verdi group relabel`"
            )
        if found:
            return found[0]
    raise ValueError(
        f"none of the pseudopotential families {', '.join(labels)} is installed: {HINT}"
    )
