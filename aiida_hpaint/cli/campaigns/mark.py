"""aiida-hpaint mark: outcomes on the nodes that hosts come from."""

from __future__ import annotations

from typing import Any

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_work
from aiida_hpaint.science.wording import format_count

_HELP = """Write the outcome of restorations on the nodes that their hosts come from.

Campaigns do so on their own, unless they were submitted with --no-mark. The extra `hpaint` of a
StructureData or CifData has the status (restored, without candidate or failed), the missing sites,
the number of candidates, the UUID of the restoration, and that of the structure that
`aiida-hpaint pick` made.

\b
Examples:
  aiida-hpaint mark hydrides            all restorations of a campaign
  aiida-hpaint mark 1234                one restoration
  aiida-hpaint mark hydrides --remove   removes the marks that they made
"""


@click.command(cls=Command, help=_HELP)
@click.argument("source", metavar="NAME|PK", shell_complete=complete_work)
@click.option("--remove", is_flag=True, help="Remove the marks.")
@click.pass_obj
def mark(obj: dict[str, Any], source: str, remove: bool) -> None:
    """Write the outcome of restorations on the nodes that their hosts come from."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.campaigns.pick import find_restorations
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    session.load_profile(obj["profile"])
    from aiida_hpaint.workflows.restore.marks import mark_sources, remove_marks

    ended = [one for one in find_restorations(source) if one.is_terminated]
    change = remove_marks if remove else mark_sources
    count = sum(change(one) for one in ended)
    click.echo(f"{'Removed the marks of' if remove else 'Marked'} {format_count(count, 'node')}.")
