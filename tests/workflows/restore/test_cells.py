"""Hosts that are searched in smaller cells: the daemon finds what plain Python does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import finished

from aiida_hpaint.science.structures import StructureBatch, prepare_hosts

EXAMPLES = Path(__file__).parents[3] / "examples" / "hosts"
TIMEOUT = 1200
"""Seconds after which a restoration counts as stuck, on a machine that is busy with more."""

QUICK: dict[str, Any] = {
    "sampling": {"generator": "random", "samples": 2, "device": "cpu"},
    "symmetry": {"symmetrised": False, "wyckoff": 2, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"device": "cpu"},
    "relax_inserted": {"max_steps": 2},
    "relax_all": {"max_steps": 1},
    "keep": 2,
}


@pytest.fixture
def centred() -> StructureBatch:
    """NaAlH4, whose file says that it is body-centred, and MgH2, where Mg alone is."""
    names = ("sodium_alanate.cif", "magnesium_hydride.cif")
    hosts, problems = prepare_hosts([EXAMPLES / name for name in names])
    assert hosts is not None, problems
    return hosts


@pytest.mark.long  # `make demo` restores both through the daemon, too
def test_centred_hosts_are_restored_as_plain_python_does(
    centred: StructureBatch, daemon: Any
) -> None:
    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.science.restoration import restore_batch
    from aiida_hpaint.workflows.restore.build import build_restore

    graph = build_restore(centred, overrides=QUICK)
    graph.submit()
    node = finished(graph.process, TIMEOUT)
    chunks = node.inputs.graph_inputs.chunks
    assert {key: chunks[key].batch.site_counts.tolist() for key in chunks} == {
        "chunk_0000": [12, 3],
        "chunk_0001": [6],
    }
    ours = node.outputs.samples.batch
    plain = restore_batch(centred, load_protocol(None, QUICK))
    assert set(ours.scalars) == set(plain.samples.scalars)
    for name in ("host", "sample", "parent", "cell_repeats", "origin", "status", "rank"):
        assert ours.scalars[name].tolist() == plain.samples.scalars[name].tolist(), name
    np.testing.assert_array_equal(ours.site_counts, plain.samples.site_counts)
    assert {host: set(ours.scalars["cell_repeats"][ours.scalars["host"] == host].tolist())
            for host in (0, 1)} == {0: {2}, 1: {1, 2}}  # fmt: skip
    # Other threads and batches change the last digits of single precision, and steps amplify them.
    np.testing.assert_allclose(ours.scalars["energy"], plain.samples.scalars["energy"], atol=1e-3)
    np.testing.assert_allclose(ours.frac_coords, plain.samples.frac_coords, atol=1e-3)
    fixed = [
        [entry.get("fixed_host", {}).get("frac_coords") for entry in batch.metadata]
        for batch in (ours, plain.samples)
    ]
    assert [row is None for row in fixed[0]] == [row is None for row in fixed[1]]
    for one, other in zip(*fixed, strict=True):
        if one is not None:
            np.testing.assert_allclose(one, other, atol=1e-3)
    provenance_names_the_chunk_of_the_search(node)


def provenance_names_the_chunk_of_the_search(node: Any) -> None:
    """Check that the jobs of each picked structure are those of the chunk it was searched in."""
    from aiida_hpaint.queries import trace_structure
    from aiida_hpaint.workflows.restore.progress import list_stage_states

    jobs: dict[str, set[int]] = {}
    for state in list_stage_states(node):
        jobs.setdefault(state.chunk, set()).update(n.pk for n in state.node.called_descendants)
    structures = node.outputs.structures
    for key in structures:
        record = trace_structure(structures[key])
        repeats = structures[key].base.attributes.get("hpaint")["cell_repeats"]
        chunk = "chunk_0001" if repeats == 1 else "chunk_0000"
        assert {job.pk for job in record.jobs} <= jobs[chunk]
        assert len(record.jobs) == 3


@pytest.mark.long  # tests/science/test_sampled_cells.py has the same without the daemon
def test_cells_are_sampled_in_jobs_as_in_plain_python(tmp_path: Path, daemon: Any) -> None:
    from cell_models import write_cell_model

    from aiida_hpaint.science.protocols import load_protocol
    from aiida_hpaint.science.restoration import restore_batch
    from aiida_hpaint.workflows.restore.build import build_restore

    hosts, problems = prepare_hosts([EXAMPLES / "brucite.cif"])
    assert hosts is not None, problems
    sampling = {
        **QUICK["sampling"],
        "generator": write_cell_model(tmp_path / "cells.safetensors"),
        "precision": "float64",
        "cell": "free",
        "cell_start": 0.1,
        "steps": 20,
    }
    relax_all = {"max_steps": 1, "cell": "free"}
    overrides = {**QUICK, "sampling": sampling, "relax_all": relax_all}
    graph = build_restore(hosts, overrides=overrides, upload_model=True)
    graph.submit()
    node = finished(graph.process, TIMEOUT)
    ours = node.outputs.samples.batch
    plain = restore_batch(hosts, load_protocol(None, overrides)).samples
    assert ours.scalars["status"].tolist() == plain.scalars["status"].tolist()
    np.testing.assert_allclose(ours.cells, plain.cells, atol=1e-3)
    assert np.abs(ours.cells - hosts.cells).max() > 0.01
    for one, other in zip(ours.metadata, plain.metadata, strict=True):
        assert one["sampled_cell"] == pytest.approx(other["sampled_cell"], abs=1e-3)
    stored = [record for record in ours.history if record["stage"] == "sample"]
    assert [record["settings"]["cell"] for record in stored] == ["free"]
