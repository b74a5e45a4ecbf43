"""A relaxation by another package between sampling and ranking."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.structures import StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

PORTS = {"relaxed": "end", "energy": "results.energy"}


def relax(batch: StructureBatch, process: str, **ports: str) -> Any:
    from aiida.engine import run_get_node

    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.workflows.restore.relaxer import RelaxerWorkChain, make_relaxer_inputs

    inputs = make_relaxer_inputs(process, **ports)
    return run_get_node(RelaxerWorkChain, structures=StructureBatchData(batch), **inputs)[1]


def test_active_samples_get_the_energies_of_a_function(samples: StructureBatch) -> None:
    node = relax(samples, "users_tasks:relax_elsewhere", **PORTS)
    found = node.outputs.structures.batch
    heights = [samples[row].cart_coords[-1, 2] for row in range(3)]
    assert found.scalars["status"].tolist() == ["converged", "too close", "converged"]
    np.testing.assert_allclose(found.scalars["energy"], [heights[0], np.nan, heights[2]])
    np.testing.assert_allclose(found.frac_coords, samples.frac_coords, atol=1e-12)
    assert found.inserted.tolist() == samples.inserted.tolist()
    assert found.labels == samples.labels
    assert node.exit_status == 0
    assert node.outputs.report["jobs"] == 2


def test_a_sample_without_energy_is_marked(samples: StructureBatch) -> None:
    node = relax(samples, "users_tasks:relax_elsewhere", relaxed="nothing", energy="results.energy")
    found = node.outputs.structures.batch
    assert found.scalars["status"].tolist() == ["failed", "too close", "failed"]
    assert "returned no structure and energy" in found.metadata[0]["error"]
    assert node.exit_status == 421
    assert "2 of 2 samples failed" in node.exit_message


@pytest.mark.parametrize(
    ("process", "ports", "message"),
    [
        ("nowhere:relax", {}, r"relaxer 'nowhere:relax': No module named 'nowhere'"),
        ("hpaint.never", {}, r"relaxer 'hpaint\.never': .*verdi plugin list"),
        ("hpaint.dft_relax", {"structure": "atoms"}, "no input 'atoms': .*code, .*structure"),
    ],
)
def test_a_relaxer_that_cannot_be_used_is_refused(process: str, ports: Any, message: str) -> None:
    from aiida_hpaint.workflows.restore.relaxer import make_relaxer_inputs

    with pytest.raises(ValueError, match=message):
        make_relaxer_inputs(process, **ports)


def test_metadata_of_a_builder_go_along_as_a_node() -> None:
    from aiida.orm import Dict, Int

    from aiida_hpaint.workflows.restore.relaxer import _unwrap, _wrap

    options = {"resources": {"num_machines": 1}, "queue_name": None}
    given = {"base": {"number": Int(2), "metadata": {"options": options}}, "empty": {}}
    wrapped = _wrap(given)
    assert isinstance(wrapped["base"]["metadata"], Dict)
    assert "empty" not in wrapped
    unwrapped = _unwrap(wrapped)
    assert unwrapped["base"]["metadata"] == {"options": {"resources": {"num_machines": 1}}}
    assert unwrapped["base"]["number"].value == 2
