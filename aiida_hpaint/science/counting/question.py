"""What is asked: the element, the largest number, and the phases that this needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from aiida_hpaint.science.counting.settings import CountingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol


def with_question(
    settings: CountingSettings, element: str | None, n_max: int | None
) -> CountingSettings:
    """The settings with another element or largest number.

    Raises
    ------
    ValueError
        If `n_max` is below 1.
    """
    if n_max is not None and n_max < 1:
        raise ValueError(f"n_max is {n_max}: try one missing site at least")
    given = {"element": element, "n_max": n_max}
    changed = {name: value for name, value in given.items() if value is not None}
    return settings.model_copy(update=changed)


def elements_of(host: StructureBatch, settings: CountingSettings) -> list[str]:
    """Elements of the host and the one that is missing, in alphabetical order."""
    return sorted({*map(get_symbol, host.numbers.tolist()), settings.element})


def check_phases(elements: Sequence[str], made_of: Iterable[Collection[str]]) -> None:
    """Refuse phases among which an element has none of its own.

    Parameters
    ----------
    elements
        That need one.
    made_of
        Elements of each phase.

    Raises
    ------
    ValueError
        Naming the elements.
    """
    alone = {next(iter(symbols)) for symbols in made_of if len(symbols) == 1}
    lacking = ", ".join(symbol for symbol in elements if symbol not in alone)
    if lacking:
        raise ValueError(f"no phase is {lacking} alone: give one, as a file with --phases")
