"""Hosts that the potential rebuilds: their candidates are given back in the host as measured."""

from __future__ import annotations

import numpy as np

from aiida_hpaint.science.plausibility.answers import make_answer
from aiida_hpaint.science.plausibility.host_checks import HOST_CHECKS
from aiida_hpaint.science.plausibility.hydrogen_checks import HYDROGEN_CHECKS
from aiida_hpaint.science.settings import CheckSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.fixed_host import FIXED_HOST, put_back
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus
from aiida_hpaint.science.types import IntArray

__all__ = ["hold_hosts"]

_BROKEN = (SampleStatus.COLLAPSED, SampleStatus.IMPLAUSIBLE_ENERGY, SampleStatus.NOT_A_NUMBER)
"""What becomes of candidates in a hole of the potential."""

_STOPPED = (SampleStatus.UNFINISHED, SampleStatus.FAILED)
"""What becomes of candidates whose job ended too early, which is to be seen."""


def hold_hosts(
    samples: StructureBatch, hosts: StructureBatch, settings: CheckSettings
) -> StructureBatch:
    """Put all candidates back into the host as measured where the potential rebuilds it.

    It does where the lowest candidate fails a check of the host: a potential whose ground state
    has other bonds than the crystal is no judge of this host, neither in the candidate that it
    rebuilds nor in one that it leaves in a higher minimum. What it says of the inserted sites in
    the fixed host is all that can be used, and one level for all candidates, those included that
    collapsed, or were left behind as higher or the same, when all sites relaxed. A candidate that
    fails for its inserted sites alone says nothing of the host, and the next one is looked at.
    Where no candidate survived the relaxation of all sites, they are put back, too.

    Parameters
    ----------
    samples
        Samples after the last stage, in the cells of their hosts.
    hosts
        Hosts before the restoration, by their scalar `host`, or by their row where they have none.

    Returns
    -------
    The samples; the metadata of those that were put back say why (see `fixed_host.HELD`).
    """
    rows = hosts.find_host_rows()
    relaxed = np.isin(samples.scalars["status"], [status.value for status in RELAXED])
    broken = np.isin(samples.scalars["status"], [status.value for status in _BROKEN])
    stopped = np.isin(samples.scalars["status"], [status.value for status in _STOPPED])
    has_record = np.array([FIXED_HOST in entry for entry in samples.metadata], dtype=np.bool_)
    of_host = samples.host_indices
    changed: dict[int, StructureBatch] = {}
    for index in np.unique(of_host[(relaxed | broken) & has_record]).tolist():
        of_this = of_host == index
        survived = bool((relaxed & of_this).any())
        members = np.flatnonzero(of_this & (relaxed if survived else broken & has_record))
        members = members[np.argsort(samples.scalars["energy"][members], kind="stable")]
        host = hosts[rows[index]]
        if not has_record[members].all():
            continue
        reasons = _find_reasons(samples, members, host, settings)
        if not reasons:
            continue
        for row in np.flatnonzero(of_this & has_record & ~stopped).tolist():
            energy = float(samples.scalars["energy"][row])
            held = {"reasons": reasons, "energy": energy if np.isfinite(energy) else None}
            changed[row] = put_back(samples[row], host, held)
    if not changed:
        return samples
    return concatenate([changed.get(row, one) for row, one in enumerate(samples)])


def _find_reasons(
    samples: StructureBatch, members: IntArray, host: StructureBatch, settings: CheckSettings
) -> list[str]:
    """Return what of the host the lowest candidate fails; empty where the host is kept."""
    for row in members.tolist():
        status = SampleStatus(str(samples.scalars["status"][row]))
        if status in _BROKEN:
            return [f"relaxation of all sites: {status}"]
        answer = make_answer(host, samples[row])
        if found := [one for check in HOST_CHECKS for one in check(answer, settings) if one.fails]:
            return [str(one) for one in found]
        if not any(one.fails for check in HYDROGEN_CHECKS for one in check(answer, settings)):
            return []
    return []
