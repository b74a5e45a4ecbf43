"""The time that a similar restoration took."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")


def make_restoration(
    hosts: StructureBatch, samples: StructureBatch | None = None, steps: int = 50
) -> Any:
    """A restoration, which has ended a while after its submission if it has samples."""
    import provenance_examples
    from aiida.common.links import LinkType
    from aiida.common.timezone import now
    from aiida.orm import Dict, WorkChainNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    given = {
        "graph_inputs__hosts": StructureBatchData(hosts).store(),
        "graph_inputs__plan__sample__settings": Dict({"steps": steps}).store(),
    }
    state = {"exit_status": 0} if samples is not None else {"process_state": "running"}
    node = provenance_examples.process(WorkChainNode, "WorkGraph<restore>", given, **state)
    node.backend_entity.model.ctime = now() - timedelta(seconds=100)
    node.store()
    if samples is not None:
        ranked = StructureBatchData(samples).store()
        ranked.base.links.add_incoming(node, LinkType.RETURN, "samples")
    return node


def test_the_latest_restoration_of_similar_size_tells_the_time(
    brucite: StructureBatch, samples: StructureBatch
) -> None:
    from aiida_hpaint.cli.restore.run import describe_expected_duration
    from aiida_hpaint.workflows.restore.durations import find_similar_run

    earlier = make_restoration(brucite, samples)
    make_restoration(brucite[np.zeros(3, dtype=int)], samples)
    make_restoration(brucite)
    node = make_restoration(brucite)
    found = find_similar_run(node)
    assert found is not None
    assert (found.pk, found.n_sites) == (earlier.pk, brucite.n_sites)
    # It begins before its samples are there; other clocks are of no concern.
    assert 100 <= found.seconds < 3600
    shown = describe_expected_duration(node)
    assert shown is not None
    assert shown.startswith(
        f"The latest one of similar size (node {earlier.pk}, 5 sites) took 1 min"
    )


def test_the_same_settings_tell_more_than_a_later_restoration(
    brucite: StructureBatch, samples: StructureBatch
) -> None:
    from aiida_hpaint.cli.restore.run import describe_expected_duration
    from aiida_hpaint.workflows.restore.durations import find_similar_run

    earlier = make_restoration(brucite, samples, steps=7)
    later = make_restoration(brucite, samples, steps=8)
    found = find_similar_run(make_restoration(brucite, steps=7))
    assert found is not None
    assert found.pk == earlier.pk
    shown = describe_expected_duration(make_restoration(brucite, steps=9))
    assert shown is not None
    assert f"with other settings (node {later.pk}, " in shown
