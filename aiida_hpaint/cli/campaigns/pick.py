"""aiida-hpaint pick: StructureData of hosts of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from aiida.orm import ProcessNode, StructureData

HELP = """Make AiiDA structures of the lowest candidates of hosts.

Restorations of campaigns keep all samples of a chunk in one node, and make no StructureData. This
makes those of the hosts with the labels that are given, or of all, with links to where they come
from; those that are there already are shown.

\b
Examples:
  aiida-hpaint pick hydrides PdNi-00001 PdNi-00002
  aiida-hpaint pick 1234                         all hosts of a restoration
  aiida-hpaint pick hydrides --group candidates  all, and put into a group
"""


@click.command(help=HELP)
@click.argument("source", metavar="NAME|PK")
@click.argument("hosts", nargs=-1, metavar="[HOST...]")
@click.option("--group", metavar="LABEL", help="Put them into this group, which may be new.")
@click.pass_obj
def pick(obj: dict[str, Any], source: str, hosts: tuple[str, ...], group: str | None) -> None:
    """Make AiiDA structures of the lowest candidates of hosts."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.console import silence_warnings

    silence_warnings()
    session.load_profile(obj["profile"])
    from aiida_hpaint.campaigns.picking import pick as pick_from

    found = [one for node in _restorations(source) for one in pick_from(node, hosts)]
    labels = [_label(structure) for structure in found]
    for label in hosts:
        if label not in labels:
            click.echo(f"Not picked: {label}: {source} has no candidate of such a host", err=True)
    for label, structure in zip(labels, found, strict=True):
        click.echo(f"{structure.pk}  {structure.get_formula()}  {label}")
    if group and found:
        from aiida.orm import Group

        from aiida_hpaint.science.structures import quoted

        target, _ = Group.collection.get_or_create(label=group)
        target.add_nodes(found)
        click.echo(f"In group {group}: `verdi group show {quoted(group)}`")
    if set(hosts) - set(labels) or not found:
        raise click.exceptions.Exit(1)


def _label(structure: StructureData) -> str:
    from aiida_hpaint.data.structure_batch import DETAILS

    return str(structure.base.attributes.get(DETAILS)["label"])


def _restorations(source: str) -> list[ProcessNode]:
    """The restoration of a PK, or those of a campaign that hold what counts of its hosts."""
    from aiida.orm import load_node

    from aiida_hpaint.campaigns.group import find_campaign
    from aiida_hpaint.campaigns.state import campaign_hosts
    from aiida_hpaint.cli.campaigns.status import find

    group = find_campaign(source)
    if group is None:
        return [find(source)]
    processes: list[Any] = [
        load_node(pk) for pk in sorted({known.process for known in campaign_hosts(group).values()})
    ]
    return processes
