"""aiida-hpaint pick: StructureData of the lowest candidates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_work

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

_HELP = """Make StructureData of the lowest candidates of hosts.

Campaigns store all samples of a chunk in one node, and no StructureData. This command makes the
StructureData of hosts (HOST is the label; without it, of all hosts), linked to the samples. What
was made before is not made again.

\b
Examples:
  aiida-hpaint pick hydrides PdNi-00001 PdNi-00002
  aiida-hpaint pick 1234                         all hosts of a restoration
  aiida-hpaint pick hydrides --group candidates  all hosts; adds the structures to a group
"""


@click.command(cls=Command, help=_HELP)
@click.argument("source", metavar="NAME|PK", shell_complete=complete_work)
@click.argument("hosts", nargs=-1, metavar="[HOST...]")
@click.option(
    "--group",
    metavar="LABEL",
    help="Group that the structures are added to.",
)
@click.pass_obj
def pick(obj: dict[str, Any], source: str, hosts: tuple[str, ...], group: str | None) -> None:
    """Make StructureData of the lowest candidates of hosts."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    session.load_profile(obj["profile"])
    from aiida_hpaint.campaigns.results import pick_candidates as pick_from
    from aiida_hpaint.data.structure_batch import DETAILS

    found = [one for node in find_restorations(source) for one in pick_from(node, hosts)]
    labels = [str(one.base.attributes.get(DETAILS)["label"]) for one in found]
    for label in hosts:
        if label not in labels:
            click.echo(f"Not picked: {label}: {source} has no candidate of this host", err=True)
    for label, structure in zip(labels, found, strict=True):
        click.echo(f"{structure.pk}  {structure.get_formula()}  {label}")
    if group and found:
        from aiida.orm import Group

        from aiida_hpaint.science.structures import quote_for_shell

        target, _ = Group.collection.get_or_create(label=group)
        target.add_nodes(found)
        click.echo(f"In group {group}: `verdi group show {quote_for_shell(group)}`")
    if set(hosts) - set(labels) or not found:
        raise click.exceptions.Exit(1)


def find_restorations(source: str) -> list[ProcessNode]:
    """Return the restoration with this PK, or those that hold the results of a campaign."""
    from aiida.orm import load_node

    from aiida_hpaint.campaigns.group import find_campaign
    from aiida_hpaint.campaigns.state import find_campaign_hosts
    from aiida_hpaint.cli.campaigns.results import find_restoration

    group = find_campaign(source)
    if group is None:
        return [find_restoration(source)]
    processes: list[Any] = [
        load_node(pk)
        for pk in sorted({known.process for known in find_campaign_hosts(group).values()})
    ]
    return processes
