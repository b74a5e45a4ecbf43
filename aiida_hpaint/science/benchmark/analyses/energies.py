"""Energies of the same candidates by several potentials or by DFT, from stored results."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

from aiida_hpaint.science.benchmark.analyses.stored_runs import StoredRun
from aiida_hpaint.science.benchmark.statistics.rows import HostRow
from aiida_hpaint.science.structures.extxyz import read_extxyz

_ENERGY = "energy_per_atom"

_ESCAPE = re.compile(r"^'(?=[=+@-])")
"""What `escape_for_spreadsheet` puts before a label."""


@dataclass(frozen=True)
class HostEnergies:
    """Energies of the candidates of one host.

    Attributes
    ----------
    host
        Its label; after the name of its run, where runs share labels.
    label
        Its label alone.
    energies
        eV per atom of each candidate, by the name of the potential, then by its rank, from 0.
    """

    host: str
    label: str
    energies: Mapping[str, Mapping[int, float]]


def read_benchmark_energies(runs: Sequence[StoredRun]) -> list[HostEnergies]:
    """Return the energies of ranked candidates by all potentials that runs were evaluated with."""
    labels = Counter(row.label for run in runs for row in run.rows)
    return [
        HostEnergies(
            row.label if labels[row.label] == 1 else f"{run.name}: {row.label}",
            row.label,
            _read_row(row, run.potential),
        )
        for run in runs
        for row in run.rows
    ]


def add_energies(
    hosts: Sequence[HostEnergies], name: str, path: Path, may_add_hosts: bool = False
) -> tuple[list[HostEnergies], list[str]]:
    """Add the energies of a file to hosts of the same labels and candidates of the same ranks.

    Parameters
    ----------
    hosts
        Hosts with the energies that are known so far.
    name
        What has computed the energies: the name of a potential, or DFT.
    path
        A validation.csv (or any CSV with the columns label, rank and energy_per_atom, eV), or a
        candidates.extxyz of a restoration.
    may_add_hosts
        Take hosts as well that no other results have; else they are left out.

    Returns
    -------
    hosts, left_out
        Hosts with these energies added, and a line for each kind of those that have no place.

    Raises
    ------
    ValueError
        If the file is of another kind, or hosts have energies by this name already.
    """
    found = _read_csv(path) if path.suffix == ".csv" else _read_candidates(path)
    read, repeated = _group(found)
    labels = Counter(host.label for host in hosts)
    unknown = [label for label in read if label not in labels]
    shared = [label for label in read if labels[label] > 1]
    new = {label: read[label] for label in read if labels[label] == 1}
    if twice := [one.label for one in hosts if one.label in new and name in one.energies]:
        raise ValueError(
            f"{_list(twice)}: there are energies by {name} already: give those of {path} another "
            "name"
        )
    added = [
        replace(host, energies={**host.energies, name: new[host.label]})
        if host.label in new
        else host
        for host in hosts
    ]
    left_out = []
    if repeated:
        left_out.append(f"{path.name}: {_list(repeated)}, which have several energies of a rank")
    if may_add_hosts:
        added += [HostEnergies(one, one, {name: read[one]}) for one in unknown]
    elif unknown:
        left_out.append(f"{path.name}: {_list(unknown)}, which the other results do not have")
    if shared:
        left_out.append(f"{path.name}: {_list(shared)}, which several runs have: give one of them")
    return added, left_out


def _read_row(row: HostRow, name: str) -> dict[str, dict[int, float]]:
    ranked = [
        (place, one)
        for place, one in enumerate(row.samples)
        if one.rank >= 0 and one.same_as == one.sample
    ]
    found = {name: {one.rank: one.energy for _, one in ranked}}
    for other, theirs in row.potentials.items():
        found[other] = {one.rank: theirs.energies[place] for place, one in ranked}
    return {
        each: {rank: energy / row.sites for rank, energy in some.items() if energy is not None}
        for each, some in found.items()
    }


def _read_csv(path: Path) -> list[tuple[str, int, float]]:
    # Spreadsheets begin a file with a mark of its encoding.
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"label", "rank", _ENERGY} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(
                f"{path} has no column {', '.join(sorted(missing))}: give the validation.csv of "
                "`aiida-hpaint validate`, or a table with label, rank and energy_per_atom (eV)"
            )
        # References have no rank, and what DFT could not relax has no energy.
        lines = [line for line in reader if line["rank"] and line[_ENERGY]]
    try:
        return [
            (_ESCAPE.sub("", line["label"]), int(line["rank"]), float(line[_ENERGY]))
            for line in lines
        ]
    except ValueError:
        raise ValueError(f"{path} has a rank or an energy that is no number") from None


def _read_candidates(path: Path) -> list[tuple[str, int, float]]:
    batch = read_extxyz(path)
    missing = {"rank", "energy"} - set(batch.scalars)
    if missing:
        raise ValueError(
            f"{path} has no {' and no '.join(sorted(missing))} of its structures: give the "
            "candidates.extxyz of a restoration"
        )
    per_atom = batch.scalars["energy"] / batch.site_counts
    ranks = batch.scalars["rank"].tolist()
    found = zip(batch.labels, ranks, per_atom.tolist(), strict=True)
    return [one for one in found if one[1] >= 0]


def _group(
    found: Sequence[tuple[str, int, float]],
) -> tuple[dict[str, dict[int, float]], list[str]]:
    """Return the energies by label and rank, and the labels of which a rank has several."""
    counts = Counter((label, rank) for label, rank, _ in found)
    repeated = dict.fromkeys(label for (label, _), count in counts.items() if count > 1)
    grouped: dict[str, dict[int, float]] = {}
    for label, rank, energy in found:
        if label not in repeated and isfinite(energy):
            grouped.setdefault(label, {})[rank] = energy
    return grouped, list(repeated)


def _list(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return f"{', '.join(labels[:5])}{more}"
