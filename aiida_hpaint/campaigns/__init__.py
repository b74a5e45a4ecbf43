"""Campaigns: thousands of hosts, chunk by chunk, resumed without repeating."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida_hpaint.campaigns.group import CampaignGroup, find_campaign, list_campaigns
    from aiida_hpaint.campaigns.picking import pick
    from aiida_hpaint.campaigns.results import campaign_samples
    from aiida_hpaint.campaigns.sources import from_archive, from_files, from_group
    from aiida_hpaint.campaigns.state import CampaignState, campaign_state
    from aiida_hpaint.campaigns.submit import Order, make_order, submit_order
    from aiida_hpaint.science.structures.host_hashes import hash_host, hash_hosts
    from aiida_hpaint.workflows.restore.outcomes import plan_key

__all__ = [
    "CampaignGroup",
    "CampaignState",
    "Order",
    "campaign_samples",
    "campaign_state",
    "find_campaign",
    "from_archive",
    "from_files",
    "from_group",
    "hash_host",
    "hash_hosts",
    "list_campaigns",
    "make_order",
    "pick",
    "plan_key",
    "submit_order",
]

_MODULES = {
    "campaigns.group": ("CampaignGroup", "find_campaign", "list_campaigns"),
    "campaigns.picking": ("pick",),
    "campaigns.results": ("campaign_samples",),
    "campaigns.sources": ("from_archive", "from_files", "from_group"),
    "campaigns.state": ("CampaignState", "campaign_state"),
    "campaigns.submit": ("Order", "make_order", "submit_order"),
    "science.structures.host_hashes": ("hash_host", "hash_hosts"),
    "workflows.restore.outcomes": ("plan_key",),
}

# The status of a campaign is quick only where nothing else is loaded for it.
_LAZY = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"aiida_hpaint.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
