"""Training through a real daemon: in one job, in several, and where it cannot succeed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from processes import ended

from aiida_hpaint import __version__

ROOT = Path(__file__).parents[2]
CRYSTALS = ROOT / "science" / "diffusion" / "data" / "crystals.npz"
TIMEOUT = 300


def settings(**values: Any) -> Any:
    from aiida_hpaint.science.diffusion.training.settings import TrainingSettings

    defaults: dict[str, Any] = {"data": CRYSTALS, "output": "nowhere", "name": "tiny"}
    defaults |= {"network": {"width": 16, "layers": 1, "radial": 8, "heads": 4}, "workers": 0}
    defaults |= {"steps": 6, "batch_size": 4, "log_every": 2, "save_every": 2, "device": "cpu"}
    return TrainingSettings(**{**defaults, **values})


def build(run: Any, **arguments: Any) -> Any:
    from aiida_hpaint.workflows.training.build import build_training

    return build_training(run, **arguments)


def submitted(builder: Any) -> Any:
    from aiida.engine import submit

    return ended(submit(builder), TIMEOUT)


@pytest.mark.usefixtures("profile")
def test_data_are_sent_or_stay_where_they_are(tmp_path: Path) -> None:
    from aiida.orm import FolderData, SinglefileData

    from aiida_hpaint.science.diffusion.training.files import hash_source

    cache = tmp_path / "cache"
    cache.mkdir()
    with np.load(CRYSTALS) as data:
        for key in ("num_atoms", "atomic_numbers"):
            np.save(cache / f"{key}.npy", data[key])
    there = {"path": "/there/more.npz", "sha256": "0" * 64}
    inputs = build(
        settings(data=[CRYSTALS, {"path": cache, "weight": 2}, there], held_out=CRYSTALS)
    )._inputs(prune=True)
    sent = inputs["files"]
    assert isinstance(sent["data_0"], SinglefileData)
    assert isinstance(sent["data_1"], FolderData)
    assert sorted(sent) == ["data_0", "data_1", "held_out_0"]
    seen = inputs["settings"].get_dict()
    assert seen["data"] == [
        {
            "path": "data_0.npz",
            "sha256": hash_source(CRYSTALS),
            "name": "crystals.npz",
            "weight": 1.0,
        },
        {"path": "data_1", "sha256": hash_source(cache), "name": "cache", "weight": 2.0},
        {**there, "name": "more.npz", "weight": 1.0},
    ]
    assert seen["output"] == "training"
    assert inputs["identity"].get_dict() == {"version": __version__}


@pytest.mark.usefixtures("profile")
def test_what_is_missing_is_named() -> None:
    for source in ("nothing.npz", {"path": "nothing.npz", "sha256": "0" * 64}, "/nothing.npz"):
        with pytest.raises(ValueError, match=r"nothing\.npz; for data on the remote computer"):
            build(settings(data=source))
    with pytest.raises(ValueError, match="has the sha256"):
        build(settings(data={"path": CRYSTALS, "sha256": "0" * 64}))
    with pytest.raises(ValueError, match="there is no option 'wall'"):
        build(settings(), options={"wall": 1})


@pytest.mark.usefixtures("profile")
def test_a_model_to_start_from_is_sent_along() -> None:
    run = settings(initial_model="bundled", network=None, noise=None)
    inputs = build(run)._inputs(prune=True)
    assert inputs["settings"]["initial_model"].startswith("model/")
    assert inputs["settings"]["network"]["width"] == 128
    assert len(inputs["identity"]["model"]["sha256"]) == 64
    assert "model" in inputs["files"]


@pytest.mark.slow
def test_training_through_the_daemon_gives_what_it_gives_here(daemon: Any, tmp_path: Path) -> None:
    from safetensors.torch import load

    from aiida_hpaint.science.diffusion.training.export import export_model
    from aiida_hpaint.science.diffusion.training.train import train

    node = submitted(build(settings(held_out=CRYSTALS, held_out_by="structure", steps=1)))
    assert node.exit_status == 401
    assert "nothing to learn" in node.exit_message

    node = submitted(build(settings(validation=CRYSTALS, validate_every=3, validation_batches=1)))
    assert node.is_finished_ok, (node.exit_status, node.exit_message)
    report = node.outputs.report.get_dict()
    assert (report["status"], report["steps"], report["jobs"]) == ("finished", 6, 1)
    assert node.outputs.curve.get_array("step").tolist() == [2, 3, 4, 6]
    assert np.isfinite(node.outputs.curve.get_array("validation_loss")).sum() == 2

    here = settings(
        validation=CRYSTALS, validate_every=3, validation_batches=1, output=tmp_path / "here"
    )
    path = tmp_path / "tiny.safetensors"
    card = export_model(train(here).checkpoint, here, path)
    model = node.outputs.model
    assert sorted(model.base.repository.list_object_names()) == ["tiny.json", "tiny.safetensors"]
    found = load(model.base.repository.get_object_content("tiny.safetensors", "rb"))
    wanted = load(path.read_bytes())
    assert all((found[name] == value).all() for name, value in wanted.items())
    assert model.base.attributes.get("sha256") == report["sha256"] == card.sha256
    creator = model.creator
    assert creator.process_label == "collect_model"
    job = creator.inputs.retrieved.creator
    assert job.inputs.upload_files.data_0.label == "crystals.npz"


@pytest.mark.slow
def test_a_job_goes_on_from_the_checkpoint_of_one_that_was_killed(
    daemon: Any, tmp_path: Path
) -> None:
    from aiida_hpaint.science.diffusion.training.export import export_model
    from aiida_hpaint.science.diffusion.training.train import train

    run = settings(steps=200, save_every=50)
    until = "while ! test -e 'training/step=50.ckpt'; do sleep 0.05; done"
    killer = f"test -e previous || ({until}; pkill -9 -P $$) &"
    node = submitted(build(run, options={"prepend_text": killer}))
    assert node.is_finished_ok, (node.exit_status, node.exit_message)
    report = node.outputs.report.get_dict()
    assert (report["jobs"], report["failures"], report["steps"]) == (2, 1, 200)
    here = settings(steps=200, save_every=50, output=tmp_path / "here")
    card = export_model(train(here).checkpoint, here, tmp_path / "tiny.safetensors")
    assert report["sha256"] == card.sha256
    whole = np.genfromtxt(tmp_path / "here" / "loss.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(node.outputs.curve.get_array("loss"), whole["loss"])
