"""The calcfunctions of a validation: what DFT is to relax, and what came of it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, SinglefileData, StructureData

from aiida_hpaint.data.structure_batch import DETAILS, StructureBatchData, batch_of, to_structure
from aiida_hpaint.science.evaluation.validation import (
    VALIDATION_FILENAME,
    DftResult,
    ValidatedHost,
    format_validation_csv,
    group_by_host,
    select_for_dft,
    summarise_validation,
)
from aiida_hpaint.science.structures.batch import StructureBatch

__all__ = ["choose_structures", "compare_validated", "make_dft_structures"]


@calcfunction
def choose_structures(
    samples: StructureBatchData, choice: Dict, references: StructureBatchData | None = None
) -> dict[str, StructureData]:
    """The candidates that DFT is to relax, and the references of their hosts.

    Parameters
    ----------
    samples
        Ranked samples.
    choice
        `candidates` and `margin`, as in `ValidationSettings`.
    references
        With the scalar `host`, the place of their host among the hosts of the samples.

    Returns
    -------
    mapping
        `host_00000_rank_000` and `host_00000_reference`, for example. The attribute `hpaint` of a
        structure says what it is.
    """
    others = None if references is None else references.batch
    return make_dft_structures(samples.batch, others, **choice.get_dict())


def make_dft_structures(
    samples: StructureBatch,
    references: StructureBatch | None,
    candidates: int | None,
    margin: float,
) -> dict[str, StructureData]:
    """The same without provenance."""
    rows = select_for_dft(samples, candidates, margin).tolist()
    found = {}
    for row in rows:
        one = samples[row]
        host, rank = int(one.scalars["host"][0]), int(one.scalars["rank"][0])
        key = f"host_{host:05d}_rank_{rank:03d}"
        found[key] = _told(one, host=host, role="candidate", rank=rank, row=row)
    wanted = {int(samples.scalars["host"][row]) for row in rows}
    for one in references if references is not None else ():
        host = int(one.scalars["host"][0])
        if host in wanted:
            key = f"host_{host:05d}_reference"
            found[key] = _told(one, host=host, role="reference", rank=-1)
    return found


@calcfunction
def compare_validated(**relaxed: Any) -> dict[str, Any]:
    """What DFT says of all structures together.

    Parameters
    ----------
    relaxed
        For each structure KEY__start (StructureData as `choose_structures` makes it), KEY__report
        (Dict) and, where there is one, KEY__end (StructureData).

    Returns
    -------
    mapping
        `summary` (Dict, see `summarise_validation`), `table` (validation.csv), and `structures`,
        the lowest of each host by DFT as it was relaxed: `host_00000` and so on.
    """
    hosts = group_by_host(list(_results(relaxed)))
    table = io.BytesIO(format_validation_csv(hosts).encode())
    return {
        "summary": Dict(summarise_validation(hosts)),
        "table": SinglefileData(table, filename=VALIDATION_FILENAME),
        "structures": dict(_lowest(hosts)),
    }


def _told(one: StructureBatch, **facts: str | int) -> StructureData:
    structure = to_structure(one)
    details = structure.base.attributes.get(DETAILS) | facts
    if "charge" in one.metadata[0]:
        details["charge"] = float(one.metadata[0]["charge"])
    structure.base.attributes.set(DETAILS, details)
    return structure


def _results(relaxed: Mapping[str, Any]) -> Iterator[DftResult]:
    for key in sorted({name.rpartition("__")[0] for name in relaxed}):
        start = relaxed[f"{key}__start"]
        end, report = relaxed.get(f"{key}__end"), relaxed.get(f"{key}__report")
        facts = start.base.attributes.get(DETAILS)
        told = {"status": "failed", "message": "it never ended"} if report is None else report
        yield DftResult(
            host=facts["host"],
            role=facts["role"],
            rank=facts["rank"],
            start=_with_facts(batch_of(start), facts),
            end=None if end is None else batch_of(end),
            report=told if isinstance(told, dict) else told.get_dict(),
        )


def _with_facts(batch: StructureBatch, facts: Mapping[str, Any]) -> StructureBatch:
    return batch.with_scalars(row=np.array([facts.get("row", -1)]))


def _lowest(hosts: list[ValidatedHost]) -> Iterator[tuple[str, StructureData]]:
    """Each host's lowest candidate, with the label and the inserted sites that it began with."""
    for host in hosts:
        best = host.best
        if best is None or best.end is None:
            continue
        facts: dict[str, Any] = {"row": int(best.start.scalars["row"][0])}
        facts |= {"energy": best.report["energy"], "rank": best.rank}
        start = best.start
        relaxed = best.end
        batch = StructureBatch(
            labels=start.labels,
            cells=relaxed.cells,
            site_counts=start.site_counts,
            numbers=start.numbers,
            frac_coords=relaxed.frac_coords,
            inserted=start.inserted,
        )
        yield f"host_{best.host:05d}", _told(batch, host=best.host, role="candidate", **facts)
