"""What a campaign found, from all of its chunks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from aiida.orm import load_node

from aiida_hpaint.calculations.failures import fill_missing_scalars
from aiida_hpaint.campaigns.deduplication import WAITING, KnownHost
from aiida_hpaint.campaigns.group import CampaignGroup
from aiida_hpaint.campaigns.state import find_campaign_hosts
from aiida_hpaint.science.structures import StructureBatch, concatenate
from aiida_hpaint.workflows.restore.progress import get_samples

__all__ = ["collect_campaign_samples"]


def collect_campaign_samples(group: CampaignGroup) -> StructureBatch | None:
    """The ranked samples of all hosts of a campaign so far, host by host; None if there are none.

    Of a host that was restored more than once those that count, see `campaign_state`. The scalar
    `host` is its index in the campaign. Of the history there is what the first chunk has.
    """
    found: list[StructureBatch] = []
    for process, host_indices in _by_process(find_campaign_hosts(group)).items():
        node: Any = load_node(process)
        samples = get_samples(node)
        if samples is not None:
            found.append(_placed(samples, host_indices, first=not found))
    return concatenate(fill_missing_scalars(found)) if found else None


def _by_process(hosts: Mapping[str, KnownHost]) -> dict[int, dict[int, int]]:
    """Return, for each restoration, index in the campaign by index in the restoration."""
    begun = [known for known in hosts.values() if known.state != WAITING]
    ordered = sorted(begun, key=lambda known: (known.process, known.host_index))
    found: dict[int, dict[int, int]] = {}
    for number, known in enumerate(ordered):
        found.setdefault(known.process, {})[known.host_index] = number
    return found


def _placed(
    samples: StructureBatch, host_indices: Mapping[int, int], first: bool
) -> StructureBatch:
    hosts = samples.scalars["host"].tolist()
    chosen = samples[np.flatnonzero([host in host_indices for host in hosts])]
    numbers = [host_indices[host] for host in chosen.scalars["host"].tolist()]
    placed = chosen.with_scalars(host=np.array(numbers, dtype=np.int64))
    return placed if first else replace(placed, history=())
