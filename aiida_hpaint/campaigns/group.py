"""CampaignGroup: the restorations of a campaign."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.common.exceptions import NotExistent
from aiida.common.utils import validate_uuid
from aiida.orm import Group, QueryBuilder, Str, WorkChainNode

__all__ = [
    "OTHER_RESTORATIONS",
    "CampaignGroup",
    "find_campaign",
    "get_or_create_campaign",
    "list_campaigns",
]

OTHER_RESTORATIONS = "hpaint_other_restorations"
"""Extra: indices of hosts of the campaign in earlier restorations, by their UUIDs."""


class CampaignGroup(Group):
    """The restorations of a campaign, one for each chunk; its label is the campaign's name."""

    @property
    def other_restorations(self) -> Mapping[str, list[int]]:
        """Indices of hosts of the campaign in restorations outside of it, by their UUIDs."""
        found: dict[str, list[int]] = self.base.extras.get(OTHER_RESTORATIONS, {})
        return found


def find_campaign(name: str) -> CampaignGroup | None:
    """Return the campaign of a name, a UUID, or a process that runs it (PK), or None."""
    either: list[dict[str, Any]] = [{"label": name}]
    if validate_uuid(name):  # PostgreSQL compares UUIDs with nothing else
        either.append({"uuid": name})
    if name.isdigit():
        query = QueryBuilder()
        query.append(WorkChainNode, filters={"id": int(name)}, tag="process")
        label = {"label": "campaign"}
        query.append(Str, with_outgoing="process", edge_filters=label, project="attributes.value")
        either += [{"uuid": uuid} for uuid in query.all(flat=True)]
    query = QueryBuilder().append(CampaignGroup, filters={"or": either})
    found: list[CampaignGroup] = query.all(flat=True)
    # The name of a campaign may look like the PK of another one's process: the name wins.
    return next((one for one in found if one.label == name), found[0] if found else None)


def list_campaigns() -> list[CampaignGroup]:
    """Return all campaigns of the profile, the latest first."""
    query = QueryBuilder().append(CampaignGroup, tag="group")
    found: list[CampaignGroup] = query.order_by({"group": {"id": "desc"}}).all(flat=True)
    return found


def get_or_create_campaign(name: str) -> CampaignGroup:
    """Return the campaign of a name, which is created if it does not exist.

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
                f"campaign {name!r}: a group of that name exists and is not a campaign: "
                "choose another name"
            ) from None
        found = CampaignGroup(label=name).store()
    campaign: CampaignGroup = found
    return campaign
