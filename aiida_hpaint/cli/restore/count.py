"""aiida-hpaint count: the number of missing sites of an element."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_protocols
from aiida_hpaint.cli.verbosity import say
from aiida_hpaint.science.structures import make_safe_name

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.table import Table

    from aiida_hpaint.science.counting import CountingSettings
    from aiida_hpaint.science.structures import StructureBatch

_HELP = """Determine how many sites of an element a host lacks.

HOST is one CIF, POSCAR or extxyz file. It is restored with 1, 2, ... sites, and each number gets a
score from formation energy, oxidation states, and bond valences of the host. The table ranks the
numbers by their score, and gives the margin of the first.

Formation energies are relative to competing phases, relaxed with the same potential: prototypes of
the elements and of simple compounds, and the structures of --phases.

The folder gets counts.json, counts.csv, and the lowest structure with the most likely number; for
Li, Na, K, Mg and other ions of batteries voltages.csv, too, the curve against the metal.

\b
Examples:
  aiida-hpaint count host.cif
  aiida-hpaint count host.cif --max 12 --phases oxides/*.cif \\
      --phases hydroxides.extxyz
  aiida-hpaint count host.cif --element Li --max 4 \\
      --set restoration.relax_all.cell=free
  aiida-hpaint count host.cif --mu -1.2 --mu -0.3 --set error_rates.charge=0.1
  aiida-hpaint count host.cif --no-aiida
"""

_OF_JOBS = ("code", "upload_model", "upload_potential")


@click.command(cls=Command, help=_HELP)
@click.argument("host", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--element", metavar="EL", help="Element of the sites to insert.  [default: H]")
@click.option(
    "--max",
    "n_max",
    type=click.IntRange(min=1),
    metavar="N",
    help="Largest number to try.  [default: 8]",
)
@click.option(
    "--phases",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with more competing phases; may be repeated.",
)
@click.option(
    "--mu",
    type=float,
    multiple=True,
    help="Chemical potential of the element, eV above its reference; twice for a range.",
)
@options.add_disorder_option
@click.option(
    "--protocol",
    metavar="NAME",
    shell_complete=complete_protocols,
    help="Protocol of the restorations.",
)
@options.add_samples_option("number")
@options.add_seed_option
@options.add_generator_option
@options.add_potential_option
@options.add_set_option("error_rates.charge=0.1 or restoration.keep=2")
@options.add_code_option
@click.option("--upload-model", is_flag=True, help="Send the generator weights with the jobs.")
@click.option("--upload-potential", is_flag=True, help="Send the potential's file with the jobs.")
@options.add_output_option("tables and structure", "counted")
@options.add_json_option
@options.add_no_aiida_option
@click.pass_obj
def count(obj: dict[str, Any], /, host: Path, output: Path, **flags: Any) -> None:
    """Determine how many sites of an element a host lacks."""
    from aiida_hpaint.cli.console import (
        echo_json,
        print_table,
        show_provenance_commands,
        silence_warnings,
    )
    from aiida_hpaint.science.structures import read_hosts

    silence_warnings()
    if flags["no_aiida"] and any(flags[name] for name in _OF_JOBS):
        raise click.UsageError("--code, --upload-model, --upload-potential are for jobs of AiiDA")
    settings, node = make_counting_settings(flags), None
    if flags["no_aiida"]:
        found, structure = _count_here(host, settings, flags["phases"])
    else:
        node = _submit(obj["profile"], host, settings, flags)
        found, structure = _watch(node)
    one = read_hosts(host, settings=settings.restoration.hosts)
    _write(found, structure, one, output)
    if flags["as_json"]:
        process = None if node is None else {"pk": node.pk, "uuid": str(node.uuid)}
        echo_json({"process": process, "output": str(output), **found})
        say_what_failed(node)
        return
    click.echo(f"Missing {found['element']} in {found['host']}")
    print_table(make_counts_table(found))
    for line in [*describe_rows(found), "", describe_counts(found)]:
        click.echo(line)
    click.echo(f"Tables and the lowest structure are in {output}")
    if node is not None:
        show_provenance_commands(node)
    say_what_failed(node)


def make_counting_settings(flags: Mapping[str, Any]) -> CountingSettings:
    """Return the settings that the options describe.

    Raises
    ------
    ClickException
        If --mu is given more than twice.
    ValueError
        If a value is unknown or out of its range.
    """
    from aiida_hpaint.cli.settings import collect_overrides
    from aiida_hpaint.science.counting.settings import CountingSettings
    from aiida_hpaint.science.protocols import load_protocol, merge_settings, validate_settings

    values = CountingSettings().model_dump()
    if flags["protocol"] is not None:
        values["restoration"] = load_protocol(flags["protocol"]).model_dump()
    names = ("samples", "seed", "generator", "potential", "disorder")
    short = {name: flags[name] for name in names}
    values["restoration"] = merge_settings(values["restoration"], collect_overrides(short))
    values = merge_settings(values, collect_overrides({"set_": flags["set_"]}))
    values |= {key: flags[key] for key in ("element", "n_max") if flags[key] is not None}
    if flags["mu"]:
        if len(flags["mu"]) > 2:
            raise click.UsageError("give --mu once, or twice for both ends of a range")
        values["chemical_potential"] = (min(flags["mu"]), max(flags["mu"]))
    return validate_settings(CountingSettings, values)


def _count_here(
    host: Path, settings: CountingSettings, phases: tuple[Path, ...]
) -> tuple[dict[str, Any], StructureBatch | None]:
    from aiida_hpaint.cli.console import open_progress
    from aiida_hpaint.science.counting import estimate_missing_count
    from aiida_hpaint.science.preflight import check_tools

    check_tools(None, settings.restoration)
    with open_progress() as show:

        def progress(done: int, total: int, text: str) -> None:
            show(text.partition(":")[0].replace("_", " "), done, total)

        counting = estimate_missing_count(host, settings=settings, phases=phases, progress=progress)
    return counting.as_json(), counting.structure


def _submit(
    profile: str | None, host: Path, settings: CountingSettings, flags: Mapping[str, Any]
) -> ProcessNode:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.chunking import choose_chunk_sites, count_cores
    from aiida_hpaint.science.structures import read_hosts

    session.load_profile(profile)
    from aiida_hpaint.workflows.counting import build_count

    one = read_hosts(host, settings=settings.restoration.hosts)
    sizes = [one.n_sites + n for n in range(1, settings.n_max + 1)]
    graph = build_count(
        one,
        settings=settings,
        phases=flags["phases"],
        code=flags["code"],
        upload_model=flags["upload_model"],
        upload_potential=flags["upload_potential"],
        chunk_sites=choose_chunk_sites(sizes, count_cores()),
        name=f"count {settings.element} in {one.labels[0]}",
    )
    return session.submit_to_daemon(graph)


def _watch(node: ProcessNode) -> tuple[dict[str, Any], StructureBatch | None]:
    """Show the progress of a count until it ends; return its report and lowest structure.

    Raises
    ------
    ClickException
        If the process ends without a result.
    """
    from aiida.orm import WorkChainNode

    from aiida_hpaint.cli.console import open_progress
    from aiida_hpaint.cli.session import describe_end
    from aiida_hpaint.data.structure_batch import read_structure
    from aiida_hpaint.workflows.restore.progress import read_planned

    say(f"Node {node.pk} runs in the AiiDA daemon. Ctrl-C only stops watching.")
    planned = read_planned(node)
    total = 2 + (1 if planned.is_together else len(planned.stages)) * planned.chunks
    with open_progress() as show:
        while not node.is_terminated:
            stages = (n for n in node.called_descendants if type(n) is WorkChainNode)
            show("stages", sum(stage.is_terminated for stage in stages), total)
            time.sleep(1)
    if "counting" not in node.outputs:
        report = f"`verdi process report {node.pk}`"
        raise click.ClickException(
            f"node {node.pk} ended without a result ({describe_end(node)}): {report}"
        )
    best = node.outputs.structure if "structure" in node.outputs else None
    structure = None if best is None else read_structure(best)
    return node.outputs.counting.get_dict(), structure


def say_what_failed(node: ProcessNode | None) -> None:
    """End with status 1 and the reason if something failed that is not in the table."""
    from aiida_hpaint.cli.session import describe_end

    if node is not None and not node.is_finished_ok:
        reason = node.exit_message or describe_end(node)
        raise click.ClickException(
            f"the table is incomplete: {reason} (`verdi process report {node.pk}`)"
        )


def make_counts_table(found: Mapping[str, Any]) -> Table:
    """Return the figures of each number, the most likely first; `describe_rows` has the words."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    titles = (f"{name}\nweight" for name in ("energy", "charge", "valence"))
    energies = ("above hull\neV/atom", "last step\neV", "stable for mu\neV")
    for title in ("missing", "score", *titles, *energies):
        table.add_column(title, justify="right", no_wrap=True)
    for row in found["counts"]:
        weights = (row[f"weight_{name}"] for name in ("energy", "charge", "valence"))
        table.add_row(
            str(row["count"]),
            f"{row['score']:.3f}",
            *(_number(weight, ".2f") for weight in weights),
            _number(row["above_hull"], ".3f"),
            _number(row["step"], "+.2f"),
            _window(row["window"]),
        )
    return table


def describe_rows(found: Mapping[str, Any]) -> list[str]:
    """Return one line for each number that has oxidation states, decomposes, or needs a note."""
    lines = []
    for row in found["counts"]:
        parts = [row["states"] or "", row["note"]]
        if row["decomposition"]:
            parts.insert(1, f"decomposes to {', '.join(row['decomposition'])}")
        if said := "; ".join(part for part in parts if part):
            lines.append(f"{row['count']} {found['element']}: {said}")
    return lines


def describe_counts(found: Mapping[str, Any]) -> str:
    """Return the conclusion of the table as text, for ions of metals with their voltages."""
    from aiida_hpaint.science.counting.voltages import describe_plateaus

    best, element = found["best"], found["element"]
    conclusion = f"{best} {element} missing" if best else f"No {element} is missing"
    lines = [f"{conclusion} (margin of the score: {found['margin']:.3f})."]
    if found["note"]:
        lines.append(f"Check the table: {found['note']}.")
    if found["contradiction"]:
        lines.append(f"Check the table: {found['contradiction']}.")
    if best and best == max(row["count"] for row in found["counts"]):
        lines.append("It is the largest number that was tried: try more with --max.")
    if voltages := describe_plateaus(found):
        lines.append(f"{voltages}.")
    return "\n".join(lines)


def _write(
    found: Mapping[str, Any],
    structure: StructureBatch | None,
    host: StructureBatch,
    folder: Path,
) -> None:
    from aiida_hpaint.science.counting.results import format_counts_csv
    from aiida_hpaint.science.counting.voltages import find_plateaus, format_voltages_csv
    from aiida_hpaint.science.outputs import open_staging
    from aiida_hpaint.science.structures import write_restored

    with open_staging(folder) as staging:
        (staging / "counts.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
        (staging / "counts.csv").write_text(format_counts_csv(found), encoding="utf-8")
        if find_plateaus(found):
            (staging / "voltages.csv").write_text(format_voltages_csv(found), encoding="utf-8")
        if structure is not None:
            write_restored(structure, staging, make_safe_name(found["host"]), host=host)


def _number(value: float | None, form: str) -> str:
    if value is None:
        return "-"
    return format(abs(value) if float(format(value, form)) == 0 else value, form)  # no -0.000


def _window(window: list[float | None] | None) -> str:
    if window is None:
        return "-"
    low, high = window
    if low is None or high is None:
        return f"below {high:+.2f}" if high is not None else f"above {low or 0.0:+.2f}"
    return f"{low:+.2f} to {high:+.2f}"
