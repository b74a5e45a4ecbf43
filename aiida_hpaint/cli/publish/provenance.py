"""aiida-hpaint provenance."""

from __future__ import annotations

from typing import Any

import click

HELP = """Tell where a structure comes from.

Host, sample, seed, model, potential, settings, jobs and computers of a structure that a
restoration, a validation (the lowest by DFT, or any that it relaxed) or RestoreHydrogenWorkChain
returned. For the PK of a process its structures are named.

\b
Examples:
  aiida-hpaint provenance PK
  aiida-hpaint provenance PK --json > story.json
"""


@click.command(help=HELP)
@click.argument("pk", metavar="PK")
@click.option("--json", "as_json", is_flag=True, help="Everything, for programs.")
@click.pass_obj
def provenance(obj: dict[str, Any], pk: str, as_json: bool) -> None:
    """Tell where a structure comes from."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    session.load_profile(obj["profile"])
    import json
    from dataclasses import asdict

    from aiida_hpaint.queries import trace
    from aiida_hpaint.queries.words import tell

    story = trace(pk)
    if as_json:
        values = {**asdict(story), "computers": story.computers}
        click.echo(json.dumps(values, indent=2, allow_nan=False))
    else:
        click.echo(tell(story))
