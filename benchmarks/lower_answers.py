"""Answers that other potentials give to the same candidates, and what becomes of lower energies.

    python benchmarks/lower_answers.py references.extxyz --half tune --output runs/lower

Hosts are restored with the default potential. Candidates and reference are then relaxed on at all
sites with each other potential, which chooses among them anew. The folder gets the structures
(candidates/LABEL.extxyz, the reference first), gaps.jsonl with one line for each host and
potential, and tables.md; the same command continues an interrupted run. `lower_by_dft.py` takes
the folder from there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from aiida_hpaint.science.benchmark import References, read_references
from aiida_hpaint.science.benchmark.measure import load_models
from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.evaluation.matching import compare, is_host_match
from aiida_hpaint.science.evaluation.success import estimate_rate
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.restoration import relax_and_rank, relax_reference
from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings
from aiida_hpaint.science.stages import propose_and_filter
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.science.structures.batch import concatenate
from aiida_hpaint.science.structures.conversion import format_formula
from aiida_hpaint.science.structures.extxyz import read_extxyz, write_extxyz
from aiida_hpaint.science.structures.status import SampleStatus

GAPS = "gaps.jsonl"
DEFAULT = PotentialSettings().name
Record = dict[str, Any]


def main() -> None:
    """Restore hosts without structures, relax them with each potential, and write the tables."""
    options = parse_options()
    torch.set_num_threads(1)  # times are CPU times of one core
    references = read_references(options.references, half=options.half)
    settings = load_protocol(options.protocol)
    load_models(settings)
    (options.output / "candidates").mkdir(parents=True, exist_ok=True)
    path = options.output / GAPS
    known = {(record["label"], record["potential"]) for record in read_records(path)}
    for place in choose_places(references, options.max_sites):
        structures = find_candidates(references, place, settings, options.output / "candidates")
        label = structures.labels[0]
        for name in (DEFAULT, *options.potentials):
            if (label, name) not in known:
                record = {"half": options.half, **measure(label, structures, name, settings)}
                with path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
        print(label, flush=True)
    text = write_tables(read_records(path))
    (options.output / "tables.md").write_text(text, encoding="utf-8")
    print(text)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, nargs="+", help="complete structures")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--half", choices=["tune", "final"], help="only one half of them")
    parser.add_argument("--max-sites", type=int, help="largest number of sites of a reference")
    parser.add_argument("--protocol", default="balanced", help="protocol of the restorations")
    parser.add_argument(
        "--potentials",
        nargs="*",
        default=["sevennet-l3i5", "sevennet-mf-0", "sevennet-mf-0-r2scan"],
        help="potentials beside the default",
    )
    return parser.parse_args()


def choose_places(references: References, max_sites: int | None) -> list[int]:
    """Return the places of the hosts to restore, the smallest first."""
    sites = references.complete.site_counts
    places = [i for i in range(len(sites)) if max_sites is None or sites[i] <= max_sites]
    return sorted(places, key=lambda place: int(sites[place]))


def find_candidates(
    references: References, place: int, settings: RestorationSettings, folder: Path
) -> StructureBatch:
    """Return the relaxed reference of a host and its candidates that pass the checks, by rank."""
    reference = references.complete[place]
    path = folder / f"{reference.labels[0]}.extxyz"
    if not path.exists():
        drawn = generate(references.hosts[place], settings.require_sampling())
        start = propose_and_filter(drawn, settings.symmetry, settings.filter)
        samples = relax_and_rank(start, settings)
        good = (samples.scalars["rank"] >= 0) & samples.scalars["passes"]
        chosen = np.flatnonzero(good)
        chosen = chosen[np.argsort(samples.scalars["rank"][chosen])]
        target = relax_reference(reference, settings)
        frames = [strip(target), *(strip(samples[row]) for row in chosen)]
        partial = path.with_suffix(".part")
        write_extxyz(concatenate(frames), partial)
        partial.rename(path)
    return read_extxyz(path)


def strip(one: StructureBatch) -> StructureBatch:
    """Return a structure without what only a restoration needs."""
    return StructureBatch(
        numbers=one.numbers,
        frac_coords=one.frac_coords,
        cells=one.cells,
        site_counts=one.site_counts,
        inserted=one.inserted,
        labels=one.labels,
        scalars={"energy": one.scalars["energy"]},
    )


def measure(
    label: str, structures: StructureBatch, name: str, settings: RestorationSettings
) -> Record:
    """Relax reference and candidates with a potential, and compare them.

    Energies are in eV per atom, above that of the reference by the same potential; `single` of
    the structures as the default potential relaxed them.
    """
    count, began = len(structures), time.process_time()
    potential = PotentialSettings(name=name)
    ready = structures.with_scalars(
        host=np.arange(count), sample=np.zeros(count), status=[SampleStatus.SAMPLED.value] * count
    )
    relaxed = ready if name == DEFAULT else relax(ready, settings.final_relaxation, potential)
    energies = relaxed.scalars["energy"] / relaxed.site_counts
    first = energies if name == DEFAULT else relaxed.scalars["energy_sampled"] / ready.site_counts
    found = [compare(relaxed[row], relaxed[0]) for row in range(1, count)]
    return {
        "label": label,
        "formula": format_formula(structures[0].numbers),
        "sites": int(structures.site_counts[0]),
        "potential": name,
        "gaps": [tidy(value) for value in (energies - energies[0])[1:]],
        "single": [tidy(value) for value in (first - first[0])[1:]],
        "match": [entry.match for entry in found],
        "distance": [float(entry.site_distances.max(initial=0.0)) for entry in found],
        "host_match": [is_host_match(relaxed[row], relaxed[0]) for row in range(1, count)],
        "seconds": time.process_time() - began,
    }


def tidy(value: float) -> float | None:
    """Return a number as JSON knows it."""
    return float(value) if np.isfinite(value) else None


def read_records(path: Path) -> list[Record]:
    """Read the lines of an earlier run."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def find_answer(record: Record) -> int | None:
    """Return the place of the candidate that the potential of a record prefers."""
    known = [i for i, gap in enumerate(record["gaps"]) if gap is not None]
    return min(known, key=lambda place: record["gaps"][place]) if known else None


def is_lower(record: Record, place: int | None, key: str = "gaps") -> bool:
    """Return whether a candidate is below the reference in energy without matching it."""
    if place is None or record[key][place] is None:
        return False
    return bool(record[key][place] < 0 and not record["match"][place])


def is_loose(record: Record, place: int | None) -> bool:
    """Return whether a candidate that matches is another arrangement, well below the reference.

    StructureMatcher with its defaults accepts sites that are far apart.
    """
    if place is None or record["gaps"][place] is None or not record["match"][place]:
        return False
    return bool(record["gaps"][place] < -0.01 and record["distance"][place] > 0.3)


def write_tables(records: Sequence[Record]) -> str:
    """Return both tables: each potential's own answers, and its word on those of the default."""
    default = {r["label"]: r for r in records if r["potential"] == DEFAULT}
    lower = {label: find_answer(r) for label, r in default.items() if is_lower(r, find_answer(r))}
    lines = [
        f"{len(default)} hosts",
        "",
        "| potential | lowest matches | LES | LES, host kept | lower, no match | seconds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    names = list(dict.fromkeys(record["potential"] for record in records))
    for name in names:
        lines.append(row_of_answers(name, [r for r in records if r["potential"] == name]))
    lines += [
        "",
        f"{len(lower)} answers of {DEFAULT} are lower and do not match; by the others:",
        "",
        "| potential | lower as they are | lower when relaxed on | matches then |",
        "| --- | --- | --- | --- |",
    ]
    for name in names:
        mine = [r for r in records if r["potential"] == name and r["label"] in lower]
        lines.append(row_of_lower(name, mine, lower))
    return "\n".join(lines) + "\n"


def row_of_answers(name: str, records: Sequence[Record]) -> str:
    """Return the rates of the answers that a potential chooses."""
    answers = [(record, find_answer(record)) for record in records]
    match = [place is not None and record["match"][place] for record, place in answers]
    lower = [is_lower(record, place) for record, place in answers]
    kept = [place is not None and record["host_match"][place] for record, place in answers]
    les = [one or other for one, other in zip(match, lower, strict=True)]
    both = [one and other for one, other in zip(les, kept, strict=True)]
    seconds = np.mean([record["seconds"] for record in records])
    rates = " | ".join(str(estimate_rate(values)) for values in (match, les, both))
    return f"| {name} | {rates} | {sum(lower)} | {seconds:.1f} |"


def row_of_lower(name: str, records: Iterable[Record], lower: dict[str, int | None]) -> str:
    """Return what a potential says of the default's answers that are lower and do not match."""
    found = [(record, lower[record["label"]]) for record in records]
    single = sum(is_lower(record, place, "single") for record, place in found)
    relaxed = sum(is_lower(record, place) for record, place in found)
    match = sum(bool(place is not None and record["match"][place]) for record, place in found)
    return f"| {name} | {single} | {relaxed} | {match} |"


if __name__ == "__main__":
    main()
