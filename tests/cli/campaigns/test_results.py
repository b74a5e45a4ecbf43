from __future__ import annotations

from typing import Any

import pytest
from provenance_examples import process

from aiida_hpaint.cli.campaigns.results import find_restoration
from aiida_hpaint.cli.errors import CommandError

pytestmark = pytest.mark.usefixtures("profile")


def test_a_work_chain_stands_for_the_restoration_that_it_runs(brucite: Any) -> None:
    from aiida.common.links import LinkType
    from aiida.orm import WorkChainNode, WorkflowNode

    from aiida_hpaint.data.structure_batch import StructureBatchData

    hosts = StructureBatchData(brucite).store()
    chain = process(WorkChainNode, "RestoreWorkChain", {}).store()
    with pytest.raises(CommandError, match="is not a restoration"):
        find_restoration(str(chain.pk))
    graph = process(WorkflowNode, "WorkGraph<restore>", {"graph_inputs__hosts": hosts})
    graph.base.links.add_incoming(chain, LinkType.CALL_WORK, "graph")
    graph.store()
    assert find_restoration(str(chain.pk)).pk == graph.pk
    assert find_restoration(str(graph.uuid)).pk == graph.pk
