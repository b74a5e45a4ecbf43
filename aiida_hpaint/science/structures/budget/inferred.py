"""Parents that bond valences give to H of organic hosts, where no budget says them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.budget.findings import Findings
from aiida_hpaint.science.structures.budget.organic_sites import count_on_organic
from aiida_hpaint.science.structures.budget.parents import UNKNOWN
from aiida_hpaint.science.structures.budget.placement import UNCERTAINTY
from aiida_hpaint.science.structures.budget.plausible_sites import (
    list_missing_by_bonds,
    place_by_valences,
    place_missing,
)
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

ORGANIC = ("C", "N")
"""Elements whose H are clear: bonds of O to metals and hydrogen bonds leave its H open."""

ALIKE = 0.5
"""Share of draws in which atoms that lack the same valence, as equivalent ones do, are alike."""

TIES = 0.01
"""Share of the uncertainty by which such atoms differ nevertheless, as one has to be chosen."""


def infer_parents(host: StructureBatch, unknown: BoolArray) -> IntArray:
    """Return the (m,) atoms that carry the unknown H of one host, C and N where they are clear.

    The number of H decides together with the valences that atoms lack; see `place_missing`. H with
    an open place, other elements, and all sites of hosts without carbon, get -1.

    Parameters
    ----------
    unknown : (n,)
        The m sites that have no position; H with one are carried already.
    """
    missing = np.flatnonzero(host.numbers[unknown] == 1)
    if not len(missing) or 6 not in host.numbers[~unknown]:
        return np.full(int(unknown.sum()), UNKNOWN, dtype=np.int64)
    cell = CellContent.from_host(_remove(host, unknown))
    by_site, _ = place_missing(Findings("H", cell), len(missing), {})
    counts = [
        by_site.get(label, 0) if symbol in ORGANIC else 0
        for label, symbol in zip(cell.labels, cell.symbols, strict=True)
    ]
    return _assign(host, unknown, missing, np.array(counts))


def has_open_places(host: StructureBatch, unknown: BoolArray, parents: IntArray) -> bool:
    """Return whether `draw_parents` has something to draw: H without a parent beside carbon."""
    is_open = (parents == UNKNOWN) & (host.numbers[unknown] == 1)
    return bool(is_open.any()) and 6 in host.numbers[~unknown]


def draw_parents(
    host: StructureBatch,
    unknown: BoolArray,
    parents: IntArray,
    rng: np.random.Generator,
    keys: FloatArray,
) -> IntArray:
    """Return the (m,) parents of the unknown H of an organic host, open ones drawn.

    The valences that atoms lack are changed by as much as they are uncertain, and H is distributed
    as is most plausible then. Atoms that lack the same, as equivalent ones do, are changed alike
    in half of all cases. H with no place on O, N or C keep -1.

    Parameters
    ----------
    unknown : (n,)
        The m sites that have no position.
    parents : (m,)
        What is known; -1 where it is not.
    keys : (n - m,)
        Numbers that put the known sites into an order, whichever their file lists them in.
    """
    open_ = np.flatnonzero((parents == UNKNOWN) & (host.numbers[unknown] == 1))
    places = np.flatnonzero(~unknown)
    labels = tuple(map(str, places.tolist()))
    findings = Findings("H", CellContent(_remove(host, unknown), labels))
    known = Counter(map(str, parents[parents != UNKNOWN].tolist()))
    fixed = {**list_missing_by_bonds(findings, count_on_organic(findings.cell)), **known}
    ranks = dict(zip(labels, keys.tolist(), strict=True))
    changed = _blur(findings, sorted(findings.lacking, key=ranks.__getitem__), rng)
    placed = place_by_valences(findings, int((host.numbers[unknown] == 1).sum()), fixed, changed)
    if placed is None:
        return parents
    carriers = [
        int(label)
        for label, total in placed.by_site.items()
        for _ in range(round(total) - findings.carried[label] - known[label])
    ][: len(open_)]
    found = parents.copy()
    found[open_[: len(carriers)]] = carriers
    return found


def _blur(findings: Findings, labels: Sequence[str], rng: np.random.Generator) -> dict[str, float]:
    """Return the valences that sites lack with errors as large as they are uncertain."""
    elements, lacking = findings.cell.elements, findings.lacking
    errors = rng.normal(0.0, 1.0, (2, len(labels)))
    kinds = [(elements[label], round(lacking[label], 3)) for label in labels]
    if rng.random() < ALIKE:
        errors[0] = errors[0][[kinds.index(kind) for kind in kinds]] + TIES * errors[1]
    changed = {
        label: lacking[label] + UNCERTAINTY[elements[label]] * float(error)
        for label, error in zip(labels, errors[0], strict=True)
    }
    return {label: changed[label] for label in lacking}


def _remove(host: StructureBatch, unknown: BoolArray) -> StructureBatch:
    """Return the known sites of a host as a structure without inserted ones."""
    kept = ~unknown
    return replace(
        host,
        site_counts=np.array([int(kept.sum())]),
        numbers=host.numbers[kept],
        frac_coords=host.frac_coords[kept],
        inserted=np.zeros(int(kept.sum()), dtype=np.bool_),
    )


def _assign(
    host: StructureBatch, unknown: BoolArray, missing: IntArray, counts: IntArray
) -> IntArray:
    """Return the parents (m,) that follow from the number of H on each known site."""
    parents = np.full(int(unknown.sum()), UNKNOWN, dtype=np.int64)
    carriers = np.repeat(np.flatnonzero(~unknown), counts)[: len(missing)]
    parents[missing[: len(carriers)]] = carriers
    return parents
