"""The command `aiida-hpaint benchmark`: success rates of restorations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_hpaint.science.benchmark import References
    from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings

_HELP = """Measure how often restorations are right.

REFERENCES are complete structures (extxyz, CIF, ...). An element is removed from each and
restored; candidates and reference are relaxed with the same potential and compared.

The folder gets report.html with its figures, summary.json (rates with standard errors and 95 %
intervals, for 1 to all samples, by size and chemistry), samples.csv, rows.jsonl and settings.json.
The same command continues an interrupted run. With --compare each generator has its own subfolder,
and the report shows all generators together.

--half selects one half of the references by the SHA-256 of their reduced formula: `tune` to choose
settings and models, `final` for final figures. With --budget each host says how many H each of its
atoms has lost, as labels like OH and Wat do in a record. With --potentials other potentials
evaluate the relaxed structures, and the report says how well they agree and which is right more
often.

With --submit AiiDA runs the jobs; --show writes the results.

\b
Examples:
  aiida-hpaint benchmark references.extxyz --output runs/bundled
  aiida-hpaint benchmark references.extxyz --output runs/models --compare random,bundled
  aiida-hpaint benchmark references/*.cif --output runs/quick --limit 10 --protocol fast
  aiida-hpaint benchmark references.extxyz --output runs/sampled --unrelaxed
  aiida-hpaint benchmark references.extxyz --output runs/tune --half tune --set keep=5
  aiida-hpaint benchmark references.extxyz --output runs/ranks --potentials all
  aiida-hpaint benchmark references.extxyz --submit --code python@cluster
  aiida-hpaint benchmark --show PK --output runs/cluster
"""

_RATES = {
    "single_sample_match_unrelaxed": "single sample, unrelaxed",
    "single_sample_carriers_unrelaxed": "single sample, H at the right atoms",
    "any_match_unrelaxed": "any sample, unrelaxed",
    "single_sample_match": "single sample",
    "lowest_match": "lowest",
    "lowest_carriers": "lowest, H at the right atoms",
    "any_match": "any sample",
    "les": "lowest matches or is lower (LES)",
    "host_match": "host still matches",
}


@click.command(help=_HELP)
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
@click.option("--protocol", metavar="NAME", help="Protocol: fast, balanced (default) or stringent.")
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
@click.option("--half", type=click.Choice(["tune", "final"]), help="Half of the references.")
@click.option(
    "--budget", is_flag=True, help="Hosts say which atoms carry the removed H, as records may."
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Use the first N references.",
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
@click.option("--show", metavar="PK", help="Write the results of a submitted benchmark.")
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
    from aiida_hpaint.science.benchmark import read_references

    selection = [flags[name] for name in ("element", "half", "limit", "budget")]
    chosen = read_references(references, *selection)
    if chosen.left_out:
        has = f"no {flags['element']} or nothing else"
        click.echo(f"Left out: {chosen.left_out} structures that have {has}", err=True)
    if flags["submit"]:
        _submit(profile, chosen, settings, flags)
    else:
        _run(chosen, settings, flags)


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
        if flags["code"] is not None or flags["upload_model"]:
            raise click.UsageError("--code and --upload-model are for --submit")
        if flags["output"] is None:
            raise click.UsageError("Missing option '-o' / '--output'.")
        return
    local = ("output", "compare", "potentials", "unrelaxed", "processes")
    given = [f"--{key}" for key in local if flags[key]]
    if given:
        raise click.UsageError(f"--submit cannot be combined with {', '.join(given)}")


def _run(chosen: References, settings: RestorationSettings, flags: dict[str, Any]) -> None:
    from aiida_hpaint.cli.chunking import count_cores
    from aiida_hpaint.cli.console import make_console, open_progress
    from aiida_hpaint.science.benchmark import run_benchmark, run_comparison, write_report

    names, output = _names(flags["compare"]), flags["output"]
    shared: Any = {
        "relaxed": not flags["unrelaxed"],
        "processes": flags["processes"] or count_cores(),
        "potentials": _others(flags["potentials"], settings),
    }
    with open_progress() as bars:

        def progress(done: int, total: int, text: str) -> None:
            bars(text, done, total)

        shared["progress"] = progress
        if names:
            summaries = run_comparison(chosen, settings, names, output, **shared)
        else:
            summary = run_benchmark(chosen, settings, output, **shared)
            summaries = {settings.require_sampling().generator: summary}
    make_console().print(make_rates_table(summaries))
    click.echo(f"Report: {write_report(output)}")


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
        chunk_sites=choose_chunk_sites(chosen.hosts.site_counts.tolist(), count_cores()),
        name=f"benchmark {settings.require_sampling().generator}",
    )
    pk = session.submit_to_daemon(graph).pk
    click.echo(f"Submitted as node {pk}: {len(chosen.hosts)} references.")
    click.echo(f"  verdi process status {pk}")
    click.echo(f"  aiida-hpaint benchmark --show {pk} --output runs/{pk}")


def _show(profile: str | None, identifier: str, output: Path) -> None:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import make_console

    session.load_profile(profile)
    from aiida_hpaint.science.benchmark import write_report
    from aiida_hpaint.workflows.benchmark.results import load_benchmark, write_benchmark

    node = load_benchmark(identifier)
    write_benchmark(node, output)
    make_console().print(make_rates_table({node.label: node.outputs.summary.get_dict()}))
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
    found, left_out = find_usable_potentials(wanted, settings.potential)
    for reason in left_out.values():
        click.echo(f"Left out: {reason}", err=True)
    if not found:
        raise click.UsageError("--potentials: none can run here besides the one that relaxes")
    return found


def make_rates_table(summaries: dict[str, dict[str, Any]]) -> Table:
    """Return a table of rates and costs with a column for each generator."""
    from rich.table import Table

    first = next(iter(summaries.values()))
    title = f"{first['hosts']} hosts, {first['samples']} samples each; ± standard error (95 %)"
    table = Table("", *summaries, title=title)
    for key, title in _RATES.items():
        if key not in first:
            continue
        table.add_row(title, *(_percent(summary[key]) for summary in summaries.values()))
    seconds = (f"{summary['seconds']['per_host']:.1f} s" for summary in summaries.values())
    table.add_row("CPU time per host", *seconds)
    return table


def _percent(rate: dict[str, Any]) -> str:
    if rate["value"] is None:
        return "-"
    interval = f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}"
    return f"{100 * rate['value']:.1f} ± {100 * rate['error']:.1f} % ({interval})"
