"""The progress of campaigns and restorations as values of JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

    from aiida_hpaint.campaigns.state import CampaignState


def list_work() -> dict[str, Any]:
    """Return all campaigns, and the last restorations, with their states."""
    from aiida_hpaint.campaigns.group import list_campaigns
    from aiida_hpaint.campaigns.state import read_campaign_state
    from aiida_hpaint.workflows.restore.progress import find_restorations

    states = [read_campaign_state(group, with_jobs=False) for group in list_campaigns()]
    return {
        "campaigns": [read_campaign(state) for state in states],
        "restorations": [_read_process(node) for node in find_restorations()],
    }


def read_campaign(state: CampaignState) -> dict[str, Any]:
    """Return the state of a campaign: its hosts by their state, jobs, failures, seconds left."""
    counts = {"total": state.total, "done": state.done, "failed": state.failed}
    return {**asdict(state), **counts}


def read_restoration(node: ProcessNode) -> dict[str, Any]:
    """Return the state of a restoration, stage by stage."""
    from aiida_hpaint.workflows.restore.progress import (
        count_stages,
        explain_separate_jobs,
        list_stage_states,
        read_planned,
    )
    from aiida_hpaint.workflows.validate.results import count_dft_progress

    planned, states = read_planned(node), list_stage_states(node)
    separate = [
        {"chunk": chunk, "stages": stages, "reason": reason}
        for chunk, stages, reason in explain_separate_jobs(planned, states)
    ]
    problems = [
        {"stage": state.stage, "chunk": state.chunk, "reason": state.problem}
        for state in states
        if state.problem
    ]
    dft = count_dft_progress(node)
    return {
        **_read_process(node),
        "stages": [asdict(count) for count in count_stages(planned, states)],
        "separate_jobs": separate,
        "problems": problems,
        "dft": None if dft is None else {"done": dft[0], "total": dft[1]},
    }


def _read_process(node: ProcessNode) -> dict[str, Any]:
    return {
        "pk": node.pk,
        "uuid": str(node.uuid),
        "label": node.label,
        "begun": node.ctime.isoformat(),
        "hosts": len(node.inputs.graph_inputs.hosts),
        "state": node.process_state.value if node.process_state else None,
        "exit_status": node.exit_status,
    }
