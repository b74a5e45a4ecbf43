"""What can be known to fail before the first sample is drawn: tools, and elements of hosts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from aiida_hpaint.science.recipe import plan_stages
from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings
from aiida_hpaint.science.stages import RelaxationInputs, StageTools
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.errors import HostError, HostProblem

__all__ = ["check_tools", "find_unknown"]


def find_unknown(hosts: StructureBatch, settings: RestorationSettings) -> dict[int, HostProblem]:
    """Return the problem of each host, by its row, that a potential of the settings does not know.

    No potential is loaded: of one that does not say what it describes before, nothing is known
    here, and `check_tools` or its job finds it out.
    """
    from aiida_hpaint.science.relaxation.potentials import find_potential

    problems: dict[int, HostProblem] = {}
    for potential in _list_potentials(settings):
        info = find_potential(potential.name)
        if info.elements is not None:
            problems |= _find_others(hosts, info.elements, info.name)
    return dict(sorted(problems.items()))


def check_tools(
    hosts: StructureBatch | None,
    settings: RestorationSettings,
    tools: StageTools | None = None,
) -> None:
    """Load generator and potentials, so that what is wrong with them is said before any work.

    Parameters
    ----------
    hosts
        Hosts, whose elements the potentials have to describe; None if they are not known yet.
    settings
        Settings of the restoration.
    tools
        Objects in the place of what the settings name.

    Raises
    ------
    HostError
        If a potential was not trained on an element; all hosts are looked at.
    ValueError
        If a tool is unknown, not installed or not trusted, or cannot do what is asked.
    """
    from aiida_hpaint.science.diffusion.sampling.generators import (
        get_generator,
        refuse_fixed_cells,
        refuse_without_trajectory,
    )
    from aiida_hpaint.science.relaxation.potentials import get_potential, require_stress

    tools = tools or StageTools()
    if settings.sampling is not None and tools.generator is None:
        generator = get_generator(settings.sampling.generator)
        if settings.sampling.record:
            refuse_without_trajectory(generator)
        refuse_fixed_cells(generator, settings.sampling)
        generator.load(settings.sampling)
    problems: dict[int, HostProblem] = {}
    for potential in _list_potentials(settings):
        loaded = get_potential(tools.potential or potential)
        if settings.relax_all is not None and settings.relax_all.cell != "fixed":
            require_stress(loaded)
        card = loaded.card
        if hosts is not None and card.elements is not None:
            problems |= _find_others(hosts, card.elements, card.name)
    if problems:
        raise HostError(problems[row] for row in sorted(problems))


def _list_potentials(settings: RestorationSettings) -> list[PotentialSettings]:
    """Return the potentials that a restoration evaluates."""
    stages = plan_stages(settings).values()
    found = [stage.potential for stage in stages if isinstance(stage, RelaxationInputs)]
    return [one for row, one in enumerate(found) if one not in found[:row]]


def _find_others(
    hosts: StructureBatch, elements: Iterable[int], potential: str
) -> dict[int, HostProblem]:
    """Return the problem of each host, by its row, that has other elements."""
    owners = hosts.owners
    is_unknown = ~np.isin(hosts.numbers, sorted(elements))
    problems = {}
    for row in np.unique(owners[is_unknown]).tolist():
        numbers = np.unique(hosts.numbers[is_unknown & (owners == row)]).tolist()
        names = ", ".join(get_symbol(number) for number in numbers)
        reason = f"{potential} was not trained on its {names}"
        remedy = "Choose a potential that knows these elements, or leave it out"
        problems[row] = HostProblem(hosts.labels[row], reason, remedy)
    return problems
