"""Accuracy against cost of selecting candidates: numbers of samples and candidates, and the score.

    python benchmarks/selection.py references.extxyz --output runs/selection --half tune

For each host, samples are generated, scored and relaxed once, as many as any choice needs; what
each choice would have found, and its time, follows from that. The folder gets choices.jsonl (a
line per host: the same command continues an interrupted run), choices.csv, choices.md and
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

COSTS = ("CPU s per host", "evaluations")

MARKS = {None: ("x", "not scored"), 0: ("o", "scored unrelaxed")}


def main() -> None:
    """Measure the hosts that are not measured yet, and write table and figure."""
    options = parse_options()
    torch.set_num_threads(1)  # times are CPU times of one core
    settings = load_protocol(options.protocol, collect_overrides({"set_": options.set}))
    references = read_references(options.references, half=options.half, limit=options.limit)
    choices = list(list_choices(options))
    asked = {"choices": [choice.model_dump_json() for choice in choices]}
    references = replace(references, source={**references.source, **asked})
    open_folder(options.output, references, settings)
    measure_hosts(references, settings, choices, options)
    hosts = read_choices(options.output)
    write_results(summarise_choices(hosts), options.output)
    stages = {name: sum(host.stages[name] for host in hosts) for name in hosts[0].stages}
    total = sum(stages.values())
    parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in stages.items())
    print(f"{len(hosts)} hosts, {total:.0f} CPU seconds: {parts}")


def parse_options() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("references", type=Path, nargs="+", help="complete structures")
    parser.add_argument("--output", type=Path, required=True, help="folder for the results")
    parser.add_argument("--half", choices=["tune", "final"], help="only one half of them")
    parser.add_argument("--limit", type=int, help="only the first hosts")
    parser.add_argument("--protocol", help="what is not varied: relaxations, keep, ...")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="other settings of the protocol",
    )
    parser.add_argument("--samples", type=int, nargs="+", default=[10, 25, 60])
    parser.add_argument("--candidates", type=int, nargs="+", default=[1, 2, 3, 5, 8])
    parser.add_argument(
        "--score-steps",
        type=int,
        default=5,
        help="steps of the second score; the first one takes samples unrelaxed",
    )
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def list_choices(options: argparse.Namespace) -> Iterator[Choice]:
    """Yield all combinations, and the fewest samples without a score."""
    yield Choice(samples=min(options.samples))
    for samples in options.samples:
        for steps in sorted({0, options.score_steps}):
            for count in options.candidates:
                if count <= samples:
                    yield Choice(samples=samples, score_steps=steps, candidates=count)


def measure_hosts(
    references: References,
    settings: RestorationSettings,
    choices: list[Choice],
    options: argparse.Namespace,
) -> None:
    """Measure each host that has no line yet, and add its line."""
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


def write_results(records: list[dict[str, Any]], folder: Path) -> None:
    """Write and print the table, and draw the figure."""
    write_choices(records, folder / "choices.csv")
    text = format_markdown(records)
    (folder / "choices.md").write_text(text, encoding="utf-8")
    save_figure(draw_choices(records), folder / "choices.png")
    print(text)


def draw_choices(records: Records) -> Figure:
    """Draw accuracy against CPU seconds: a colour per number of samples, a line per score.

    Points of a line differ in the number of relaxed candidates, which is written beside them.
    """
    with apply_style():
        figure = Figure(figsize=(9.4, 4.2), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (key, title) in zip(panels, KINDS, strict=True):
            _draw_lines(axes, records, key)
            axes.set(title=title, xlabel="CPU seconds per host", xscale="log")
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
    for count, score in sorted({_get_line(record) for record in records}, key=str):
        line = [record for record in records if _get_line(record) == (count, score)]
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


def _get_line(record: Mapping[str, Any]) -> tuple[int, int | None]:
    return record["samples"], record["score_steps"]


def tabulate_choices(records: Records) -> list[list[str]]:
    """Return a row for each choice, with the columns of `HEAD` and `COSTS`."""
    return [
        [
            str(record["samples"]),
            _format_score(record["score_steps"]),
            str(record["candidates"] or "all"),
            *_format_rate(record["les"]),
            *_format_rate(record["lowest_match"]),
            f"{100 * record['any_match']['value']:.1f}",
            f"{record['seconds']:.2f}",
            f"{record['evaluations']:.0f}",
        ]
        for record in records
    ]


def format_markdown(records: Records) -> str:
    """Return the table as Markdown."""
    head = [*HEAD, *COSTS]
    lines = [head, ["---"] * len(head), *tabulate_choices(records)]
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


def _format_score(steps: int | None) -> str:
    return "none" if steps is None else "unrelaxed" if steps == 0 else f"{steps} steps"


def _format_rate(rate: Mapping[str, Any]) -> tuple[str, str]:
    value = f"{100 * rate['value']:.1f} ± {100 * rate['error']:.1f}"
    return value, f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}"


if __name__ == "__main__":
    main()
