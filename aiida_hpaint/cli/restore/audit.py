"""aiida-hpaint audit: hydrogen that is there, but doubtful."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_protocols
from aiida_hpaint.cli.restore.complete import read_complete

if TYPE_CHECKING:
    from aiida_hpaint.science.audit import Alert
    from aiida_hpaint.science.settings import RestorationSettings
    from aiida_hpaint.science.structures import StructureBatch

_HELP = """Look for doubtful hydrogen in complete structures.

FILES are structures with their H. Alerts have the levels of checkCIF: A is most likely a serious
problem, B a potential one, C is worth a look, G is information. They are about H too close to or
too far from everything, X-H bonds too short or too long, H2 where H would bond, H of different
atoms too close, hydronium beside hydroxide.

With --restore, H is removed, restored and relaxed, and the structure itself is relaxed by the same
potential: an alert says if another arrangement is lower in energy, and by how much, or if the H of
the structure move.

The exit status is 1 if there is an alert of level A.

\b
Examples:
  aiida-hpaint audit published.cif
  aiida-hpaint audit hydrides/*.cif --restore --json > alerts.json
"""


@click.command("audit", cls=Command, help=_HELP)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILES...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option("--restore", "restores", is_flag=True, help="Restore H, and compare energies.")
@click.option(
    "--protocol",
    default="fast",
    show_default=True,
    metavar="NAME",
    shell_complete=complete_protocols,
    help="Protocol of --restore.",
)
@options.add_potential_option
@options.add_set_option("sampling.samples=25 or keep=3")
@options.add_json_option
def audit(files: tuple[Path, ...], restores: bool, as_json: bool, **flags: Any) -> None:
    """Look for doubtful hydrogen in complete structures."""
    from aiida_hpaint.cli.console import open_progress, silence_warnings
    from aiida_hpaint.cli.settings import collect_overrides
    from aiida_hpaint.science.preflight import check_tools
    from aiida_hpaint.science.protocols import load_protocol

    silence_warnings()
    settings = load_protocol(flags["protocol"], collect_overrides(flags)) if restores else None
    if settings is not None:
        check_tools(None, settings)
    structures = read_complete(files)
    found: dict[str, list[Alert]] = {}
    try:
        with open_progress() as show:
            for row, label in enumerate(structures.labels):
                found[label] = _audit(structures[row], settings)
                if settings is not None:
                    show("structures", row + 1, len(structures))
    except KeyboardInterrupt:
        if not found:
            raise click.ClickException("interrupted before a structure was audited") from None
    if as_json:
        listed = {label: [alert.as_json() for alert in alerts] for label, alerts in found.items()}
        click.echo(json.dumps(listed, indent=2))
    else:
        _show(found)
    if left := [label for label in structures.labels if label not in found]:
        raise click.ClickException(f"interrupted, and not audited: {', '.join(left)}")
    if any(alert.level == "A" for alerts in found.values() for alert in alerts):
        raise click.exceptions.Exit(1)


def _audit(structure: StructureBatch, settings: RestorationSettings | None) -> list[Alert]:
    from aiida_hpaint.science.audit import Alert, audit_by_restoring, audit_geometry

    if not (structure.numbers == 1).any():
        return [Alert("G", "no H", "there is nothing to audit; `inspect` says if any is missing")]
    alerts = audit_geometry(structure)
    if settings is not None:
        try:
            alerts = [*alerts, *audit_by_restoring(structure, settings)]
        except Exception as error:  # one structure must not cost what was found about the others
            alerts = [*alerts, Alert("A", "not restored", f"{type(error).__name__}: {error}")]
    return sorted(alerts)


def _show(found: dict[str, list[Alert]]) -> None:
    from rich.table import Table

    from aiida_hpaint.cli.console import print_table

    table = Table("structure", "level", "alert", "detail")
    for label, alerts in found.items():
        for alert in alerts:
            table.add_row(label, alert.level, alert.name, alert.detail)
        if not alerts:
            table.add_row(label, "", "nothing doubtful", "")
    print_table(table)
