"""Accuracy against cost of the funnel: how many samples, which score, how many candidates.

    python benchmarks/selection.py references.extxyz --output runs/funnel --half tune

For each host samples are drawn, scored and relaxed once, as widely as any of the choices asks for;
what each choice would have found, and its time, follows from that. The folder gets choices.jsonl (a
line a host: the same command goes on after an interruption), choices.csv, choices.md and
choices.png.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from aiida_hpaint.cli.settings import collect_overrides
from aiida_hpaint.science.benchmark import References, read_references
from aiida_hpaint.science.benchmark.choices import measure_choices
from aiida_hpaint.science.benchmark.report.choices import as_markdown, draw_choices, write_choices
from aiida_hpaint.science.benchmark.report.figures import save
from aiida_hpaint.science.benchmark.run import open_folder, remove_partial_line
from aiida_hpaint.science.benchmark.statistics.choices import (
    CHOICES,
    Choice,
    read_choices,
    summarise_choices,
)
from aiida_hpaint.science.benchmark.workers import make_job, run_in_parallel
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.settings import RestorationSettings


def main() -> None:
    """Measure the hosts that are not measured yet, and write table and figure."""
    options = parse_options()
    torch.set_num_threads(1)  # times are of one core
    settings = load_protocol(options.protocol, collect_overrides({"set_": options.set}))
    references = read_references(options.references, half=options.half, limit=options.limit)
    choices = list(choices_of(options))
    asked = {"choices": [choice.model_dump_json() for choice in choices]}
    references = replace(references, source={**references.source, **asked})
    open_folder(options.output, references, settings)
    measure(references, settings, choices, options)
    hosts = read_choices(options.output)
    report(summarise_choices(hosts), options.output)
    stages = {name: sum(host.stages[name] for host in hosts) for name in hosts[0].stages}
    total = sum(stages.values())
    parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in stages.items())
    print(f"{len(hosts)} hosts, {total:.0f} CPU seconds: {parts}")


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, nargs="+", help="complete structures")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--half", choices=["tune", "final"], help="only one half of them")
    parser.add_argument("--limit", type=int, help="only the first hosts")
    parser.add_argument("--protocol", help="what is not varied: relaxations, keep, ...")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="any setting of it"
    )
    parser.add_argument("--samples", type=int, nargs="+", default=[10, 25, 60])
    parser.add_argument("--candidates", type=int, nargs="+", default=[1, 2, 3, 5, 8])
    parser.add_argument(
        "--score-steps", type=int, default=5, help="of the score beside that of samples as drawn"
    )
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def choices_of(options: argparse.Namespace) -> Iterator[Choice]:
    """All combinations, and the fewest samples without a score."""
    yield Choice(samples=min(options.samples))
    for samples in options.samples:
        for steps in sorted({0, options.score_steps}):
            for count in options.candidates:
                if count <= samples:
                    yield Choice(samples=samples, score_steps=steps, candidates=count)


def measure(
    references: References,
    settings: RestorationSettings,
    choices: list[Choice],
    options: argparse.Namespace,
) -> None:
    """Add a line for each host that has none."""
    path = options.output / CHOICES
    remove_partial_line(path)
    finished = {host.index for host in read_choices(options.output)}
    places = [i for i, index in enumerate(references.indices) if int(index) not in finished]
    places.sort(key=lambda place: -int(references.hosts.site_counts[place]))
    jobs = [(*make_job(references, place), settings, choices) for place in places]
    found = run_in_parallel(measure_choices, jobs, options.processes)
    with path.open("a", encoding="utf-8") as file:
        for host in tqdm(found, total=len(jobs), unit="host", disable=None):
            file.write(host.model_dump_json() + "\n")
            file.flush()


def report(records: list[dict[str, Any]], folder: Path) -> None:
    """Write and print the table, and draw the figure."""
    write_choices(records, folder / "choices.csv")
    text = as_markdown(records)
    (folder / "choices.md").write_text(text, encoding="utf-8")
    save(draw_choices(records), folder / "choices.png")
    print(text)


if __name__ == "__main__":
    main()
