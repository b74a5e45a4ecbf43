"""Outcomes of the samples of one host: comparison with the reference, as a `HostRow`."""

from __future__ import annotations

from typing import Any

import numpy as np
from ase.data import chemical_symbols
from ase.formula import Formula
from numpy.typing import NDArray

from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow
from aiida_hpaint.science.benchmark.statistics.structures import HostStructures
from aiida_hpaint.science.evaluation.matching import (
    compare,
    compute_inserted_distances,
    is_host_match,
    is_match,
)
from aiida_hpaint.science.plausibility import count_misplaced, find_parents
from aiida_hpaint.science.plausibility.bonding import classify_hydrogen
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, write_parents
from aiida_hpaint.science.structures.fixed_host import get_comparable_energy
from aiida_hpaint.science.structures.sample_origin import GENERATED
from aiida_hpaint.science.structures.status import RELAXED, SampleStatus
from aiida_hpaint.science.structures.writing.answer_groups import find_answer_groups

_ENDED = frozenset({*RELAXED, SampleStatus.HIGHER_IN_ENERGY, SampleStatus.DUPLICATE})
"""Statuses with a meaningful energy, if there is one."""


def describe_host(
    index: int,
    reference: StructureBatch,
    start: StructureBatch,
    samples: StructureBatch,
    target: StructureBatch | None,
    **costs: Any,
) -> HostRow:
    """Return the row of one host.

    Parameters
    ----------
    index
        Index of the reference among all references.
    reference
        Reference as it was given; removed sites are marked as inserted.
    start, samples
        Samples of the host before any relaxation and at the end. Those that a search added are
        not in `start`.
    target
        Relaxed reference; None if nothing was relaxed.
    costs
        Fields of the row for times and numbers of evaluations.
    """
    energy, unrelaxed = _read_reference_energies(target)
    drawn, is_drawn = _align(start, samples)
    same_as = find_represented(drawn, samples)
    formula = Formula.from_list([chemical_symbols[number] for number in reference.numbers])
    relaxed = None if energy is None else target
    return HostRow(
        index=index,
        label=reference.labels[0],
        formula=str(formula.format("hill")),
        chemistry=classify_hydrogen(reference),
        sites=int(reference.site_counts[0]),
        inserted=int(reference.insert_counts[0]),
        reference_energy=energy,
        reference_energy_unrelaxed=unrelaxed,
        reference_match=None if relaxed is None else is_match(relaxed, reference),
        reference_group=_find_group(reference),
        evidence=_read_evidence(samples),
        samples=tuple(
            _describe_sample(
                i, drawn[i] if is_drawn[i] else None, samples[i], reference, relaxed, same_as[i]
            )
            for i in range(len(samples))
        ),
        structures=HostStructures.from_samples(reference, samples),
        **costs,
    )


def _find_group(reference: StructureBatch) -> int | None:
    """Return the space group of a reference by its number, as that of an answer is found."""
    own = reference.with_scalars(host=np.zeros(1, dtype=np.int64))
    return int(find_answer_groups(own, own, np.ones(1, dtype=np.bool_))[0]) or None


def _align(
    start: StructureBatch, samples: StructureBatch
) -> tuple[StructureBatch, NDArray[np.bool_]]:
    """Return the samples where they were drawn, and which of them were: others are as they end."""
    places = {number: row for row, number in enumerate(start.scalars["sample"].tolist())}
    coords = samples.frac_coords.copy()
    is_drawn = np.zeros(len(samples), dtype=np.bool_)
    for row, number in enumerate(samples.scalars["sample"].tolist()):
        if number in places:
            coords[samples.sites(row)] = start.frac_coords[start.sites(places[number])]
            is_drawn[row] = True
    return samples.with_coords(coords), is_drawn


def _read_evidence(samples: StructureBatch) -> dict[str, Any] | None:
    """Return the evidence for the answer, from its metadata."""
    answers = np.flatnonzero(samples.scalars["rank"] == 0)
    known = samples.metadata[answers[0]].get("confidence") if len(answers) else None
    return None if known is None else dict(known["evidence"])


def _read_reference_energies(target: StructureBatch | None) -> tuple[float | None, float | None]:
    """Return its energies after and before relaxation, eV; None where there is none."""
    if target is None or "energy" not in target.scalars:
        return None, None
    first = none_unless_finite(target.scalars["energy_sampled"][0])
    ended = SampleStatus(str(target.scalars["status"][0])) in RELAXED
    return (none_unless_finite(target.scalars["energy"][0]) if ended else None), first


def _describe_sample(
    place: int,
    drawn: StructureBatch | None,
    sample: StructureBatch,
    reference: StructureBatch,
    relaxed: StructureBatch | None,
    same_as: int,
) -> SampleRow:
    scalars = {name: values[0].item() for name, values in sample.scalars.items()}
    status = SampleStatus(scalars["status"])
    energy = none_unless_finite(scalars["energy"]) if status in _ENDED else None
    values: dict[str, Any] = {}
    if drawn is not None and drawn.placed[0]:
        values |= _compare(drawn, reference, "_unrelaxed")
    if energy is not None:
        values |= _compare(sample, reference, "")
        values["host_match"] = is_host_match(sample, reference)
    if energy is not None and relaxed is not None:
        target = get_comparable_energy(relaxed, sample)
        values["energy_difference"] = (energy - target) / int(sample.site_counts[0])
        if scalars["rank"] >= 0:
            values |= _compare_with_relaxed(sample, relaxed, values["host_match"])
    return SampleRow(
        sample=place,
        status=str(status),
        same_as=same_as,
        rank=scalars["rank"],
        passes=scalars.get("passes") if scalars["rank"] >= 0 else None,
        energy=energy,
        energy_sampled=none_unless_finite(scalars["energy_sampled"]),
        **values,
        **_describe_selection(scalars),
    )


def _compare_with_relaxed(
    sample: StructureBatch, relaxed: StructureBatch, host_match: bool
) -> dict[str, Any]:
    return {
        "match_relaxed": is_match(sample, relaxed),
        "worst_inserted_relaxed": float(compute_inserted_distances(sample, relaxed).max()),
        "host_match": host_match or is_host_match(sample, relaxed),
    }


def _describe_selection(scalars: dict[str, Any]) -> dict[str, Any]:
    """Return fields that only some recipes fill: with proposals, scores, a search, refinement."""
    return {
        "origin": scalars.get("origin", GENERATED),
        "parent": scalars.get("parent", -1),
        "round": scalars.get("round", 0),
        "found": scalars.get("found"),
        "confidence": none_unless_finite(scalars.get("confidence", np.nan)),
        "energy_scored": none_unless_finite(scalars.get("energy_scored", np.nan)),
        "candidate": _is_candidate(scalars),
        "space_group": scalars.get("space_group") or None,
    }


def _is_candidate(scalars: dict[str, Any]) -> bool | None:
    """Return whether a scored sample was relaxed further; None without scores.

    A sample that was not relaxed further still has its score as its energy.
    """
    if "energy_scored" not in scalars:
        return None
    status, scored = SampleStatus(scalars["status"]), scalars["energy_scored"]
    held_back = (
        status in (SampleStatus.HIGHER_IN_ENERGY, SampleStatus.DUPLICATE)
        and scalars.get("energy_searched", scalars["energy"]) == scored
    )
    return bool(np.isfinite(scored)) and not held_back


def _compare(sample: StructureBatch, reference: StructureBatch, suffix: str) -> dict[str, Any]:
    found = compare(sample, reference)
    inserted = float(np.sqrt((found.site_distances**2).mean()))
    values = {"match": found.match, "rmsd": found.rmsd, "rmsd_inserted": inserted}
    values["worst_inserted"] = float(found.site_distances.max())
    misplaced = int(count_misplaced(write_parents(sample, [find_parents(reference)]))[0])
    values["misplaced"] = None if misplaced == UNKNOWN else misplaced
    return {f"{name}{suffix}": value for name, value in values.items()}


def none_unless_finite(value: float) -> float | None:
    """Return the value, or None if it is NaN or infinite."""
    return float(value) if np.isfinite(value) else None


def find_represented(drawn: StructureBatch, samples: StructureBatch) -> list[int]:
    """Return (S,) the index of the sample whose outcome each sample shares, mostly its own.

    A duplicate would have become what the sample that it repeats became. One that was not relaxed
    is assigned to the closest earlier sample that was, before relaxation; one that was relaxed to
    the closest lower one after relaxation.
    """
    duplicate = samples.scalars["status"] == SampleStatus.DUPLICATE.value
    energies = samples.scalars["energy"]
    evaluated = np.isfinite(energies)
    found = list(range(len(samples)))
    for row in np.flatnonzero(duplicate).tolist():
        if evaluated[row]:
            others = np.flatnonzero(~duplicate & (energies <= energies[row]))
            found[row] = _find_closest(samples, row, others)
        else:
            others = np.flatnonzero(evaluated)
            found[row] = _find_closest(drawn, row, others[others < row])
    return found


def _find_closest(samples: StructureBatch, row: int, others: NDArray[np.intp]) -> int:
    """Return the other sample with the closest inserted sites; without any, the sample itself."""
    farthest = {
        int(other): compute_inserted_distances(samples[row], samples[int(other)]).max(initial=0.0)
        for other in others
        if samples.placed[other]
    }
    return min(farthest, key=farthest.__getitem__) if farthest else row
