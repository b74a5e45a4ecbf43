"""Running a restoration: here in plain Python, or through AiiDA with someone watching."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.chunking import choose_chunk_sites, count_cores
from aiida_hpaint.cli.console import ShowProgress, open_progress, silence_warnings
from aiida_hpaint.cli.restore.request import (
    RestorationRequest,
    load_hosts,
    load_settings,
    read_request,
)
from aiida_hpaint.cli.session import describe_end

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from aiida_workgraph import WorkGraph

    from aiida_hpaint.science.restoration import Restoration
    from aiida_hpaint.science.settings import RestorationSettings
    from aiida_hpaint.science.structures import StructureBatch
    from aiida_hpaint.workflows.restore.progress import StageState


@dataclass(frozen=True)
class Task:
    """Everything that is read and checked before anything starts."""

    campaign: RestorationRequest
    settings: RestorationSettings
    hosts: StructureBatch
    chunk_sites: int


def prepare_task(files: Sequence[str], flags: Mapping[str, Any]) -> Task:
    """Read and check files, flags and settings.

    Raises
    ------
    ClickException, ValueError
        If anything is wrong.
    """
    silence_warnings()
    campaign = read_request(files, flags)
    if campaign.start_from and flags.get("no_aiida"):
        raise ValueError("--start-from peaks runs pw.x through AiiDA: leave --no-aiida out")
    settings = load_settings(campaign)
    hosts = load_hosts(campaign, bool(flags.get("skip_bad")))
    jobs = flags.get("jobs") or count_cores()
    chunk_sites = campaign.chunk_sites or choose_chunk_sites(hosts.site_counts.tolist(), jobs)
    return Task(campaign, settings, hosts, chunk_sites)


def run_here(task: Task) -> Restoration:
    """Restore in this process, without AiiDA."""
    from aiida_hpaint.science.restoration import restore_recorded

    with open_progress() as show:

        def progress(done: int, total: int, text: str) -> None:
            show(text.partition(":")[0].replace("_", " "), done, total)

        return restore_recorded(task.hosts, task.settings, progress=progress)


def submit_task(profile: str | None, task: Task) -> ProcessNode:
    """Build the graph and submit it to the daemon, which is started if need be."""
    from aiida_hpaint.cli import session

    session.load_profile(profile)
    graph = _graph(task)
    return session.submit_to_daemon(graph)


def _graph(task: Task) -> WorkGraph:
    campaign = task.campaign
    arguments: dict[str, Any] = {
        "settings": task.settings,
        "code": campaign.code,
        "options": campaign.options or None,
        "upload_model": campaign.upload_model,
        "chunk_sites": task.chunk_sites,
        "name": campaign.name or _title(task.hosts),
    }
    if campaign.start_from:
        from aiida_hpaint.workflows.restore.build_from_peaks import build_restore_from_peaks

        return build_restore_from_peaks(task.hosts, dft_protocol=campaign.dft_protocol, **arguments)
    from aiida_hpaint.workflows.restore.build import build_restore

    return build_restore(task.hosts, **arguments)


def _title(hosts: StructureBatch) -> str:
    labels = list(dict.fromkeys(hosts.labels))
    more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
    return f"restore {labels[0]}{more}"


def run_with_aiida(node: ProcessNode) -> StructureBatch:
    """Watch a restoration to its end.

    Raises
    ------
    ClickException
        If it ends without any sample.
    """
    from aiida_hpaint.workflows.restore.progress import get_samples

    click.echo(f"Node {node.pk} runs in the AiiDA daemon. Ctrl-C stops only the watching.")
    try:
        watch_restoration(node)
    except KeyboardInterrupt:
        raise click.ClickException(
            f"node {node.pk} goes on: `aiida-hpaint status {node.pk}`, `... results {node.pk}`"
        ) from None
    samples = get_samples(node)
    if samples is None:
        raise click.ClickException(
            f"node {node.pk} ended without a result ({describe_end(node)}):"
            f" `verdi process report {node.pk}`"
        )
    return samples


def watch_restoration(node: ProcessNode, interval: float = 1.0) -> None:
    """Show the stages of a restoration until it ends."""
    from aiida_hpaint.science.recipe import find_stage
    from aiida_hpaint.workflows.restore.progress import n_chunks, planned_stages, stage_states

    told: set[int | None] = set()
    chunks = n_chunks(node)
    with open_progress() as show:
        for stage in planned_stages(node)[:1]:
            show(find_stage(stage).title, 0, chunks)
        while True:
            over = node.is_terminated
            states = stage_states(node)
            for stage, (done, begun) in count_chunks(states).items():
                show(find_stage(stage).title, done, max(chunks, begun))
            show_dft(node, show)
            _tell_trouble(states, told)
            if over:
                return
            time.sleep(interval)


def show_dft(node: ProcessNode, show: ShowProgress) -> None:
    """Show how many structures DFT has relaxed, if it has begun."""
    from aiida_hpaint.workflows.validate.results import count_dft_progress

    progress = count_dft_progress(node)
    if progress is not None:
        show("relax by DFT", *progress)


def count_chunks(states: Sequence[StageState]) -> dict[str, tuple[int, int]]:
    """Chunks that each stage has done and begun; one that was begun again is one chunk."""
    counts = {}
    for stage in dict.fromkeys(state.stage for state in states):
        begun = {state.chunk for state in states if state.stage == stage}
        done = {state.chunk for state in states if state.stage == stage and state.is_over}
        counts[stage] = (len(done), len(begun))
    return counts


def _tell_trouble(states: list[StageState], told: set[int | None]) -> None:
    from aiida_hpaint.science.recipe import find_stage

    for state in states:
        if state.node.pk not in told and (trouble := state.trouble):
            told.add(state.node.pk)
            click.echo(f"{find_stage(state.stage).title}, {state.chunk}: {trouble}", err=True)
