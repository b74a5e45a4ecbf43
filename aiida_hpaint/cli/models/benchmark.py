"""The command `aiida-hpaint benchmark`: success rates of restorations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_processes, complete_protocols
from aiida_hpaint.cli.errors import tell_how_to_go_on

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_hpaint.science.benchmark import References
    from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings

_HELP = """Measure how often restorations are right.

REFERENCES are complete structures (extxyz, CIF, ...). An element is removed from each and
restored; candidates and reference are relaxed with the same potential and compared. Each file of
several structures is a set of its own, with its own folder, and the table shows all sets side by
side; files of one structure each are a set together.

The folder gets report.html with its figures, summary.json (rates with 95 % intervals, by size and
chemistry; how well the confidence in answers is calibrated), samples.csv, rows.jsonl and
settings.json. The same command continues an interrupted run. With --compare each generator has its
own subfolder, and the report shows all generators together.

--half selects one half of the references by the SHA-256 of their reduced formula: `tune` to choose
settings and models, `final` for final figures. With --budget each host says how many H each of its
atoms has lost, as labels like OH and Wat do in a record. With --potentials other potentials
evaluate the relaxed structures, and the report says how well they agree and which is right more
often.

With --submit AiiDA runs the jobs; --show writes the results.

\b
Examples:
  aiida-hpaint benchmark references.extxyz --output runs/bundled
  aiida-hpaint benchmark mp20.extxyz minerals.extxyz --half final -o runs/all
  aiida-hpaint benchmark references.extxyz -o runs/models \\
      --compare random,bundled
  aiida-hpaint benchmark references/*.cif -o runs/quick \\
      --limit 10 --protocol fast
  aiida-hpaint benchmark references.extxyz --output runs/sampled --unrelaxed
  aiida-hpaint benchmark references.extxyz -o runs/tune --half tune \\
      --set keep=5
  aiida-hpaint benchmark references.extxyz -o runs/ranks --potentials all
  aiida-hpaint benchmark references.extxyz --submit --code python@cluster
  aiida-hpaint benchmark --show PK --output runs/cluster
"""


@click.command(cls=Command, help=_HELP)
@click.argument(
    "references", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@options.add_output_option("the results")
@click.option(
    "--element",
    default="H",
    show_default=True,
    metavar="EL",
    help="Element that is removed and restored.",
)
@options.add_generator_option
@click.option("--compare", metavar="NAMES", help="Generators to compare, separated by commas.")
@click.option(
    "--protocol",
    metavar="NAME",
    shell_complete=complete_protocols,
    help="Protocol: fast, balanced (default) or stringent.",
)
@options.add_potential_option
@options.add_samples_option("host")
@options.add_seed_option
@options.add_set_option("relax_all.fmax=0.02 or sampling.steps=50")
@click.option(
    "--potentials",
    metavar="NAMES",
    help="Potentials that evaluate the relaxed structures, separated by commas; =FILE follows the "
    "name where a model file is needed; or all.",
)
@click.option("--unrelaxed", is_flag=True, help="Compare samples without relaxing them.")
@click.option(
    "--half",
    type=click.Choice(["tune", "final"]),
    help="Use one half of the references: to choose settings on, or for final figures.",
)
@click.option(
    "--budget", is_flag=True, help="Say which atoms carried the removed H, as labels of records do."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Use the first N references.",
)
@click.option(
    "--max-sites",
    type=click.IntRange(min=2),
    metavar="N",
    help="Leave out references with more sites.",
)
@click.option(
    "--min-sites",
    type=click.IntRange(min=2),
    metavar="N",
    help="Leave out references with fewer sites.",
)
@click.option(
    "--processes",
    type=click.IntRange(min=1),
    metavar="N",
    help="Number of hosts measured in parallel (default: number of cores).",
)
@click.option("--submit", is_flag=True, help="Submit to AiiDA and return.")
@options.add_code_option
@click.option("--upload-model", is_flag=True, help="Send the generator weights with the jobs.")
@click.option("--upload-potential", is_flag=True, help="Send the potential's file with the jobs.")
@click.option(
    "--show",
    metavar="PK",
    shell_complete=complete_processes,
    help="Write the results of a submitted benchmark.",
)
@click.pass_obj
def benchmark(obj: dict[str, Any] | None, /, references: tuple[Path, ...], **flags: Any) -> None:
    """Measure how often restorations are right."""
    _check(references, flags)
    profile = (obj or {}).get("profile")
    if flags["show"] is not None:
        _show(profile, flags["show"], flags["output"])
        return
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.settings import collect_overrides
    from aiida_hpaint.science.protocols import load_protocol

    settings = load_protocol(flags["protocol"], collect_overrides(flags))
    silence_warnings()
    from aiida_hpaint.science.benchmark import read_reference_sets

    selection = [
        flags[name] for name in ("element", "half", "limit", "budget", "max_sites", "min_sites")
    ]
    sets = read_reference_sets(references, *selection)
    left_out = sum(chosen.left_out for chosen in sets.values())
    if left_out:
        has = f"no {flags['element']} or nothing else"
        click.echo(f"Left out: {left_out} structures that have {has}", err=True)
    if flags["submit"]:
        for chosen in sets.values():
            _submit(profile, chosen, settings, flags)
    else:
        _run(sets, settings, flags)


def _check(references: tuple[Path, ...], flags: dict[str, Any]) -> None:
    """Check that options do not contradict each other."""
    if flags["show"] is not None:
        if references or flags["submit"] or flags["output"] is None:
            raise click.UsageError("--show needs --output and no references")
        return
    if not references:
        raise click.UsageError("Missing argument 'REFERENCES...'.")
    if flags["compare"] is not None and flags["generator"] is not None:
        raise click.UsageError("--compare names all generators: leave out --generator")
    if flags["potentials"] and flags["unrelaxed"]:
        raise click.UsageError("--potentials evaluate what was relaxed: leave out --unrelaxed")
    if not flags["submit"]:
        if flags["code"] is not None or flags["upload_model"] or flags["upload_potential"]:
            raise click.UsageError("--code, --upload-model, --upload-potential are for --submit")
        if flags["output"] is None:
            raise click.UsageError("Missing option '-o' / '--output'.")
        return
    local = ("output", "compare", "potentials", "unrelaxed", "processes")
    given = [f"--{key}" for key in local if flags[key]]
    if given:
        raise click.UsageError(f"--submit cannot be combined with {', '.join(given)}")


def _run(
    sets: Mapping[str, References], settings: RestorationSettings, flags: dict[str, Any]
) -> None:
    from aiida_hpaint.cli.chunking import count_cores
    from aiida_hpaint.cli.console import open_progress, print_table
    from aiida_hpaint.science.benchmark import list_runs, run_side_by_side, write_report

    runs = list_runs(sets, settings, _names(flags["compare"]))
    potentials = _others(flags["potentials"], settings)
    how = f"the same command goes on with the hosts that {flags['output']} does not have"
    with tell_how_to_go_on(how), open_progress() as bars:

        def progress(done: int, total: int, text: str) -> None:
            bars(text, done, total)

        summaries = run_side_by_side(
            runs,
            flags["output"],
            relaxed=not flags["unrelaxed"],
            processes=flags["processes"] or count_cores(),
            potentials=potentials,
            progress=progress,
        )
    print_table(make_rates_table(summaries))
    click.echo(f"Report: {write_report(flags['output'])}")


def _submit(
    profile: str | None, chosen: References, settings: RestorationSettings, flags: dict[str, Any]
) -> None:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.chunking import choose_chunk_sites, count_cores

    session.load_profile(profile)
    from aiida_hpaint.workflows.benchmark.build import build_benchmark

    graph = build_benchmark(
        chosen,
        settings,
        code=flags["code"],
        upload_model=flags["upload_model"],
        upload_potential=flags["upload_potential"],
        chunk_sites=choose_chunk_sites(chosen.hosts.site_counts.tolist(), count_cores()),
        name=f"benchmark {settings.require_sampling().generator}",
    )
    pk = session.submit_to_daemon(graph).pk
    click.echo(f"Submitted as node {pk}: {len(chosen.hosts)} references.")
    click.echo(f"  verdi process status {pk}")
    click.echo(f"  aiida-hpaint benchmark --show {pk} --output runs/{pk}")


def _show(profile: str | None, identifier: str, output: Path) -> None:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import print_table

    session.load_profile(profile)
    from aiida_hpaint.science.benchmark import write_report
    from aiida_hpaint.workflows.benchmark.results import load_benchmark, write_benchmark

    node = load_benchmark(identifier)
    write_benchmark(node, output)
    print_table(make_rates_table({node.label: node.outputs.summary.get_dict()}))
    click.echo(f"Report: {write_report(output)}")


def _names(compare: str | None) -> list[str]:
    """Return the generators to compare; [] without --compare."""
    if compare is None:
        return []
    names = [name.strip() for name in compare.split(",") if name.strip()]
    if len(names) < 2:
        raise click.UsageError("--compare takes two names or more, like random,bundled")
    return names


def _others(names: str | None, settings: RestorationSettings) -> dict[str, PotentialSettings]:
    """Return the potentials to compare; those that cannot run here are reported and left out."""
    from aiida_hpaint.science.benchmark import find_usable_potentials

    if names is None:
        return {}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    found, left_out = find_usable_potentials(wanted, settings.ranking_potential)
    for reason in left_out.values():
        click.echo(f"Left out: {reason}", err=True)
    if not found:
        raise click.UsageError("--potentials: none can run here besides the one that relaxes")
    return found


def make_rates_table(summaries: dict[str, dict[str, Any]]) -> Table:
    """Return a table of rates, costs and calibration with a column for each run."""
    from rich.table import Table

    from aiida_hpaint.science.benchmark.report.runs import Run
    from aiida_hpaint.science.benchmark.report.tables import tabulate_rates

    table = Table("", *summaries, title="Rates with 95 % intervals")
    for row in tabulate_rates([Run(name, (), summary) for name, summary in summaries.items()]):
        table.add_row(*row)
    return table
