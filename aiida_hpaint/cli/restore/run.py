"""Run a restoration: here in plain Python, or in the AiiDA daemon while its progress is shown."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
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
from aiida_hpaint.cli.verbosity import say
from aiida_hpaint.science.start_up import importing

if TYPE_CHECKING:
    from aiida.orm import ProcessNode
    from aiida_workgraph import WorkGraph

    from aiida_hpaint.science.report import Process
    from aiida_hpaint.science.restoration import Restoration
    from aiida_hpaint.science.settings import RestorationSettings
    from aiida_hpaint.science.structures import StructureBatch

_SITES_AT_ONCE = 400
"""Most sites of hosts that are restored together in this process: what Ctrl-C can lose."""

_SHORTEST_PAUSE = 0.05
"""Seconds between looks whether a process in the daemon has ended."""

_FOR_RESULTS = (
    "aiida_hpaint.cli.tables",
    "aiida_hpaint.cli.restore.validation_report",
    "aiida_hpaint.science.report",
    "pymatgen.core",
    "pymatgen.symmetry.groups",
)
"""Modules that only results need."""


_OF_JOBS = ("code", "dft_code", "upload_model", "upload_potential", "one_job", "jobs")
"""Options of jobs, which there are none of without AiiDA."""


@dataclass(frozen=True)
class Task:
    """A restoration whose input was read and checked.

    Attributes
    ----------
    request
        The request as it was given.
    settings
        Settings of all stages.
    hosts
        Hosts with the sites to insert.
    chunk_sites
        Largest number of host sites in a chunk.
    """

    request: RestorationRequest
    settings: RestorationSettings
    hosts: StructureBatch
    chunk_sites: int


def prepare_task(files: Sequence[str], flags: Mapping[str, Any]) -> Task:
    """Read and check files, options and settings before anything starts.

    Raises
    ------
    ClickException, ValueError
        If a file, an option or a setting is wrong.
    """
    silence_warnings()
    if flags.get("no_aiida"):
        refuse_options_of_jobs(flags)
    request = read_request(files, flags)
    if request.start_from and flags.get("no_aiida"):
        raise ValueError("--start-from peaks runs pw.x through AiiDA: leave --no-aiida out")
    settings = load_settings(request)
    hosts = load_hosts(request, bool(flags.get("skip_bad")), settings.hosts, settings)
    _show_searched_cells(hosts, settings)
    jobs = flags.get("jobs") or count_cores()
    chunk_sites = request.chunk_sites or choose_chunk_sites(hosts.site_counts.tolist(), jobs)
    return Task(request, settings, hosts, chunk_sites)


def refuse_options_of_jobs(flags: Mapping[str, Any]) -> None:
    """Refuse options that are for jobs of AiiDA, which would do nothing without it.

    Raises
    ------
    UsageError
        If one of them is given.
    """
    for name in _OF_JOBS:
        if flags.get(name) not in (None, False):
            flag = f"--{name.replace('_', '-')}"
            raise click.UsageError(f"{flag} is for jobs of AiiDA: leave it out, or --no-aiida")


def _show_searched_cells(hosts: StructureBatch, settings: RestorationSettings) -> None:
    """Say which hosts are searched in a smaller cell than their file's, and what that assumes."""
    from aiida_hpaint.science.structures import escape_control_characters
    from aiida_hpaint.science.structures.primitive import describe_searches

    if settings.sampling is not None and settings.sampling.start_time >= 1:
        for line in describe_searches(hosts, settings.cell):
            say(f"Note: {escape_control_characters(line)}")


def run_here(task: Task) -> Restoration:
    """Restore in this process, without AiiDA, a few hosts at a time.

    Ctrl-C ends it, and the hosts that are finished are returned.

    Raises
    ------
    ClickException
        If no host is finished by then.
    """
    from aiida_hpaint.science.preflight import check_tools
    from aiida_hpaint.science.restoration import restore_batch
    from aiida_hpaint.science.stages import StageTools
    from aiida_hpaint.science.structures import chunk_by_sites

    check_tools(task.hosts, task.settings)
    numbered = task.hosts.with_scalars(host=task.hosts.host_indices)
    # A recording is one file of all hosts.
    is_recorded = task.settings.sampling is not None and task.settings.sampling.record
    sites = int(numbered.site_counts.sum()) if is_recorded else _SITES_AT_ONCE
    chunks = chunk_by_sites(numbered, sites)
    finished: list[Restoration] = []
    try:
        with open_progress() as show:

            def progress(done: int, total: int, text: str) -> None:
                show(text.partition(":")[0].replace("_", " "), done, total)

            for rows in chunks:
                tools = StageTools(progress=progress)
                finished.append(restore_batch(numbered[rows], task.settings, tools))
                if len(chunks) > 1:
                    show("hosts", sum(map(len, chunks[: len(finished)])), len(numbered))
    except KeyboardInterrupt:
        if not finished:
            raise click.ClickException("interrupted before a host was restored") from None
        _tell_interrupted([int(row) for rows in chunks[len(finished) :] for row in rows], task)
    return finished[0] if len(finished) == 1 else join_restorations(finished)


def _tell_interrupted(rows: Sequence[int], task: Task) -> None:
    """Say which hosts are not finished, and how to go on with them."""
    from aiida_hpaint.science.structures import escape_control_characters

    labels = ", ".join(escape_control_characters(task.hosts.labels[row]) for row in rows)
    click.echo(
        f"Interrupted. Not finished: {labels}\n"
        "Those that are finished are written. Repeat the command with the files of the others, and"
        " with another --output: results do not depend on which hosts are restored together.",
        err=True,
    )


def join_restorations(parts: Sequence[Restoration]) -> Restoration:
    """Return restorations of different hosts, which have their indices, as one; no recordings."""
    from aiida_hpaint.science.restoration import Restoration
    from aiida_hpaint.science.structures.batch import concatenate

    return Restoration(
        concatenate([one.hosts for one in parts]),
        concatenate([one.samples for one in parts]),
    )


def submit_task(profile: str | None, task: Task) -> ProcessNode:
    """Build the graph of a restoration and submit it to the daemon."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.workflows.engine.upstream_imports import importing_graphs

    session.load_profile(profile)
    with importing(), importing_graphs():
        from aiida_hpaint.workflows.restore.job_counts import describe_separate_jobs

        import_module("aiida_hpaint.workflows.restore.build")

    node = session.submit_to_daemon(_build_graph(task))
    for line in describe_separate_jobs(node, []):
        say(f"Note: {line}")
    return node


def find_process(node: ProcessNode | None) -> Process | None:
    """Return what reports say of the process of a restoration; None if it ran without AiiDA."""
    if node is None:
        return None
    from aiida_hpaint.workflows.restore.job_counts import describe_process

    return describe_process(node)


def _build_graph(task: Task) -> WorkGraph:
    request, labels = task.request, list(dict.fromkeys(task.hosts.labels))
    more = f" and {len(task.hosts) - 1} more" if len(task.hosts) > 1 else ""
    arguments: dict[str, Any] = {
        "settings": task.settings,
        "code": request.code,
        "options": request.options or None,
        "upload_model": request.upload_model,
        "upload_potential": request.upload_potential,
        "chunk_sites": task.chunk_sites,
        "name": request.name or f"restore {labels[0]}{more}",
    }
    if request.start_from:
        if request.one_job:
            raise ValueError("--start-from peaks has separate jobs: leave out one_job (--one-job)")
        from aiida_hpaint.workflows.restore.build_from_peaks import build_restore_from_peaks

        return build_restore_from_peaks(task.hosts, dft_protocol=request.dft_protocol, **arguments)
    from aiida_hpaint.workflows.restore.build import build_restore

    return build_restore(task.hosts, one_job=request.one_job, **arguments)


def wait_for_samples(node: ProcessNode) -> StructureBatch:
    """Show the progress of a restoration until it ends, and return its samples.

    Raises
    ------
    ClickException
        If the restoration ends without a sample, or the user stops watching.
    """
    from aiida_hpaint.cli.session import describe_end
    from aiida_hpaint.workflows.restore.progress import get_samples

    say(f"Node {node.pk} runs in the AiiDA daemon. Ctrl-C only stops watching.")
    if duration := describe_expected_duration(node):
        say(duration)
    try:
        _load_for_results()
        watch_restoration(node)
    except KeyboardInterrupt:
        raise click.ClickException(
            f"node {node.pk} is still running: `aiida-hpaint status {node.pk}` shows its progress,"
            f" `aiida-hpaint results {node.pk}` its results"
        ) from None
    samples = get_samples(node)
    if samples is None:
        raise click.ClickException(
            f"node {node.pk} ended without a result ({describe_end(node)}):"
            f" see `verdi process report {node.pk}`"
        )
    return samples


def _load_for_results() -> None:
    """Import what the results need while the daemon works; what is missing is told then."""
    with importing():
        for name in _FOR_RESULTS:
            with suppress(ImportError):
                import_module(name)
        with suppress(ImportError):
            from aiida_hpaint.science.report import load_templates

            load_templates()


def watch_restoration(node: ProcessNode, interval: float = 1.0) -> None:
    """Show the progress of each stage of a restoration, and its failures, until it ends."""
    from aiida_hpaint.science.recipe import find_stage
    from aiida_hpaint.workflows.restore.job_counts import describe_separate
    from aiida_hpaint.workflows.restore.progress import (
        count_stages,
        list_stage_states,
        read_planned,
    )

    reported: set[tuple[str, str]] = set()
    planned = read_planned(node)
    begun = time.monotonic()
    with open_progress() as show:
        for stage in planned.stages[:1]:
            show(find_stage(stage).title, 0, planned.chunks)
        while True:
            # Before the states, so that the last look sees everything.
            began = time.monotonic()
            has_ended = node.is_terminated
            states = list_stage_states(node)
            for count in count_stages(planned, states):
                if count.begun:
                    show(find_stage(count.stage).title, count.done, count.chunks)
            if planned.has_dft:
                show_dft_progress(node, show)
            for state in states:
                if state.is_over and (state.stage, state.chunk) not in reported:
                    reported.add((state.stage, state.chunk))
                    if problem := state.problem:
                        title = find_stage(state.stage).title
                        click.echo(f"{title}, {state.chunk}: {problem}", err=True)
                    if left := state.left_over:
                        click.echo(describe_separate(state.chunk, **left), err=True)
            if has_ended:
                return
            # Looking takes no more than a tenth of the time, however busy the database is.
            _wait_for_end(node, max(interval, 9 * (time.monotonic() - began)), began - begun)


def _wait_for_end(node: ProcessNode, longest: float, elapsed: float) -> None:
    """Wait for a while (s), or until a process has ended, which little work does soon.

    The end is seen after at most a fortieth of the time that has `elapsed`.
    """
    deadline = time.monotonic() + longest
    pause = min(longest, max(_SHORTEST_PAUSE, elapsed / 40))
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        if node.is_terminated:
            return


def show_dft_progress(node: ProcessNode, show: ShowProgress) -> None:
    """Show how many structures DFT has relaxed, once it has begun."""
    from aiida_hpaint.workflows.validate.results import count_dft_progress

    progress = count_dft_progress(node)
    if progress is not None:
        show("relax by DFT", *progress)


def describe_expected_duration(node: ProcessNode) -> str | None:
    """Say how long a similar restoration took; None if there was none."""
    from aiida_hpaint.campaigns.state import format_duration
    from aiida_hpaint.workflows.restore.durations import find_similar_run

    found = find_similar_run(node)
    if found is None:
        return None
    took = format_duration(found.seconds)
    kind = "of similar size" if found.has_same_plan else "of similar size, with other settings"
    return f"The latest one {kind} (node {found.pk}, {found.n_sites} sites) took {took}."
