"""CampaignGroup: the restorations of a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.orm import Group, QueryBuilder, Str, WorkChainNode

__all__ = [
    "OTHER_RESTORATIONS",
    "CampaignGroup",
    "find_campaign",
    "get_or_create_campaign",
    "list_campaigns",
]

OTHER_RESTORATIONS = "hpaint_other_restorations"
"""Extra: hosts that a restoration outside of the campaign knew already, by its UUID."""


class CampaignGroup(Group):
    """The restorations of a campaign, one for each chunk; its label is the campaign's name."""

    @property
    def other_restorations(self) -> Mapping[str, list[int]]:
        """Places of hosts of the campaign in restorations outside of it, by their UUIDs."""
        found: dict[str, list[int]] = self.base.extras.get(OTHER_RESTORATIONS, {})
        return found


def find_campaign(name: str) -> CampaignGroup | None:
    """The campaign of a name, a UUID, or a process that runs it (PK); None if there is none."""
    either: list[dict[str, Any]] = [{"label": name}, {"uuid": name}]
    either += [{"uuid": uuid} for uuid in _run_by(name)]
    query = QueryBuilder().append(CampaignGroup, filters={"or": either})
    found: list[CampaignGroup] = query.all(flat=True)
    # A name wins over a number that looks the same.
    return next((one for one in found if one.label == name), found[0] if found else None)


def _run_by(pk: str) -> list[str]:
    if not pk.isdigit():
        return []
    query = QueryBuilder()
    query.append(WorkChainNode, filters={"id": int(pk)}, tag="process")
    label = {"label": "campaign"}
    query.append(Str, with_outgoing="process", edge_filters=label, project="attributes.value")
    found: list[str] = query.all(flat=True)
    return found


def list_campaigns() -> list[CampaignGroup]:
    """All campaigns of the profile, the latest first."""
    query = QueryBuilder().append(CampaignGroup, tag="group")
    found: list[CampaignGroup] = query.order_by({"group": {"id": "desc"}}).all(flat=True)
    return found


def get_or_create_campaign(name: str) -> CampaignGroup:
    """The campaign of a name, made if it is not there.

    Raises
    ------
    ValueError
        If another group has that name.
    """
    try:
        found: Any = CampaignGroup.collection.get(label=name)
    except NotExistent:
        if QueryBuilder().append(Group, filters={"label": name}).count():
            raise ValueError(
                f"campaign {name!r}: there is a group of that name, which is no campaign: "
                "choose another name"
            ) from None
        found = CampaignGroup(label=name).store()
    campaign: CampaignGroup = found
    return campaign
