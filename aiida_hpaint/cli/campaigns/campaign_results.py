"""What a campaign found, written to one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_hpaint.science.structures.names import quoted

if TYPE_CHECKING:
    from aiida_hpaint.campaigns.group import CampaignGroup

SHOWN = 50
"""Hosts up to which each has its line; above they are counted, and in the files."""


def report_campaign(group: CampaignGroup, output: Path) -> None:
    """Write CIFs, candidates and tables of all chunks, and say what there is.

    Raises
    ------
    ClickException
        If there is no sample yet.
    """
    from aiida_hpaint.campaigns.results import campaign_samples
    from aiida_hpaint.campaigns.state import campaign_state
    from aiida_hpaint.cli.console import make_console
    from aiida_hpaint.cli.tables import (
        describe_unrestored,
        group_by_host,
        make_host_table,
        write_host_files,
    )

    samples = campaign_samples(group)
    state = campaign_state(group, with_jobs=False)
    if samples is None:
        raise click.ClickException(
            f"campaign {group.label} has no samples yet: aiida-hpaint status {quoted(group.label)}"
        )
    results = group_by_host(samples)
    files = write_host_files(results, samples, output)
    failed = describe_unrestored(results)
    if len(results) <= SHOWN:
        make_console().print(make_host_table(results, files))
    for line in failed[:SHOWN]:
        click.echo(f"Not restored: {line}", err=True)
    if len(failed) > SHOWN:
        click.echo(f"Not restored: {len(failed) - SHOWN} more", err=True)
    click.echo(f"{len(files)} of {state.total} hosts of campaign {group.label} are restored")
    click.echo(f"CIFs, all candidates (extxyz) and all samples (CSV) are in {output}")
    if state.running or state.waiting:
        click.echo(f"{state.running + state.waiting} hosts are not done yet.")
