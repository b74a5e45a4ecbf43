"""Campaigns: restorations of thousands of hosts in chunks, without repeating known results."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_hpaint.campaigns.group import CampaignGroup, find_campaign, list_campaigns
    from aiida_hpaint.campaigns.results import collect_campaign_samples, pick_candidates
    from aiida_hpaint.campaigns.sources import (
        read_hosts_from_archive,
        read_hosts_from_files,
        read_hosts_from_group,
    )
    from aiida_hpaint.campaigns.state import CampaignState, read_campaign_state
    from aiida_hpaint.campaigns.submit import Submission, prepare_submission, submit_campaign
    from aiida_hpaint.science.structures.host_hashes import hash_host, hash_hosts
    from aiida_hpaint.workflows.restore.deduplication import hash_plan

__all__ = [
    "CampaignGroup",
    "CampaignState",
    "Submission",
    "collect_campaign_samples",
    "find_campaign",
    "hash_host",
    "hash_hosts",
    "hash_plan",
    "list_campaigns",
    "pick_candidates",
    "prepare_submission",
    "read_campaign_state",
    "read_hosts_from_archive",
    "read_hosts_from_files",
    "read_hosts_from_group",
    "submit_campaign",
]

_MODULES = {
    "campaigns.group": ("CampaignGroup", "find_campaign", "list_campaigns"),
    "campaigns.results": ("collect_campaign_samples", "pick_candidates"),
    "campaigns.sources": (
        "read_hosts_from_archive",
        "read_hosts_from_files",
        "read_hosts_from_group",
    ),
    "campaigns.state": ("CampaignState", "read_campaign_state"),
    "campaigns.submit": ("Submission", "prepare_submission", "submit_campaign"),
    "science.structures.host_hashes": ("hash_host", "hash_hosts"),
    "workflows.restore.deduplication": ("hash_plan",),
}

# Modules are imported on first use, so that reading the status of a campaign does not load the
# engine.
_LAZY = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"aiida_hpaint.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
