"""count_missing: how many sites a host misses, in plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiida_hpaint.science.counting.counted import Counting
from aiida_hpaint.science.counting.phases import (
    Phase,
    packaged_phases,
    phase_batch,
    phases_of,
    relax_phases,
)
from aiida_hpaint.science.counting.question import check_phases, elements_of, with_question
from aiida_hpaint.science.counting.ranking import assess
from aiida_hpaint.science.counting.settings import CountingSettings
from aiida_hpaint.science.counting.trials import Trials, bare_host, trial_hosts
from aiida_hpaint.science.relaxation import get_potential, relax
from aiida_hpaint.science.relaxation.potentials import Potential
from aiida_hpaint.science.restoration import restore_batch
from aiida_hpaint.science.stages import StageTools
from aiida_hpaint.science.structures import StructureBatch, read_hosts
from aiida_hpaint.science.types import Progress


def count_missing(
    host: Any,
    element: str | None = None,
    n_max: int | None = None,
    settings: CountingSettings | None = None,
    *,
    phases: Sequence[str | Path | StructureBatch] = (),
    progress: Progress | None = None,
) -> Counting:
    """How many sites of an element a host misses: restore it with 0 to `n_max` and compare.

    Where the host has its chemical formula, `count_missing_from_formula` reads the number
    from it; this is for hosts without one.

    Parameters
    ----------
    host
        One host: a path, pymatgen Structure, ASE Atoms or StructureBatch.
    element, n_max
        Replace those of the settings.
    settings
        What is tried, how, and how the evidence is weighed.
    phases
        Files or batches with more competing phases; their cells are relaxed. Structures with
        other elements than those of host and `element` are left out.
    progress
        Called with (done, total, text) now and then.

    Raises
    ------
    HostError
        If the host cannot be used, or holds no more than fewer sites.
    ValueError
        If the question makes no sense, or an element has no competing phase of its own.
    CheckpointError, PotentialError
        If the model or the potential cannot be had, or does not know an element.

    Examples
    --------
    >>> counting = count_missing("brucite.cif", n_max=4)  # doctest: +SKIP
    >>> counting.best.count, counting.margin  # doctest: +SKIP
    """
    settings = with_question(settings or CountingSettings(), element, n_max)
    one = read_hosts(host)
    hosts = trial_hosts(one, settings.element, settings.n_max)
    potential = get_potential(settings.restoration.potential)
    potential.card.check_elements(hosts.numbers)
    # Phases come first: where one is missing, no time was spent on the host.
    competing = find_phases(one, settings, phases, potential, progress=progress)
    tools = StageTools(progress=progress, potential=potential)
    bare = relax(bare_host(one), settings.restoration.final_relaxation, potential)
    trials = Trials(bare, restore_batch(hosts, settings.restoration, tools).samples)
    return replace(assess(one, trials, competing, settings), trials=trials)


def find_phases(
    host: StructureBatch,
    settings: CountingSettings,
    given: Sequence[str | Path | StructureBatch],
    potential: Potential,
    *,
    progress: Progress | None = None,
) -> list[Phase]:
    """Relaxed competing phases: those given, and the packaged ones.

    Raises
    ------
    HostError
        If a file cannot be read.
    ValueError
        If an element has no phase of its own.
    """
    elements = elements_of(host, settings)
    found: list[Phase] = []
    batch = phase_batch(elements, given, packaged=False)
    if batch is not None:
        found = phases_of(relax_phases(batch, potential, progress=progress))
    if settings.packaged_phases:
        found += packaged_phases(elements, potential, progress=progress)
    check_phases(elements, (phase.composition for phase in found))
    return found
