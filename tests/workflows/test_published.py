"""A checkpoint that MatterGen itself wrote, through the whole WorkGraph and a real daemon.

Its weights are random and its network is narrow: what it draws is nonsense, and the path counts.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import finished

from aiida_hpaint.science.structures import Recording, SampleStatus, StructureBatch

CHECKPOINT = Path(__file__).parents[1] / "parity" / "data" / "oracle-pos-only"

SETTINGS: dict[str, Any] = {
    "sampling": {
        "generator": str(CHECKPOINT),
        "samples": 2,
        "steps": 3,
        "device": "cpu",
        "record": 1,
    },
    "symmetry": {"symmetrised": False, "wyckoff": 0, "refine": None},
    "checks": None,  # relaxations end early
    "score": None,
    "search": None,
    "potential": {"device": "cpu"},
    "relax_inserted": {"max_steps": 2},
    "relax_all": {"max_steps": 1},
    "keep": 1,
}
TIMEOUT = 420


def restored(hosts: StructureBatch, status: int = 0, **arguments: Any) -> Any:
    from aiida_hpaint.workflows.restore.build import build_restore

    graph = build_restore(hosts, overrides=SETTINGS, **arguments)
    graph.submit()
    return finished(graph.process, TIMEOUT, status)


def jobs_with(attribute: str, value: str) -> list[Any]:
    """Jobs that have a Dict with this attribute among their inputs."""
    from aiida.orm import CalcJobNode, Dict, QueryBuilder

    query = QueryBuilder().append(Dict, filters={f"attributes.{attribute}": value}, tag="identity")
    found: list[Any] = query.append(CalcJobNode, with_incoming="identity").all(flat=True)
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("daemon")
@pytest.mark.parametrize("upload", [pytest.param(False, marks=pytest.mark.long), True])
def test_a_checkpoint_of_mattergen_restores_a_crystal(
    brucite: StructureBatch, upload: bool
) -> None:
    from aiida.orm import FolderData

    node = restored(brucite, upload_model=upload)
    samples = node.outputs.samples.batch
    assert {SampleStatus(str(status)) for status in samples.scalars["status"]} <= set(SampleStatus)
    reports = node.outputs.reports["chunk_0000"]
    assert [reports[stage]["status"] for stage in ("sample", "relax_inserted", "relax_all")] == [
        "finished"
    ] * 3

    (job,) = set(node.called_descendants) & set(job_of_the_checkpoint())
    sha256 = job.inputs.function_inputs.identity["model"]["sha256"]
    models = node.outputs.samples.base.attributes.get("models")
    assert {"name": "oracle-pos-only", "sha256": sha256} in models
    assert job in jobs_with("model.sha256", sha256)
    sent = list(job.inputs.upload_files.values()) if upload else []
    assert [hashlib.sha256(weights_of(n)).hexdigest() for n in sent] == [sha256] * upload
    assert all(isinstance(n, FolderData) for n in sent)

    check_the_trajectory(node, job)


def job_of_the_checkpoint() -> list[Any]:
    checkpoint = CHECKPOINT / "checkpoints" / "last.ckpt"
    return jobs_with("model.source_sha256", hashlib.sha256(checkpoint.read_bytes()).hexdigest())


def weights_of(folder: Any) -> bytes:
    names = folder.base.repository.list_object_names()
    (name,) = (name for name in names if name.endswith(".safetensors"))
    content: bytes = folder.base.repository.get_object_content(name, mode="rb")
    return content


def check_the_trajectory(node: Any, job: Any) -> None:
    from aiida_hpaint.workflows.restore.recordings import find_recordings

    data = node.outputs.trajectories.chunk_0000
    assert data.creator.uuid == job.uuid
    assert data.base.attributes.get("scheme") == "pos-only"
    (recording,) = find_recordings(node.pk)
    assert isinstance(recording, Recording)
    assert len(recording) == 2
    assert recording.trajectory.steps.tolist() == [1, 2, 3]
    samples = recording.samples
    shift = recording.trajectory.positions[-1] - samples.frac_coords[samples.inserted]
    assert np.abs(shift - np.round(shift)).max() < 1e-5


@pytest.mark.long  # as half_restored, with trajectories
@pytest.mark.usefixtures("daemon")
def test_a_chunk_that_dies_leaves_the_trajectories_of_the_others(brucite: StructureBatch) -> None:
    from dataclasses import replace

    hosts = replace(brucite[[0, 0]], labels=("brucite", "poison"))
    killer = "grep -q poison inputs.pickle && kill -9 $$"
    options = {"sample": {"prepend_text": killer}}
    node = restored(hosts, status=410, chunk_sites=5, options=options)
    assert list(node.outputs.trajectories) == ["chunk_0000"]
    statuses = node.outputs.samples.batch.scalars["status"].tolist()
    assert statuses[2:] == ["failed", "failed"]
