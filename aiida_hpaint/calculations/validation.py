"""Calcfunctions of a validation: choose structures for DFT, and compare the results."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from aiida.engine import calcfunction
from aiida.orm import Dict, SinglefileData, StructureData

from aiida_hpaint.data.structure_batch import (
    DETAILS,
    StructureBatchData,
    read_structure,
    to_structure,
)
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
    """Return the candidates that DFT is to relax, and the references of their hosts.

    Parameters
    ----------
    samples
        Ranked samples.
    choice
        `candidates` and `margin`, as in `ValidationSettings`.
    references
        References with the scalar `host`, the index of their host among those of the samples.

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
    """Return the structures of `choose_structures`, not stored."""
    rows = select_for_dft(samples, candidates, margin).tolist()
    found = {}
    for row in rows:
        one = samples[row]
        host, rank = int(one.scalars["host"][0]), int(one.scalars["rank"][0])
        key = f"host_{host:05d}_rank_{rank:03d}"
        found[key] = _attach_details(one, host=host, role="candidate", rank=rank, row=row)
    wanted = {int(samples.scalars["host"][row]) for row in rows}
    for one in references if references is not None else ():
        host = int(one.scalars["host"][0])
        if host in wanted:
            key = f"host_{host:05d}_reference"
            found[key] = _attach_details(one, host=host, role="reference", rank=-1)
    return found


@calcfunction
def compare_validated(**relaxed: Any) -> dict[str, Any]:
    """Compare all structures that DFT has relaxed.

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
    hosts = group_by_host(list(_read_results(relaxed)))
    table = io.BytesIO(format_validation_csv(hosts).encode())
    return {
        "summary": Dict(summarise_validation(hosts)),
        "table": SinglefileData(table, filename=VALIDATION_FILENAME),
        "structures": dict(_yield_lowest(hosts)),
    }


def _attach_details(one: StructureBatch, **facts: str | int) -> StructureData:
    structure = to_structure(one)
    details = structure.base.attributes.get(DETAILS) | facts
    if "charge" in one.metadata[0]:
        details["charge"] = float(one.metadata[0]["charge"])
    structure.base.attributes.set(DETAILS, details)
    return structure


def _read_results(relaxed: Mapping[str, Any]) -> Iterator[DftResult]:
    for key in sorted({name.rpartition("__")[0] for name in relaxed}):
        start = relaxed[f"{key}__start"]
        end, report = relaxed.get(f"{key}__end"), relaxed.get(f"{key}__report")
        facts = start.base.attributes.get(DETAILS)
        found = {"status": "failed", "message": "no report"} if report is None else report
        yield DftResult(
            host=facts["host"],
            role=facts["role"],
            rank=facts["rank"],
            start=read_structure(start).with_scalars(row=np.array([facts.get("row", -1)])),
            end=None if end is None else read_structure(end),
            report=found if isinstance(found, dict) else found.get_dict(),
        )


def _yield_lowest(hosts: list[ValidatedHost]) -> Iterator[tuple[str, StructureData]]:
    """Yield the lowest candidate of each host with the label and inserted sites of its start."""
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
        yield (
            f"host_{best.host:05d}",
            _attach_details(batch, host=best.host, role="candidate", **facts),
        )
