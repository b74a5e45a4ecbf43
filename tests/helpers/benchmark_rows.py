"""Benchmarks that nobody ran: rows with the shape of real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint.science.benchmark.report import Run
from aiida_hpaint.science.benchmark.statistics import HostRow, SampleRow
from aiida_hpaint.science.benchmark.statistics.rows import (
    ROWS,
    SETTINGS,
    SUMMARY,
    PotentialRow,
)
from aiida_hpaint.science.benchmark.statistics.summary import summarise
from aiida_hpaint.science.plausibility.bonding import METALLIC, OXYGEN


def make_rows(skill: float, hosts: int = 12, samples: int = 4, seed: int = 0) -> list[HostRow]:
    """Rows of a generator that draws the reference with a probability of about `skill`."""
    rng = np.random.default_rng(seed)
    return [make_row(index, skill, samples, rng) for index in range(hosts)]


def make_row(index: int, skill: float, samples: int, rng: np.random.Generator) -> HostRow:
    inserted = int(rng.integers(1, 12))
    sites = 2 * inserted + int(rng.integers(1, 12))
    chance = skill ** (1 + inserted / 8)
    drawn = [make_sample(place, chance, sites, rng) for place in range(samples)]
    energies = [np.inf if sample.energy is None else sample.energy for sample in drawn]
    ranks = np.argsort(np.argsort(energies))
    alive = [sample.energy is not None for sample in drawn]
    return HostRow(
        index=index,
        label=f"mp-{1000 + index}",
        formula=f"Na{inserted}O{sites - 2 * inserted}H{inserted}" if index % 5 else "Mg2Fe",
        chemistry=OXYGEN if index % 5 else METALLIC,
        sites=sites,
        inserted=inserted,
        reference_energy=-4.0 * sites,
        reference_energy_unrelaxed=-3.99 * sites,
        seconds_sampling=0.05 * samples,
        seconds_relaxing=float(rng.gamma(4, 4 / skill)),
        network_calls=100 * samples,
        evaluations=int(rng.gamma(4, 20 / skill)),
        samples=tuple(
            sample.model_copy(update=_rank(sample, int(rank))) if lives else sample
            for sample, rank, lives in zip(drawn, ranks, alive, strict=True)
        ),
    )


def _rank(sample: SampleRow, rank: int) -> dict[str, Any]:
    known: dict[str, Any] = {"rank": rank, "passes": True, "match_relaxed": sample.match}
    return known if rank else {**known, "confidence": 0.96 if sample.match else 0.55}


def make_sample(place: int, chance: float, sites: int, rng: np.random.Generator) -> SampleRow:
    if rng.random() < 0.15 * (1 - chance):
        return SampleRow(
            sample=place,
            status="too close",
            same_as=place,
            rmsd_inserted_unrelaxed=1.9,
            worst_inserted_unrelaxed=2.4,
        )
    match = bool(rng.random() < chance)
    drawn = match and bool(rng.random() < chance**0.3)
    difference = rng.normal(0, 4e-4) if match else rng.gamma(1.2, 0.03) - 0.004
    distance = rng.lognormal(-4, 0.8) if match else rng.lognormal(0, 0.4)
    energy = (difference - 4.0) * sites
    return SampleRow(
        sample=place,
        status="converged",
        same_as=place,
        match_unrelaxed=drawn,
        match=match,
        host_match=bool(match or rng.random() < 0.8),
        rmsd=distance / 4 if match else None,
        rmsd_unrelaxed=rng.lognormal(-3.4, 0.5) if drawn else None,
        rmsd_inserted=distance,
        rmsd_inserted_unrelaxed=distance + rng.lognormal(-2, 0.5),
        worst_inserted=1.5 * distance,
        energy=energy,
        energy_sampled=energy + sites * rng.lognormal(-4, 1),
        energy_difference=difference,
    )


def write_folder(folder: Path, rows: list[HostRow], settings: dict[str, Any]) -> Path:
    """What a benchmark leaves behind."""
    folder.mkdir(parents=True)
    lines = [row.model_dump_json() + "\n" for row in rows]
    (folder / ROWS).write_text("".join(lines), encoding="utf-8")
    (folder / SUMMARY).write_text(json.dumps(summarise(rows)), encoding="utf-8")
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")
    return folder


def make_run(name: str, skill: float, status: str | None = None, **sizes: int) -> Run:
    """A run of `make_rows`; with a status, no sample was relaxed and all have that one."""
    rows = make_rows(skill, **sizes)
    if status is not None:
        rows = [row.model_copy(update={"samples": _unrelaxed(row, status)}) for row in rows]
    return Run(name, rows, summarise(rows))


def _unrelaxed(row: HostRow, status: str) -> tuple[SampleRow, ...]:
    known = ("sample", "same_as", "match_unrelaxed", "rmsd_unrelaxed", "rmsd_inserted_unrelaxed")
    return tuple(
        SampleRow(status=status, **{name: getattr(sample, name) for name in known})
        for sample in row.samples
    )


def with_potential(
    rows: list[HostRow], name: str, shift: float, noise: float, rng: np.random.Generator
) -> list[HostRow]:
    """The rows with another potential: energies shifted and, in eV per atom, noisy."""
    return [_with_potential(row, name, shift, noise, rng) for row in rows]


def _with_potential(
    row: HostRow, name: str, shift: float, noise: float, rng: np.random.Generator
) -> HostRow:
    energies = [
        None
        if sample.energy is None
        else sample.energy + row.sites * (shift + noise * rng.standard_normal())
        for sample in row.samples
    ]
    assert row.reference_energy is not None
    found = PotentialRow(
        reference=row.reference_energy + row.sites * shift,
        energies=tuple(energies),
        seconds=0.1 * len(energies),
        evaluations=len(energies),
    )
    return row.model_copy(update={"potentials": {**row.potentials, name: found}})
