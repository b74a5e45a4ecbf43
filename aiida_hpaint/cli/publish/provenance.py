"""aiida-hpaint provenance."""

from __future__ import annotations

from typing import Any

import click

_HELP = """Show the provenance of a structure.

The record has host, sample, seed, model, potential, settings, jobs and computers of a structure
from a restoration, a validation (the lowest by DFT, or any other that it relaxed) or a
RestoreHydrogenWorkChain. For the PK of a process, its structures are listed.

\b
Examples:
  aiida-hpaint provenance PK
  aiida-hpaint provenance PK --json > provenance.json
"""


@click.command(help=_HELP)
@click.argument("pk", metavar="PK")
@click.option("--json", "as_json", is_flag=True, help="Print the complete record as JSON.")
@click.pass_obj
def provenance(obj: dict[str, Any], pk: str, as_json: bool) -> None:
    """Show the provenance of a structure."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    session.load_profile(obj["profile"])
    import json
    from dataclasses import asdict

    from aiida_hpaint.queries import trace_structure
    from aiida_hpaint.queries.formatting import format_provenance

    record = trace_structure(pk)
    if as_json:
        values = {**asdict(record), "computers": record.computers}
        click.echo(json.dumps(values, indent=2, allow_nan=False))
    else:
        click.echo(format_provenance(record))
