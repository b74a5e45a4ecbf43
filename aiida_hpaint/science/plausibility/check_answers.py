"""Checks of finished candidates: each is compared with the chemistry of H and with its host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.plausibility import host_checks, hydrogen_checks
from aiida_hpaint.science.plausibility.answers import Answer, Finding, make_answer
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.types import BoolArray

__all__ = [
    "CHECKS",
    "Check",
    "check_answer",
    "check_answers",
    "get_findings",
    "name_findings",
    "note_lower_failures",
]

Check = Callable[[Answer, CheckSettings], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    *hydrogen_checks.HYDROGEN_CHECKS,
    *host_checks.HOST_CHECKS,
    host_checks.check_held,
    host_checks.check_convergence,
    hydrogen_checks.check_density,
    host_checks.check_symmetry,
)
"""All checks, in the order in which their findings are listed."""


def check_answers(
    samples: StructureBatch,
    hosts: StructureBatch,
    chosen: BoolArray,
    settings: CheckSettings,
) -> StructureBatch:
    """Check finished candidates, and say what was found.

    Parameters
    ----------
    samples
        Samples with the scalars `host`, `status` and `max_force` (eV/Å).
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.
    chosen : (S,) booleans
        Which samples are finished candidates.
    settings
        Limits of the checks.

    Returns
    -------
    The samples with the scalars `passes` and `host_displacement` (largest displacement of a host
    atom other than H, without drift and strain, Å; NaN where nothing was checked). The metadata of
    those checked say under `checks` what `failed`, and what the `notices` are.
    """
    rows = hosts.find_host_rows()
    passes = np.zeros(len(samples), dtype=np.bool_)
    displacements = np.full(len(samples), np.nan)
    metadata = list(samples.metadata)
    for index in np.flatnonzero(chosen & samples.placed).tolist():
        host = hosts[rows[int(samples.scalars["host"][index])]]
        answer = make_answer(host, samples[index])
        found = check_answer(answer, settings)
        passes[index] = not any(one.fails for one in found)
        displacements[index] = host_checks.find_host_displacement(answer)
        checks = {
            "failed": [str(one) for one in found if one.fails],
            "notices": [str(one) for one in found if not one.fails],
        }
        metadata[index] = {**metadata[index], "checks": checks}
    record = {
        "stage": "check",
        "version": __version__,
        "settings": settings.model_dump(),
        "checked": int(chosen.sum()),
        "passed": int(passes.sum()),
    }
    checked = replace(samples, metadata=tuple(metadata))
    return checked.with_scalars(passes=passes, host_displacement=displacements).with_history(record)


def note_lower_failures(samples: StructureBatch) -> StructureBatch:
    """Tell the candidate of rank 0 of candidates of its host that are lower in energy and fail.

    Parameters
    ----------
    samples
        Checked samples with the scalars `host`, `rank` and `energy_above_best` (eV per atom).
    """
    metadata = list(samples.metadata)
    hosts, ranks = samples.scalars["host"], samples.scalars["rank"]
    above = samples.scalars["energy_above_best"]
    for best in np.flatnonzero((ranks == 0) & samples.scalars["passes"]).tolist():
        rivals = np.flatnonzero((hosts == hosts[best]) & (ranks > 0) & (above < 0))
        if not len(rivals):
            continue
        lowest = int(rivals[above[rivals].argmin()])
        reasons = ", ".join(metadata[lowest]["checks"]["failed"])
        detail = f"by {-1000 * above[lowest]:.0f} meV/atom ({reasons})"
        checks = metadata[best]["checks"]
        notice = str(Finding("a candidate that fails is lower", detail, fails=False))
        notices = [*checks["notices"], notice]
        metadata[best] = {**metadata[best], "checks": {**checks, "notices": notices}}
    return replace(samples, metadata=tuple(metadata))


def get_findings(one: StructureBatch, kind: str = "failed") -> list[str]:
    """Return what one candidate `failed`, or its `notices`, one sentence each."""
    checks = one.metadata[0].get("checks") or {}
    return [str(text) for text in checks.get(kind, ())]


def name_findings(found: Iterable[str]) -> str:
    """Return findings as short text for tables: what is the matter, without sites and values."""
    return ", ".join(dict.fromkeys(text.partition(":")[0] for text in found))


def check_answer(answer: Answer, settings: CheckSettings | None = None) -> list[Finding]:
    """Return what all checks find out about one answer."""
    settings = settings or CheckSettings()
    return [finding for check in CHECKS for finding in check(answer, settings)]
