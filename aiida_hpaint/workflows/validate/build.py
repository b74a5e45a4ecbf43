"""Inputs of the validate WorkGraph from structures, references and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida.orm import AbstractCode, Dict, StructureData
from aiida_workgraph import WorkGraph

from aiida_hpaint.calculations.validation import choose_structures, make_dft_structures
from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.evaluation.validation import select_for_dft
from aiida_hpaint.science.settings import DftSettings, ValidationSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.workflows.dft.codes import find_espresso_code
from aiida_hpaint.workflows.dft.families import pick_family
from aiida_hpaint.workflows.dft.inputs import make_pw_options
from aiida_hpaint.workflows.engine.options import add_saved_options
from aiida_hpaint.workflows.validate.graph import validate

__all__ = [
    "assign_to_hosts",
    "build_dft_plan",
    "build_validate",
    "build_validation_plan",
    "make_candidates",
]

Samples = StructureBatch | StructureBatchData


def build_validate(
    samples: Samples,
    references: Samples | None = None,
    settings: ValidationSettings | None = None,
    *,
    code: str | AbstractCode | None = None,
    options: Mapping[str, Any] | None = None,
    nested: Mapping[str, Any] | None = None,
    name: str = "validate",
) -> WorkGraph:
    """Build a validate WorkGraph that is ready for `submit()` or `run()`.

    Parameters
    ----------
    samples
        Ranked samples, as a restoration returns them; or complete structures, each the only
        candidate of its own host.
    references
        Complete structures, at most one per host, assigned by label; if no label fits and there
        are as many as hosts, by order.
    settings
        Number of candidates per host, and settings of DFT.
    code
        Code of pw.x; None: `pw@localhost`, which `aiida-hpaint setup dft` creates.
    options
        `metadata.options` of its jobs (resources, queue, max_wallclock_seconds, ...).
    nested
        Overrides of PwBaseWorkChain, as `split_overrides` returns them.
    name
        Label of the process.

    Raises
    ------
    ValueError
        If there is nothing to relax, a reference belongs to no host or has another composition, or
        a code, pseudopotential or option is missing or unknown.
    """
    settings = settings or ValidationSettings()
    candidates = make_candidates(samples)
    others = None if references is None else assign_to_hosts(references, candidates.batch)
    choice = settings.model_dump(mode="json", include={"candidates", "margin"})
    # Check everything before the first node is stored.
    rows = select_for_dft(candidates.batch, **choice)
    if not len(rows):
        raise ValueError("there is no candidate to relax: no sample has a rank")
    plan = build_dft_plan(settings.dft, candidates.batch[rows].numbers, code, options, nested)
    make_dft_structures(candidates.batch, None if others is None else others.batch, **choice)
    structures: dict[str, StructureData] = choose_structures(
        samples=candidates, choice=Dict(choice), references=others
    )
    graph = validate.build(structures=structures, plan=plan)
    graph.name = name
    return graph


def build_dft_plan(
    settings: DftSettings,
    numbers: np.ndarray[Any, Any],
    code: str | AbstractCode | None = None,
    options: Mapping[str, Any] | None = None,
    nested: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return settings, code, options and overrides of each DftRelaxWorkChain; see `build_validate`.

    Raises
    ------
    ValueError
        If the code, a pseudopotential for an element or an option is missing or unknown.
    """
    pw = find_espresso_code("pw", code)
    jobs = make_pw_options(pw, add_saved_options(pw, options))
    pick_family(settings, [get_symbol(number) for number in np.unique(numbers).tolist()])
    values = Dict(settings.model_dump(mode="json"))
    plan = {"settings": values, "code": pw, "options": Dict(jobs)}
    if nested:
        plan["overrides"] = label_node(Dict(dict(nested)), "overrides of PwBaseWorkChain")
    return plan


def build_validation_plan(
    settings: ValidationSettings,
    numbers: np.ndarray[Any, Any],
    code: str | AbstractCode | None = None,
    options: Mapping[str, Any] | None = None,
    nested: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the plan of the validation stage: `build_dft_plan`, and the choice of candidates.

    Raises
    ------
    ValueError
        If a code, pseudopotential or option is missing or unknown.
    """
    return {
        **build_dft_plan(settings.dft, numbers, code, options, nested),
        "choice": Dict(settings.model_dump(mode="json", include={"candidates", "margin"})),
    }


def make_candidates(samples: Samples) -> StructureBatchData:
    """Return samples with `host` and `rank`; without them each structure is its own host.

    Raises
    ------
    ValueError
        If a structure lacks positions.
    """
    batch = samples if isinstance(samples, StructureBatch) else samples.batch
    if not {"host", "rank"} <= batch.scalars.keys():
        count = len(batch)
        batch = batch.with_scalars(host=np.arange(count), rank=np.zeros(count, dtype=np.int64))
        samples = batch
    ranked = batch[np.flatnonzero(batch.scalars["rank"] >= 0)]
    for label in (ranked.labels[i] for i in np.flatnonzero(~ranked.placed)):
        raise ValueError(f"{label}: some sites have no position: restore it first")
    return samples if isinstance(samples, StructureBatchData) else StructureBatchData(samples)


def assign_to_hosts(references: Samples, samples: StructureBatch) -> StructureBatchData:
    """Return references with the scalar `host`, the index of their host.

    Raises
    ------
    ValueError
        If one belongs to no host, two to the same, or it has another composition.
    """
    batch = references if isinstance(references, StructureBatch) else references.batch
    hosts = np.unique(samples.scalars["host"])
    first = {int(host): int(np.flatnonzero(samples.scalars["host"] == host)[0]) for host in hosts}
    labels = {samples.labels[row]: host for host, row in first.items()}
    if any(label in labels for label in batch.labels) and len(labels) == len(hosts):
        # References of hosts that were not restored are left out.
        batch = batch[[i for i, label in enumerate(batch.labels) if label in labels]]
        places = [labels[label] for label in batch.labels]
    elif len(batch) == len(hosts):
        places = hosts.tolist()
    else:
        raise ValueError(
            f"{len(batch)} references for {len(hosts)} hosts, and no reference has the label of a "
            f"host: give references with the labels of the hosts ({', '.join(list(labels)[:5])})"
        )
    _check_references(batch, places, samples, first)
    return StructureBatchData(batch.with_scalars(host=np.array(places)))


def _check_references(
    batch: StructureBatch, places: list[int], samples: StructureBatch, first: dict[int, int]
) -> None:
    if len(set(places)) < len(places):
        raise ValueError("two references have the same label: give one for each host")
    for index, host in enumerate(places):
        ours, theirs = samples[first[host]], batch[index]
        if not theirs.placed[0]:
            raise ValueError(f"reference {theirs.labels[0]}: some sites have no position")
        if sorted(ours.numbers.tolist()) != sorted(theirs.numbers.tolist()):
            raise ValueError(
                f"reference {theirs.labels[0]} has {_format_composition(theirs)}, but "
                f"{ours.labels[0]} has {_format_composition(ours)}: they cannot be compared"
            )


def _format_composition(batch: StructureBatch) -> str:
    numbers, counts = np.unique(batch.numbers, return_counts=True)
    pairs = zip(numbers.tolist(), counts.tolist(), strict=True)
    return " ".join(f"{get_symbol(number)}{count}" for number, count in pairs)
