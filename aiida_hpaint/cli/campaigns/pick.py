"""aiida-hpaint pick: StructureData of the lowest candidates."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_work

if TYPE_CHECKING:
    from aiida.orm import ProcessNode, StructureData

    from aiida_hpaint.campaigns.group import CampaignGroup

_HELP = """Make StructureData of the lowest candidates of hosts.

Campaigns store all samples of a chunk in one node, and no StructureData. This command makes the
StructureData of hosts (HOST is the label; without it, of all hosts), linked to the samples. Hosts
of a campaign have the names that `aiida-hpaint results` gives them. What was made before is not
made again.

\b
Examples:
  aiida-hpaint pick hydrides PdNi-00001 PdNi-00002
  aiida-hpaint pick 1234                         all hosts of a restoration
  aiida-hpaint pick hydrides --group candidates  all hosts, put into a group
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
    from aiida_hpaint.campaigns.group import find_campaign

    campaign = find_campaign(source)
    picked = _pick_alone(source, hosts) if campaign is None else _pick_together(campaign, hosts)
    labels, found = [label for label, _ in picked], [structure for _, structure in picked]
    for label in hosts:
        if label not in labels:
            click.echo(f"Not picked: {label}: {source} has no candidate of this host", err=True)
    for label, structure in picked:
        click.echo(f"{structure.pk}  {structure.get_formula()}  {label}")
    if group and found:
        from aiida.orm import Group

        from aiida_hpaint.science.structures import quote_for_shell

        target, _ = Group.collection.get_or_create(label=group)
        target.add_nodes(found)
        click.echo(f"In group {group}: `verdi group show {quote_for_shell(group)}`")
    if set(hosts) - set(labels) or not found:
        raise click.exceptions.Exit(1)


def _pick_alone(source: str, hosts: Collection[str]) -> list[tuple[str, StructureData]]:
    """Return labels and structures of hosts of one restoration."""
    from aiida_hpaint.campaigns.results import pick_candidates
    from aiida_hpaint.data.structure_batch import DETAILS

    found = [one for node in find_restorations(source) for one in pick_candidates(node, hosts)]
    return [(str(one.base.attributes.get(DETAILS)["label"]), one) for one in found]


def _pick_together(
    campaign: CampaignGroup, hosts: Collection[str]
) -> list[tuple[str, StructureData]]:
    """Return names and structures of hosts of a campaign; names are those of `results`."""
    from aiida.orm import load_node

    from aiida_hpaint.campaigns.results import name_campaign_hosts, pick_hosts

    chosen: dict[int, dict[int, str]] = {}
    for (process, index), name in name_campaign_hosts(campaign).items():
        if not hosts or name in hosts:
            chosen.setdefault(process, {})[index] = name
    picked = []
    for process, names in chosen.items():
        node: Any = load_node(process)
        picked += [(names[index], one) for index, one in pick_hosts(node, names).items()]
    return picked


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
