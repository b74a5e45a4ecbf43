"""Sites to insert into hosts, as budgets say: their numbers, and the atoms that carry them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.determine import determine_budget
from aiida_hpaint.science.structures.budget.parents import UNKNOWN
from aiida_hpaint.science.structures.budget.types import HydrogenBudget
from aiida_hpaint.science.structures.checks import HostLimits
from aiida_hpaint.science.structures.errors import make_host_error
from aiida_hpaint.science.structures.insertion import ISOTOPE, add_sites_to_one, split_isotope
from aiida_hpaint.science.structures.isotopes import choose_isotope, describe_isotope
from aiida_hpaint.science.structures.records import Record

__all__ = ["apply_budgets", "fill_host"]


def fill_host(
    host: StructureBatch,
    record: Record | None,
    counts: Mapping[str, int] | None,
    symbol: str,
    settings: HostSettings,
    limits: HostLimits,
) -> StructureBatch:
    """Add the sites to insert to one host.

    Parameters
    ----------
    host, record
        A batch of one structure and its record; None where its file has no record.
    counts
        Number of sites of each element that the user gives; None takes what the record says.
    symbol
        The element if `counts` is None.
    settings
        What is believed where the record contradicts itself or the counts.
    limits
        How many sites fit.

    Raises
    ------
    HostError
        If the number is not known, contradicted or zero, or if so many sites do not fit.
    """
    counts, isotope = (None, "") if counts is None else split_isotope(counts)
    asked = {symbol: None} if counts is None else {s: n for s, n in counts.items() if n}
    if not asked:
        return add_sites_to_one(host, counts or {}, limits)
    budgets = [determine_budget(record or host, settings, s, add) for s, add in asked.items()]
    if counts is None and budgets[0].missing == 0:
        reason = f"nothing is missing: {_say_complete(budgets[0])}"
        remedy = f"Leave it out, or insist with --add {symbol}:N --trust add"
        raise make_host_error(host.labels[0], reason, remedy)
    filled = apply_budgets(host, budgets, limits)
    if counts is None and symbol == "H":
        return _mark_isotope(filled, *choose_isotope(record or host))
    return _mark_isotope(filled, isotope, describe_isotope(isotope))


def _mark_isotope(host: StructureBatch, isotope: str, note: str) -> StructureBatch:
    """Say that inserted H are an isotope, which files of results have; everything else sees H."""
    if not note:
        return host
    metadata = dict(host.metadata[0])
    metadata["notes"] = [*metadata.get("notes", []), note]
    if isotope:
        metadata[ISOTOPE] = isotope
    return replace(host, metadata=(metadata,))


def apply_budgets(
    host: StructureBatch, budgets: Sequence[HydrogenBudget], limits: HostLimits
) -> StructureBatch:
    """Add the sites of budgets to a host, one after the other.

    The metadata of the host get the first budget, with its `parents`: for each inserted site, the
    index of the atom that carries it, or -1. Assumptions become notes.

    Raises
    ------
    HostError
        If so many sites do not fit.
    """
    labels = CellContent.from_host(host).labels
    parents: list[int] = []
    for budget in budgets:
        carrying = [
            atom for atom, label in enumerate(labels) for _ in range(budget.by_site.get(label, 0))
        ]
        parents += carrying + [UNKNOWN] * (budget.missing - len(carrying))
    filled = add_sites_to_one(host, {b.symbol: b.missing for b in budgets}, limits)
    metadata = dict(host.metadata[0])
    metadata["budget"] = {**budgets[0].as_json(), "parents": parents}
    notes = [text for budget in budgets for text in budget.assumptions]
    metadata["notes"] = [*metadata.get("notes", []), *notes]
    return replace(filled, metadata=(metadata,))


def _say_complete(budget: HydrogenBudget) -> str:
    """Return why nothing is missing, and what bond valences say against it."""
    said = [each for each in budget.evidence if each.total == budget.listed and each.is_certain]
    says = "; ".join(f"{each.source}: {each.statement}" for each in said)
    if not says:
        return " ".join(budget.assumptions).rstrip(".")
    return f"{says}, and {budget.listed or 'none'} listed{budget.doubt}"
