"""estimate_missing_count: how many sites a host misses, without AiiDA."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiida_hpaint.science.counting.phases import (
    Phase,
    check_elemental_phases,
    collect_phases,
    list_elements,
    list_lost_phases,
    make_phase_batch,
    relax_packaged_phases,
    relax_phases,
)
from aiida_hpaint.science.counting.ranking import rank_site_counts
from aiida_hpaint.science.counting.restorations import (
    RestorationsByCount,
    make_bare_host,
    make_hosts_by_count,
)
from aiida_hpaint.science.counting.results import CountingResult
from aiida_hpaint.science.counting.settings import CountingSettings, override_settings
from aiida_hpaint.science.relaxation import get_potential, relax
from aiida_hpaint.science.relaxation.potentials import Potential
from aiida_hpaint.science.restoration import restore_batch
from aiida_hpaint.science.stages import StageTools
from aiida_hpaint.science.structures import StructureBatch, read_hosts
from aiida_hpaint.science.types import Progress


def estimate_missing_count(
    host: Any,
    element: str | None = None,
    n_max: int | None = None,
    settings: CountingSettings | None = None,
    *,
    phases: Sequence[str | Path | StructureBatch] = (),
    progress: Progress | None = None,
) -> CountingResult:
    """Estimate how many sites of an element a host misses.

    The host is restored with 0 to `n_max` sites, and the numbers are ranked by energies, charge
    balance and bond valences. If its file has a chemical formula, the function
    `science.structures.count_missing` reads the number from it instead.

    Parameters
    ----------
    host
        One host: a path, pymatgen Structure, ASE Atoms or StructureBatch.
    element, n_max
        Values that replace those of the settings.
    settings
        Settings of the restorations and of the ranking.
    phases
        Files or batches with further competing phases; their cells are relaxed. Structures that
        contain elements other than those of the host and `element` are ignored.
    progress
        Callback that reports progress.

    Raises
    ------
    HostError
        If the host cannot be used, or has no space for `n_max` sites.
    ValueError
        If an input is out of range, or there is no phase of an element alone.
    CheckpointError, PotentialError
        If the model or the potential cannot be loaded, or does not support an element.

    Examples
    --------
    >>> counting = estimate_missing_count("brucite.cif", n_max=4)  # doctest: +SKIP
    >>> counting.best.count, counting.margin  # doctest: +SKIP
    """
    settings = override_settings(settings or CountingSettings(), element, n_max)
    one = read_hosts(host, settings=settings.restoration.hosts)
    hosts = make_hosts_by_count(one, settings.element, settings.n_max)
    potential = get_potential(settings.restoration.ranking_potential)
    potential.card.check_elements(hosts.numbers)
    # Phases come first, so that a missing one is reported before the host is restored.
    competing, lost = relax_competing_phases(one, settings, phases, potential, progress=progress)
    bare = relax(make_bare_host(one), settings.restoration.final_relaxation, potential)
    tools = StageTools(progress=progress)
    restorations = RestorationsByCount(
        bare, restore_batch(hosts, settings.restoration, tools).samples
    )
    return replace(
        rank_site_counts(one, restorations, competing, settings, lost), restorations=restorations
    )


def relax_competing_phases(
    host: StructureBatch,
    settings: CountingSettings,
    given: Sequence[str | Path | StructureBatch],
    potential: Potential,
    *,
    progress: Progress | None = None,
) -> tuple[list[Phase], list[str]]:
    """Relax the competing phases: those given, and the packaged ones.

    Returns
    -------
    phases, lost
        Relaxed phases, and the names of given ones that could not be relaxed.

    Raises
    ------
    HostError
        If a file cannot be read.
    ValueError
        If there is no phase of an element alone.
    """
    elements = list_elements(host, settings)
    found: list[Phase] = []
    lost: list[str] = []
    batch = make_phase_batch(elements, given, packaged=False)
    if batch is not None:
        relaxed = relax_phases(batch, potential, progress=progress)
        found, lost = collect_phases(relaxed), list_lost_phases(relaxed)
    if settings.packaged_phases:
        found += relax_packaged_phases(elements, potential, progress=progress)
    check_elemental_phases(elements, (phase.composition for phase in found))
    return found, lost
