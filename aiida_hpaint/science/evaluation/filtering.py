"""Filtering: mark samples that are not worth relaxing; none is removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.evaluation.duplicates import find_repeated
from aiida_hpaint.science.evaluation.moving_apart import move_apart
from aiida_hpaint.science.plausibility import RULES, Contacts, find_contacts, find_too_close
from aiida_hpaint.science.plausibility.rules import find_close_pairs
from aiida_hpaint.science.settings import FilterSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.status import EVALUATED, STATUS_DTYPE, SampleStatus
from aiida_hpaint.science.types import BoolArray, IntArray


def filter_samples(
    samples: StructureBatch, settings: FilterSettings | None = None
) -> StructureBatch:
    """Mark samples with sites too close, with implausible surroundings, and duplicates.

    Only samples of status SAMPLED are looked at, each beside those of its own host: they become
    TOO_CLOSE, IMPLAUSIBLE (its metadata say why, as `error`) or DUPLICATE, up to the symmetry of
    the host. Where all samples of a host violate a rule, those with the fewest violations stay:
    the host may be of a kind that the rules do not cover. Where all have sites too close, those
    with the fewest such pairs stay, and their H is moved apart (see `move_apart`). Samples of the
    host that were evaluated before count in both cases, and come first among duplicates.

    Parameters
    ----------
    samples
        Samples with the scalars `host` and `status`; those of one host have the same cell and the
        same sites in the same order.
    settings
        Whether to apply the plausibility rules, and how far apart duplicates may be.

    Returns
    -------
    The samples with their new statuses, and the scalar `same_as`: the number (`sample`) of the one
    that a duplicate repeats, -1 elsewhere.
    """
    settings = settings or FilterSettings()
    statuses = samples.scalars["status"].astype(STATUS_DTYPE)
    errors: dict[int, str] = {}
    numbers = samples.scalars.get("sample", np.arange(len(samples)))
    same_as = samples.scalars.get("same_as", np.full(len(samples), -1)).copy()
    fresh = (statuses == SampleStatus.SAMPLED.value) & (samples.insert_counts > 0) & samples.placed
    seen = np.isin(statuses, [status.value for status in EVALUATED]) & samples.placed
    for host in np.unique(samples.scalars["host"][fresh]):
        of_host = samples.scalars["host"] == host
        members = np.flatnonzero(fresh & of_host)
        earlier = np.flatnonzero(seen & of_host)
        contacts = find_contacts(samples, members)
        if find_too_close(contacts).all() and not len(earlier):
            samples = _rescue_fewest_pairs(samples, members, contacts)
            contacts = find_contacts(samples, members)
        close = find_too_close(contacts)
        statuses[members[close]] = SampleStatus.TOO_CLOSE.value
        if settings.plausible:
            most = count_offences(find_contacts(samples, earlier)) if len(earlier) else None
            found = find_implausible(contacts, ~close, most)
            errors |= {int(members[place]): reason for place, reason in found.items()}
            statuses[members[list(found)]] = SampleStatus.IMPLAUSIBLE.value
        left = members[statuses[members] == SampleStatus.SAMPLED.value]
        repeated = find_repeated(samples, np.concatenate([earlier, left]), settings.same)
        for index in np.intersect1d(left, list(repeated)).tolist():
            statuses[index] = SampleStatus.DUPLICATE.value
            same_as[index] = numbers[repeated[index]]
    marked = _add_to_metadata(samples, "error", errors)
    record = {
        "stage": "filter",
        "version": __version__,
        "settings": settings.model_dump(),
        "moved_apart": sum("moved_apart" in entry for entry in samples.metadata),
        "statuses": dict(sorted(Counter(map(str, statuses)).items())),
    }
    return marked.with_scalars(status=statuses, same_as=same_as).with_history(record)


def _rescue_fewest_pairs(
    samples: StructureBatch, members: IntArray, contacts: Contacts
) -> StructureBatch:
    """Move H apart in the members with the fewest close pairs, and say so in their metadata."""
    pairs = contacts.count(find_close_pairs(contacts))
    fewest = members[pairs == pairs.min()]
    samples, moved = move_apart(samples, fewest)
    counts = dict(zip(fewest.tolist(), moved.tolist(), strict=True))
    return _add_to_metadata(samples, "moved_apart", counts)


def _add_to_metadata(
    samples: StructureBatch, name: str, values: Mapping[int, object]
) -> StructureBatch:
    metadata = list(samples.metadata)
    for index, value in values.items():
        metadata[index] = {**metadata[index], name: value}
    return replace(samples, metadata=tuple(metadata))


def find_implausible(
    contacts: Contacts, alive: BoolArray, others: IntArray | None = None
) -> dict[int, str]:
    """Return which samples violate plausibility rules, and the names of these rules.

    As many violations are tolerated as the best sample has.

    Parameters
    ----------
    contacts
        Contacts of the S samples of a host.
    alive : (S,) booleans
        Samples to check.
    others : (O,) integers
        Violations of other samples of the host.
    """
    offences = np.stack([rule(contacts) for rule in RULES.values()])
    total: IntArray = offences.sum(axis=0)
    known = total[alive] if others is None else np.append(total[alive], others)
    tolerated = known.min(initial=total.max(initial=0))
    found = np.flatnonzero(alive & (total > tolerated))
    names = np.array(list(RULES))
    return {int(place): ", ".join(names[offences[:, place] > 0].tolist()) for place in found}


def count_offences(contacts: Contacts) -> IntArray:
    """Count the (S,) violations of plausibility rules of the samples of a host."""
    return np.asarray(np.sum([rule(contacts) for rule in RULES.values()], axis=0))
