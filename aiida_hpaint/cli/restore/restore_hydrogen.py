"""aiida-hpaint restore-hydrogen: the baseline, by density-functional theory alone."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_dft_protocols, complete_files
from aiida_hpaint.cli.errors import CommandError, tell_how_to_go_on

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from rich.table import Table

    from aiida_hpaint.science.settings import RestoreHydrogenSettings
    from aiida_hpaint.science.structures import StructureBatch

_HELP = """Restore hosts by density-functional theory alone: the physics baseline.

For each host, a RestoreHydrogenWorkChain computes the density with the electrons of the sites to
insert, inserts atoms at maxima of the electrostatic potential (the pinball model selects among too
many), relaxes them with the host fixed, repeats this until all sites are inserted, and relaxes all
positions at the end. It takes minutes where `aiida-hpaint restore` takes seconds, and needs Quantum
ESPRESSO: see `aiida-hpaint setup dft`.

FILES are CIF, SHELX, POSCAR or extxyz files. The number of missing H is read from each file, or
given with --add. The folder gets CIFs of each host, and hosts.csv. Answers are checked as those of
`aiida-hpaint restore` are; the exit status is 1 if a host has none that passes.

\b
Examples:
  aiida-hpaint restore-hydrogen brucite.cif
  aiida-hpaint restore-hydrogen host.cif --add H:2 --protocol fast
  aiida-hpaint restore-hydrogen hosts/*.cif --processes 8 --set pinball.keep=5
  aiida-hpaint restore-hydrogen host.cif --set dft.cutoff_wfc=60 \\
      --pw pw@cluster --pp pp@cluster
  aiida-hpaint restore-hydrogen host.cif --submit
"""

_COLUMNS = (
    "label",
    "node",
    "status",
    "rounds",
    "sites",
    "arrangements",
    "energy",
    "checks",
    "pw_jobs",
    "scf_iterations",
    "seconds",
    "message",
)
"""Columns of hosts.csv; energies in eV, seconds of wall time inside Quantum ESPRESSO."""


@click.command("restore-hydrogen", cls=Command, help=_HELP)
@click.argument("files", nargs=-1, required=True, metavar="FILES...", shell_complete=complete_files)
@options.add_host_options
@click.option(
    "--protocol",
    metavar="NAME",
    shell_complete=complete_dft_protocols,
    help="DFT protocol: fast, balanced (default) or paper.",
)
@options.add_set_option("pinball.screening=4 or dft.kpoints_distance=0.2")
@options.add_espresso_option("--pw", "pw")
@options.add_espresso_option("--pp", "pp")
@options.add_job_options
@click.option("--submit", is_flag=True, help="Submit and return without waiting.")
@options.add_output_option("CIFs and table", "restored-by-dft")
@click.pass_obj
def restore_hydrogen(
    obj: dict[str, Any], /, files: tuple[str, ...], output: Path, **flags: Any
) -> None:
    """Restore hosts by density-functional theory alone."""
    from aiida_hpaint.cli.console import print_table, show_provenance_commands, silence_warnings
    from aiida_hpaint.cli.restore.request import RestorationRequest, load_hosts
    from aiida_hpaint.cli.settings import make_host_settings

    silence_warnings()
    request = RestorationRequest(hosts=list(files), add=flags["add"])
    hosts = load_hosts(request, flags["skip_bad"], make_host_settings(flags))
    nodes = _submit(obj["profile"], hosts, flags)
    if flags["submit"]:
        for label, node in zip(hosts.labels, nodes, strict=True):
            click.echo(f"{label}: submitted as node {node.pk}, `verdi process show {node.pk}`")
        return
    _watch(nodes)
    answers = [_read_answer(node, host) for node, host in zip(nodes, hosts, strict=True)]
    rows = [
        _row(label, node, answer)
        for label, node, answer in zip(hosts.labels, nodes, answers, strict=True)
    ]
    _write(rows, answers, hosts, output)
    print_table(_table(rows))
    _show_checks(answers)
    click.echo(f"CIFs and hosts.csv are in {output}")
    show_provenance_commands(nodes[0], has_results=False)
    if not all(answer is not None and answer.scalars["passes"][0] for answer in answers):
        raise click.exceptions.Exit(1)


def _submit(
    profile: str | None, hosts: StructureBatch, flags: Mapping[str, Any]
) -> list[ProcessNode]:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.settings import collect_overrides

    session.load_profile(profile)
    from aiida_hpaint.workflows.restore_hydrogen.builder import load_hydrogen_settings

    settings = load_hydrogen_settings(flags["protocol"], collect_overrides({"set_": flags["set_"]}))
    # Check the inputs of all hosts before the first is submitted.
    builders = [_builder(host, settings, flags) for host in hosts]
    return [session.submit_to_daemon(builder) for builder in builders]


def _builder(
    host: StructureBatch, settings: RestoreHydrogenSettings, flags: Mapping[str, Any]
) -> Any:
    from aiida_hpaint.data.structure_batch import to_structure
    from aiida_hpaint.science.structures import remove_inserted
    from aiida_hpaint.workflows.restore_hydrogen import RestoreHydrogenWorkChain

    element, count = _find_inserted(host)
    builder: Any = RestoreHydrogenWorkChain.get_builder_from_protocol(
        flags["pw"],
        flags["pp"],
        to_structure(remove_inserted(host)),
        count,
        element=element,
        settings=settings,
        options=options.make_job_options(flags["processes"], flags["walltime"]),
    )
    builder.metadata.label = f"restore {element} of {host.labels[0]}"[:255]
    return builder


def _find_inserted(host: StructureBatch) -> tuple[str, int]:
    from aiida_hpaint.science.structures.elements import get_symbol

    elements = {get_symbol(number) for number in host.numbers[host.inserted].tolist()}
    if len(elements) != 1:
        asked = ", ".join(sorted(elements))
        raise CommandError(f"{host.labels[0]}: insert one element at a time, not {asked}")
    return elements.pop(), int(host.insert_counts[0])


def _watch(nodes: Sequence[ProcessNode]) -> None:
    """Show how many hosts and jobs are done, until all have ended."""
    from aiida.orm import CalcJobNode

    from aiida_hpaint.cli.console import open_progress

    listed = ", ".join(str(node.pk) for node in nodes)
    click.echo(f"Nodes {listed} run in the AiiDA daemon. Ctrl-C only stops watching.")
    how = f"they are still running: `verdi process status {nodes[0].pk}` shows the first one"
    with tell_how_to_go_on(how), open_progress() as show:
        while True:
            ended = sum(node.is_terminated for node in nodes)
            below = [job for node in nodes for job in node.called_descendants]
            jobs = [job for job in below if isinstance(job, CalcJobNode)]
            show("jobs of Quantum ESPRESSO", sum(job.is_terminated for job in jobs), len(jobs))
            show("hosts", ended, len(nodes))
            if ended == len(nodes):
                return
            time.sleep(1)


def _read_answer(node: ProcessNode, host: StructureBatch) -> StructureBatch | None:
    """Return the checked structure of a work chain that got to its end; None for others."""
    from aiida_hpaint.calculations.restored_by_dft import read_restored

    if "report" not in node.outputs or node.outputs.report["status"] != "finished":
        return None
    return read_restored(node.outputs.structure, host)


def _show_checks(answers: Sequence[StructureBatch | None]) -> None:
    """Print notices and failures of the checks, as `aiida-hpaint restore` does."""
    from aiida_hpaint.science.plausibility.check_answers import get_findings

    for answer in answers:
        if answer is None:
            continue
        for notice in get_findings(answer, "notices"):
            click.echo(f"Notice: {answer.labels[0]}: {notice}")
        if failed := get_findings(answer):
            reasons = "; ".join(failed)
            click.echo(
                f"Not restored: {answer.labels[0]}: it does not pass the checks: {reasons}",
                err=True,
            )


def _row(label: str, node: ProcessNode, answer: StructureBatch | None) -> dict[str, Any]:
    from aiida_hpaint.cli.session import describe_end
    from aiida_hpaint.science.report import describe_checks

    report = node.outputs.report.get_dict() if "report" in node.outputs else {}
    rounds = report.get("rounds", [])
    return {
        "label": label,
        "node": node.pk,
        "status": report.get("status", "failed"),
        "rounds": len(rounds),
        "sites": "+".join(str(one["sites"]) for one in rounds),
        "arrangements": "+".join(str(len(one["arrangements"])) for one in rounds),
        "energy": report.get("final", {}).get("energy"),
        "checks": "-" if answer is None else describe_checks(answer),
        "message": "" if node.is_finished_ok else report.get("message", describe_end(node)),
        **{key: report.get(key) for key in ("pw_jobs", "scf_iterations", "seconds")},
    }


def _write(
    rows: Sequence[Mapping[str, Any]],
    answers: Sequence[StructureBatch | None],
    hosts: StructureBatch,
    folder: Path,
) -> None:
    from aiida_hpaint.science.outputs import open_staging
    from aiida_hpaint.science.structures import (
        escape_for_spreadsheet,
        make_safe_names,
        write_restored,
    )

    names = make_safe_names(row["label"] for row in rows)
    with open_staging(folder) as staging:
        with (staging / "hosts.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, _COLUMNS)
            writer.writeheader()
            for row in rows:
                writer.writerow({key: escape_for_spreadsheet(value) for key, value in row.items()})
        for answer, host, name in zip(answers, hosts, names, strict=True):
            if answer is not None:
                write_restored(answer, staging, name, host=host)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table()
    titles = ("host", "node", "status", "rounds", "sites", "relaxed", "energy\neV", "checks")
    for title in (*titles, "pw.x\njobs", "scf\niterations", "seconds", "message"):
        table.add_column(title, overflow="fold")
    for row in rows:
        values = ("-" if row[name] is None else row[name] for name in _COLUMNS)
        table.add_row(*(f"{v:.4f}" if isinstance(v, float) else str(v) for v in values))
    return table
