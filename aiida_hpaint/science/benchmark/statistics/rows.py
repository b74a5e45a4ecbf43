"""Rows of a benchmark, one per host with one per sample, and the files that hold them.

A folder of one generator holds

- `settings.json`: settings and references; a run that continues in the folder has to have the same.
- `rows.jsonl`: a `HostRow` per line, in the order in which hosts were finished.
- `samples.csv`: the same with a line per sample.
- `summary.json`: the result of `summarise`.

A folder that compares generators holds such a folder for each and `comparison.json`, a JSON
mapping of the generators as they were named, in their order, to the names of their folders.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from aiida_hpaint.science.benchmark.statistics.structures import HostStructures
from aiida_hpaint.science.outputs import replace_text
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet
from aiida_hpaint.science.structures.sample_origin import GENERATED

ROWS = "rows.jsonl"
SAMPLES = "samples.csv"
SUMMARY = "summary.json"
SETTINGS = "settings.json"
COMPARISON = "comparison.json"


class SampleRow(BaseModel):
    """Outcome of one sample; distances and matches are to the reference as it was given.

    Attributes
    ----------
    sample
        Index of the sample.
    status
        Value of its SampleStatus at the end.
    same_as
        Index of the sample that it duplicates and shares the outcome of; otherwise its own.
    rank
        Rank in its host: by energy, those that pass the checks first; -1 if it was not ranked.
    passes
        Whether it passes the checks of finished candidates; None if it was not ranked.
    match_unrelaxed
        Whether it matches the reference before relaxation.
    match
        Whether it matches after relaxation; None without an energy.
    match_relaxed
        Whether it matches the relaxed reference; None unless it was ranked.
    host_match
        Whether its host sites alone match those of the reference, as given or relaxed; None
        without an energy.
    rmsd
        Root mean square displacement of all sites after relaxation, in units of
        (V / sites)^(1/3); None unless it matches.
    rmsd_unrelaxed
        The same before relaxation.
    rmsd_inserted
        Root mean square distance of inserted sites after relaxation, Å, whether or not it
        matches; None without an energy.
    rmsd_inserted_unrelaxed
        The same before relaxation; None without positions.
    worst_inserted, worst_inserted_unrelaxed
        Largest distance of an inserted site, Å.
    worst_inserted_relaxed
        The same to the relaxed reference; None unless it was ranked.
    misplaced, misplaced_unrelaxed
        Number of H that other atoms carry than in the reference; None if no H was removed.
    energy
        Energy at the end of its relaxation, eV; None if it was not relaxed.
    energy_sampled
        Energy before relaxation, eV.
    energy_difference
        `energy` minus the energy of the relaxed reference, eV per atom; where the host was put
        back (see `hold_hosts`), minus that of the reference with its inserted sites alone relaxed.
    origin
        'drawn' (sampled by the generator), or 'symmetrised' or 'wyckoff' (symmetric proposals).
    parent
        Index of the sample that a symmetrised one was made from; otherwise -1.
    round
        Round of the search that made it; 0 before any.
    found
        Number of independent samples that ended in this state; None where nobody counted.
    confidence
        Probability that it is the ground state; None unless it is the answer.
    energy_scored
        Energy after the short relaxation that scores samples, eV; None without scores.
    candidate
        Whether it was selected by its score; None without scores.
    space_group
        Number of the space group at the end; None if it was not determined.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample: int
    status: str
    same_as: int
    rank: int = -1
    passes: bool | None = None
    match_unrelaxed: bool = False
    match: bool | None = None
    match_relaxed: bool | None = None
    host_match: bool | None = None
    rmsd: float | None = None
    rmsd_unrelaxed: float | None = None
    rmsd_inserted: float | None = None
    rmsd_inserted_unrelaxed: float | None = None
    worst_inserted: float | None = None
    worst_inserted_unrelaxed: float | None = None
    worst_inserted_relaxed: float | None = None
    misplaced: int | None = None
    misplaced_unrelaxed: int | None = None
    energy: float | None = None
    energy_sampled: float | None = None
    energy_difference: float | None = None
    origin: str = GENERATED
    parent: int = -1
    round: int = 0
    found: int | None = None
    confidence: float | None = None
    energy_scored: float | None = None
    candidate: bool | None = None
    space_group: int | None = None


class PotentialRow(BaseModel):
    """Energies of the structures of one host with another potential than relaxed them.

    Attributes
    ----------
    reference
        eV, of the relaxed reference; None if it could not be evaluated.
    energies
        eV, of each sample at its end, in their order; None where it has no energy.
    seconds
        Of one core (process time), for all of them.
    evaluations
        Structures evaluated.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reference: float | None
    energies: tuple[float | None, ...]
    seconds: float
    evaluations: int


class HostRow(BaseModel):
    """Outcome of one host.

    Attributes
    ----------
    index
        Index of its reference in the file, from 0.
    label
        Name of the reference.
    formula
        Formula of the whole cell of the reference, in Hill order.
    chemistry
        Kind of its hydrogen, see `plausibility.bonding`.
    sites, inserted
        Number of all and of inserted sites.
    reference_energy
        Energy of the relaxed reference, eV; None if its relaxation failed.
    reference_energy_unrelaxed
        Energy of the reference as it was given, eV.
    reference_match
        Whether the relaxed reference still matches the reference as given.
    reference_group
        Number of the space group of the reference as given, with the tolerance of answers; None if
        it was not determined.
    evidence
        What the confidence in the answer is based on, see `science.confidence`; None without one.
    seconds_sampling, seconds_relaxing
        CPU seconds of one core over all samples, without the reference.
    network_calls
        Evaluations of the network of the generator, counted per structure.
    evaluations
        Evaluations of the potential, counted per structure, without the reference.
    samples
        One row per sample, in their order: first those of the generator, then proposals.
    potentials
        Energies of the same structures by other potentials, by the names of these.
    structures
        The reference and the answer, for pictures; None in rows of other sources.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int
    label: str
    formula: str
    chemistry: str
    sites: int
    inserted: int
    reference_energy: float | None
    reference_energy_unrelaxed: float | None
    reference_match: bool | None = None
    reference_group: int | None = None
    evidence: dict[str, Any] | None = None
    seconds_sampling: float
    seconds_relaxing: float
    network_calls: int
    evaluations: int
    samples: tuple[SampleRow, ...]
    potentials: dict[str, PotentialRow] = {}
    structures: HostStructures | None = None

    @property
    def drawn(self) -> list[SampleRow]:
        """The samples that the generator drew before any search, without proposals."""
        return [one for one in self.samples if one.origin == GENERATED and one.round == 0]

    @property
    def answer(self) -> SampleRow | None:
        """The sample of rank 0, which users get; None without any."""
        return next((sample for sample in self.samples if sample.rank == 0), None)

    @property
    def lowest(self) -> SampleRow | None:
        """The ranked sample of lowest energy, whether or not it passes; None without any.

        Success rates are about the energy alone, so that they compare with those of other work.
        """
        ranked = sorted((s for s in self.samples if s.rank >= 0), key=lambda sample: sample.rank)
        return min(ranked, key=lambda s: inf if s.energy is None else s.energy, default=None)

    @property
    def is_held(self) -> bool:
        """Whether the host of the answer is as measured: see `energy_difference` of samples."""
        return bool((self.evidence or {}).get("held"))

    @property
    def passes(self) -> bool:
        """Whether any ranked sample passes the checks."""
        return any(sample.passes for sample in self.samples)

    def outcome(self, sample: SampleRow) -> SampleRow:
        """Return the sample whose outcome a duplicate shares, and any other sample itself."""
        seen = {sample.sample}
        while sample.same_as not in seen:
            sample = self.samples[sample.same_as]
            seen.add(sample.sample)
        return sample


def read_rows(folder: Path) -> list[HostRow]:
    """Read the rows of a folder, in the order of their index; [] if no host was finished.

    An unfinished last line is ignored: a killed run leaves one behind.

    Raises
    ------
    ValueError
        If a line is not a row.
    """
    path = folder / ROWS
    if not path.exists():
        return []
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(keepends=True), 1):
        if not line.endswith("\n"):
            break
        try:
            rows.append(HostRow.model_validate_json(line))
        except ValidationError as error:
            raise ValueError(
                f"{path}, line {number}, is not a row of a benchmark "
                f"({error.errors()[0]['msg'].lower()}): remove the line, or choose another folder"
            ) from None
    return sorted(rows, key=lambda row: row.index)


def write_samples(rows: Sequence[HostRow], path: Path) -> None:
    """Write a CSV line for each sample of each host."""
    replace_text(path, format_samples_csv(rows))


def format_samples_csv(rows: Sequence[HostRow]) -> str:
    """Return the CSV text of `write_samples`."""
    of_host = ["index", "label", "formula", "chemistry", "sites", "inserted", "reference_energy"]
    of_sample = list(SampleRow.model_fields)
    others = sorted({name for row in rows for name in row.potentials})
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*of_host, *of_sample, *(f"energy {name}" for name in others)])
    for row in rows:
        known = [getattr(row, name) for name in of_host]
        for place, sample in enumerate(row.samples):
            theirs = [
                row.potentials[name].energies[place] if name in row.potentials else None
                for name in others
            ]
            ours = [getattr(sample, name) for name in of_sample]
            writer.writerow(map(escape_for_spreadsheet, [*known, *ours, *theirs]))
    return buffer.getvalue()


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= flatten(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat
