"""Accuracy against cost of the funnel: how many samples, which score, how many candidates.

    python benchmarks/selection.py references.extxyz --output runs/funnel --half tune

For each host samples are drawn, scored and relaxed once, as widely as any of the choices asks for;
what each choice would have found, and its time, follows from that. The folder gets choices.jsonl (a
line a host: the same command goes on after an interruption), choices.csv, choices.md and
choices.png.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from choices import CHOICES, Choice, measure_choices, read_choices, summarise_choices
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from tqdm import tqdm

from aiida_hpaint.cli.settings import collect_overrides
from aiida_hpaint.science.benchmark import References, read_references
from aiida_hpaint.science.benchmark.report.figure_style import PALETTE, apply_style
from aiida_hpaint.science.benchmark.report.figures import save_figure
from aiida_hpaint.science.benchmark.run import open_folder, remove_partial_line
from aiida_hpaint.science.benchmark.workers import make_job, run_in_parallel
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.settings import RestorationSettings

Records = Sequence[Mapping[str, Any]]

KINDS = (("les", "Lower energy or match (LES)"), ("lowest_match", "Lowest in energy matches"))

HEAD = ("samples", "score", "relaxed", "LES (%)", "95 %", "lowest matches (%)", "95 %", "any (%)")

COSTS = ("CPU s a host", "evaluations")

MARKS = {None: ("x", "not scored"), 0: ("o", "scored as drawn")}


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
    save_figure(draw_choices(records), folder / "choices.png")
    print(text)


def draw_choices(records: Records) -> Figure:
    """Accuracy against CPU seconds: a colour for each number of samples, a line for each score.

    Points of a line differ in the number of candidates relaxed, written beside the last line.
    """
    with apply_style():
        figure = Figure(figsize=(9.4, 4.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (key, title) in zip(panels, KINDS, strict=True):
            _draw_lines(axes, records, key)
            axes.set(title=title, xlabel="CPU seconds a host", xscale="log")
        panels[0].set_ylabel("hosts")
        panels[0].yaxis.set_major_formatter(PercentFormatter(1, 0))
        figure.legend(
            *panels[0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=3,
            frameon=False,
        )
    return figure


def _draw_lines(axes: Axes, records: Records, key: str) -> None:
    counts = sorted({record["samples"] for record in records})
    for count, score in sorted({_line(record) for record in records}, key=str):
        line = [record for record in records if _line(record) == (count, score)]
        line.sort(key=lambda record: float(record["candidates"] or np.inf))
        colour = PALETTE[counts.index(count) % len(PALETTE)]
        marker, text = MARKS.get(score, ("s", f"scored after {score} steps"))
        seconds = [record["seconds"] for record in line]
        values = [record[key]["value"] for record in line]
        style: Any = {"color": colour, "marker": marker, "ms": 4, "lw": 1.3}
        axes.plot(seconds, values, ls="-" if score else "--", **style, label=f"{count}, {text}")
        for x, y, record in zip(seconds, values, line, strict=True):
            beside = str(record["candidates"] or "all")
            where: Any = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center"}
            axes.annotate(beside, (x, y), **where, fontsize=6, color=colour)


def _line(record: Mapping[str, Any]) -> tuple[int, int | None]:
    return record["samples"], record["score_steps"]


def choice_rows(records: Records) -> list[list[str]]:
    """A row for each choice, below `HEAD` and `COSTS`."""
    return [
        [
            str(record["samples"]),
            _score(record["score_steps"]),
            str(record["candidates"] or "all"),
            *_rate(record["les"]),
            *_rate(record["lowest_match"]),
            f"{100 * record['any_match']['value']:.1f}",
            f"{record['seconds']:.2f}",
            f"{record['evaluations']:.0f}",
        ]
        for record in records
    ]


def as_markdown(records: Records) -> str:
    """The table as Markdown."""
    head = [*HEAD, *COSTS]
    lines = [head, ["---"] * len(head), *choice_rows(records)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write_choices(records: Records, path: Path) -> None:
    """Write a CSV line for each choice, its rates with errors and intervals."""
    rates = ("lowest_match", "les", "any_match")
    plain = [key for key in records[0] if key not in rates]
    parts = [(key, part) for key in rates for part in records[0][key]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*plain, *(f"{key} {part}" for key, part in parts)])
        for record in records:
            rest = (record[key][part] for key, part in parts)
            writer.writerow([*(record[key] for key in plain), *rest])


def _score(steps: int | None) -> str:
    return "none" if steps is None else "as drawn" if steps == 0 else f"{steps} steps"


def _rate(rate: Mapping[str, Any]) -> tuple[str, str]:
    value = f"{100 * rate['value']:.1f} ± {100 * rate['error']:.1f}"
    return value, f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}"


if __name__ == "__main__":
    main()
