"""Audit with a potential: whether another arrangement of the hydrogen is lower in energy."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.audit.alerts import Alert, Level
from aiida_hpaint.science.evaluation.matching import compare
from aiida_hpaint.science.restoration import relax_reference, restore_batch
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.stages import StageTools
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.fixed_host import HELD, get_comparable_energy
from aiida_hpaint.science.structures.insertion import remove_sites
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus

__all__ = ["audit_by_restoring"]

LEVELS: tuple[tuple[float, Level], ...] = ((0.02, "A"), (0.005, "B"), (0.001, "C"))
"""Energies in eV per atom by which another arrangement is lower, and their levels. Potentials
disagree about differences below some 20 meV per atom."""

SAME = 0.3
"""Distance in Å within which restored H are where the structure has them."""

MOVED = 0.4
"""Displacement of H in Å by a relaxation that is worth an alert; X-ray work is off by 0.15."""


def audit_by_restoring(
    structure: StructureBatch, settings: RestorationSettings, tools: StageTools | None = None
) -> list[Alert]:
    """Remove the H of a complete structure, restore it, and compare energies and positions.

    The structure itself is relaxed like the candidates, by the potential that ranks these.

    Raises
    ------
    HostError
        If it has no H, or nothing else.
    CheckpointError, PotentialError
        If the model or the potential cannot be loaded.
    """
    tools = tools or StageTools()
    hosts, complete = remove_sites(structure)
    relaxed = relax_reference(complete, settings, tools.potential)
    status = SampleStatus(str(relaxed.scalars["status"][0]))
    if status not in RELAXED:
        return [
            Alert("A", "it cannot be relaxed", f"{settings.ranking_potential.name}: {status.value}")
        ]
    alerts = []
    moved = float(compare(relaxed, complete).site_distances.max())
    if moved > MOVED:
        alerts.append(Alert("B", "H moves when relaxed", f"by up to {moved:.2f} Å"))
    best = restore_batch(hosts, settings, tools).best
    if not len(best):
        return [*alerts, Alert("G", "not restored", "no candidate passes the checks")]
    return sorted([*alerts, _compare_energies(best, relaxed, settings.ranking_potential.name)])


def _compare_energies(best: StructureBatch, relaxed: StructureBatch, potential: str) -> Alert:
    """Return what the lowest restored arrangement says of the relaxed published one."""
    published, found = get_comparable_energy(relaxed, best), float(best.scalars["energy"][0])
    lower = (published - found) / best.n_sites
    farthest = float(compare(best, relaxed).site_distances.max())
    where = f"farthest H {farthest:.2f} Å away"
    if farthest < SAME:
        return Alert("G", "restored as published", where)
    level = next((level for limit, level in LEVELS if lower > limit), None)
    held = ", with the host held as measured" if HELD in best.metadata[0] else ""
    text = f"{1000 * abs(lower):.0f} meV/atom by {potential}, {where}{held}"
    if level is not None:
        return Alert(level, "another arrangement is lower", text)
    if np.isclose(lower, 0, atol=LEVELS[-1][0]):
        return Alert("C", "another arrangement has the same energy", text)
    return Alert("G", "the published arrangement is lower than what was found", text)
