"""aiida-hpaint count: the number of missing sites of an element."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_protocols
from aiida_hpaint.cli.errors import tell_how_to_go_on
from aiida_hpaint.cli.verbosity import say

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

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
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.restore.count_report import read_count, refuse_another_host, report_count
    from aiida_hpaint.cli.restore.run import refuse_options_of_jobs
    from aiida_hpaint.science.structures import read_hosts

    silence_warnings()
    if flags["no_aiida"]:
        refuse_options_of_jobs(flags)
    settings, node = make_counting_settings(flags), None
    one = read_hosts(host, settings=settings.restoration.hosts)
    refuse_another_host(one.labels[0], output)
    if flags["no_aiida"]:
        found, structure = _count_here(host, settings, flags["phases"])
    else:
        node = _submit(obj["profile"], one, settings, flags)
        _watch(node)
        found, structure, one = read_count(node)
    report_count(found, structure, one, output, node, flags["as_json"])


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
    profile: str | None, one: StructureBatch, settings: CountingSettings, flags: Mapping[str, Any]
) -> ProcessNode:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.chunking import choose_chunk_sites, count_cores

    session.load_profile(profile)
    from aiida_hpaint.workflows.counting import build_count

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


def _watch(node: ProcessNode) -> None:
    """Show the progress of a count until it ends.

    Raises
    ------
    ClickException
        If the user stops watching.
    """
    from aiida.orm import WorkChainNode

    from aiida_hpaint.cli.console import open_progress
    from aiida_hpaint.workflows.restore.progress import read_planned

    say(f"Node {node.pk} runs in the AiiDA daemon. Ctrl-C only stops watching.")
    planned = read_planned(node)
    total = 2 + (1 if planned.is_together else len(planned.stages)) * planned.chunks
    how = (
        f"node {node.pk} is still running: `aiida-hpaint status {node.pk}` shows its progress,"
        f" `aiida-hpaint results {node.pk}` its results"
    )
    with tell_how_to_go_on(how), open_progress() as show:
        while not node.is_terminated:
            stages = (n for n in node.called_descendants if type(n) is WorkChainNode)
            show("stages", sum(stage.is_terminated for stage in stages), total)
            time.sleep(1)
