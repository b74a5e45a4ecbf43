"""Submission of hosts to a campaign: which hosts are new, and which are already known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from aiida.engine import submit as submit_process
from aiida.orm import Bool, Int, Node, ProcessNode, QueryBuilder, Str, WorkflowNode, load_node

from aiida_hpaint.calculations.hosts import SitesToInsert
from aiida_hpaint.campaigns.deduplication import (
    FAILED,
    FINISHED,
    RUNNING,
    WAITING,
    WITHOUT,
    KnownHost,
    find_known_hosts,
)
from aiida_hpaint.campaigns.group import OTHER_RESTORATIONS, CampaignGroup, get_or_create_campaign
from aiida_hpaint.campaigns.sources import CampaignHosts, gather_campaign_hosts
from aiida_hpaint.science.settings import (
    CAMPAIGN_CHUNK_SITES,
    DEFAULT_HOST_SETTINGS,
    HostSettings,
    RestorationSettings,
)
from aiida_hpaint.science.stages import check_inserted_sites
from aiida_hpaint.science.structures import chunk_by_sites
from aiida_hpaint.science.structures.host_hashes import hash_hosts
from aiida_hpaint.workflows.campaign import CampaignWorkChain
from aiida_hpaint.workflows.controllers import MAX_JOBS, query_controllers
from aiida_hpaint.workflows.restore.build import make_stage_plan
from aiida_hpaint.workflows.restore.deduplication import hash_plan, read_plan
from aiida_hpaint.workflows.restore.marks import NO_MARKS

__all__ = ["REPEATED_STATES", "Repeat", "Submission", "prepare_submission", "submit_campaign"]

Repeat = Literal["none", "failed", "unrestored", "all"]
REPEATED_STATES: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "failed": frozenset({FAILED}),
    "unrestored": frozenset({FAILED, WITHOUT}),
    "all": frozenset({FAILED, *FINISHED}),
}
"""States of known hosts that are restored again, by the value of `again`."""

_PROCESSES_PER_CHUNK = 8
"""Largest number of processes of a chunk in the daemon: restoration, stage and job, and while a
stage is split to find the host that kills its job, several stages and jobs."""


@dataclass(frozen=True)
class Submission:
    """Hosts that are submitted, and those of them that are to be restored.

    Attributes
    ----------
    name
        Name of the campaign.
    sources
        All hosts that were given.
    keys
        Hash of each host.
    known
        States of the hosts that the profile knows, by key.
    rows
        Indices of the hosts to restore.
    same
        Index of each host that was given before in the same submission, and of the first one.
    plan
        Nodes with settings and identities of the restorations, not stored yet.
    chunk_sites, max_jobs
        Largest number of sites in a chunk, and of chunks at once.
    reading
        How CIFs were read.
    """

    name: str
    sources: CampaignHosts
    keys: Sequence[str]
    known: Mapping[str, KnownHost]
    rows: Sequence[int]
    same: Mapping[int, int]
    plan: Mapping[str, Any]
    chunk_sites: int
    max_jobs: int
    reading: HostSettings = DEFAULT_HOST_SETTINGS

    def count_hosts(self) -> dict[str, int]:
        """Return the numbers of different hosts: new, to be restored again, and known by state."""
        chosen = set(self.rows)
        found = dict.fromkeys(("new", "again", *FINISHED, RUNNING, WAITING, FAILED), 0)
        for row, key in enumerate(self.keys):
            if row in self.same:
                continue
            state = self.known[key].state if key in self.known else "new"
            found["again" if row in chosen and state != "new" else state] += 1
        return found

    def count_chunks(self) -> int:
        """Return the number of chunks of the hosts to restore."""
        hosts = self.sources.hosts
        if hosts is None or not self.rows:
            return 0
        return len(chunk_by_sites(hosts[list(self.rows)], self.chunk_sites))


def prepare_submission(
    name: str,
    sources: CampaignHosts,
    settings: RestorationSettings,
    *,
    code: Any = None,
    options: Mapping[str, Any] | None = None,
    upload_model: bool = False,
    upload_potential: bool = False,
    chunk_sites: int = CAMPAIGN_CHUNK_SITES,
    max_jobs: int = 10,
    again: Repeat = "failed",
) -> Submission:
    """Find the hosts that are to be restored; nothing is stored or submitted.

    Parameters
    ----------
    name
        Name of a new or an existing campaign.
    sources
        Hosts with the sites to insert.
    settings, code, options, upload_model, upload_potential
        As for `build_restore`.
    chunk_sites, max_jobs
        Largest number of sites in a chunk, and of chunks at once.
    again
        Known hosts that are restored again: none, those that failed (their jobs died), those that
        are unrestored for any reason, or all that are not running.

    Raises
    ------
    ValueError
        If settings, options or hosts are invalid.
    """
    if settings.validation is not None:
        raise ValueError(
            "settings.validation: DFT takes a job for each structure, more than max_jobs allows: "
            "leave it out, and run `aiida-hpaint validate PK` on the restorations"
        )
    if sources.hosts is None:
        raise ValueError("there is no host: give at least one")
    _check_slots(max_jobs)
    stages = make_stage_plan(settings, code, options, upload_model, upload_potential)
    plan = {**stages, "pick": Bool(False)}
    check_inserted_sites(sources.hosts, settings.sampling)
    keys = hash_hosts(sources.hosts)
    known = find_known_hosts(hash_plan(read_plan(plan)))
    first: dict[str, int] = {}
    same = {row: at for row, key in enumerate(keys) if (at := first.setdefault(key, row)) != row}
    rows = [
        row
        for row, key in enumerate(keys)
        if row not in same and (key not in known or known[key].state in REPEATED_STATES[again])
    ]
    return Submission(
        name, sources, keys, known, rows, same, plan, chunk_sites, max_jobs, settings.hosts
    )


def submit_campaign(
    submission: Submission,
    archive: Path | None = None,
    add: SitesToInsert = None,
    mark: bool = True,
) -> tuple[CampaignGroup, ProcessNode | None]:
    """Create the campaign if it does not exist, and submit the hosts to restore.

    Parameters
    ----------
    submission
        Result of `prepare_submission`.
    archive
        Archive that is imported first if hosts to restore come from it.
    add
        Sites to insert, as given when the hosts were read, for the provenance of hosts from nodes.
    mark
        Whether the outcome is written on the nodes that hosts come from, see
        `workflows.restore.marks`.

    Returns
    -------
    group, process
        The campaign, and the process that restores the hosts in chunks; None if all are known.
    """
    group = get_or_create_campaign(submission.name)
    group.base.extras.set_many({MAX_JOBS: submission.max_jobs, NO_MARKS: not mark})
    _note_known_hosts(group, submission)
    if not submission.rows:
        return group, None
    process: ProcessNode = submit_process(
        CampaignWorkChain,
        hosts=gather_campaign_hosts(
            submission.sources, submission.rows, archive, add, submission.reading
        ),
        plan=dict(submission.plan),
        chunk_sites=Int(submission.chunk_sites),
        max_jobs=Int(submission.max_jobs),
        campaign=Str(group.uuid),
        metadata={"label": submission.name},
    )
    return group, process


def _note_known_hosts(group: CampaignGroup, submission: Submission) -> None:
    """Add known hosts to the campaign by the restorations outside of it that have their results."""
    members = _find_restorations(group)
    noted = {uuid: set(host_indices) for uuid, host_indices in group.other_restorations.items()}
    chosen = set(submission.rows)
    uuids: dict[int, str] = {}
    for row, key in enumerate(submission.keys):
        if row in chosen or key not in submission.known:
            continue
        known = submission.known[key]
        if known.process not in members and known.state != WAITING:
            uuid = uuids.setdefault(known.process, "") or load_node(known.process).uuid
            uuids[known.process] = uuid
            noted.setdefault(uuid, set()).add(known.host_index)
    if noted:
        group.base.extras.set(
            OTHER_RESTORATIONS, {uuid: sorted(host_indices) for uuid, host_indices in noted.items()}
        )


def _find_restorations(group: CampaignGroup) -> set[int]:
    """Return PKs of the restorations of a campaign, also of those not yet in its group."""
    query = QueryBuilder().append(CampaignGroup, filters={"id": group.pk}, tag="group")
    query.append(Node, with_group="group", project="id")
    called = query_controllers(group.uuid, {})
    called.append(WorkflowNode, with_incoming="controller", project="id")
    return {*query.all(flat=True), *called.all(flat=True)}


def _check_slots(max_jobs: int) -> None:
    """Raise ValueError for more chunks than fit into the daemon, which would block each other."""
    from aiida.manage.configuration import get_config_option

    slots = int(get_config_option("daemon.worker_process_slots"))
    workers = max(1, int(get_config_option("daemon.default_workers")))
    most = (slots * workers - 1) // _PROCESSES_PER_CHUNK
    if max_jobs > most:
        raise ValueError(
            f"max_jobs {max_jobs}: the daemon has room for {most} chunks at once: "
            "`verdi config set daemon.worker_process_slots N` and restart it"
        )
