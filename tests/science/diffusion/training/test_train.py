from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from aiida_hpaint.science.diffusion import generate, load_model
from aiida_hpaint.science.diffusion.models.cards import CheckpointError, read_card
from aiida_hpaint.science.diffusion.training.dataset import NoisyBatches
from aiida_hpaint.science.diffusion.training.export import export_model
from aiida_hpaint.science.diffusion.training.files import load_structures
from aiida_hpaint.science.diffusion.training.initial_network import (
    build_network,
    make_initial_network,
)
from aiida_hpaint.science.diffusion.training.inputs import read_inputs
from aiida_hpaint.science.diffusion.training.settings import TrainingSettings
from aiida_hpaint.science.diffusion.training.structures import TrainingDataError
from aiida_hpaint.science.diffusion.training.train import (
    ScoreMatching,
    TrainingResult,
    noise_loss,
    train,
)
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch

CRYSTALS = Path(__file__).parents[1] / "data" / "crystals.npz"

DENSE = {"width": 16, "layers": 2, "radial": 8, "heads": 4}
GEMNET = {
    "architecture": "gemnet",
    **dict.fromkeys(("atom_width", "edge_width", "species_width", "latent_width"), 24),
    **{"blocks": 1, "cutoff": 5.0, "neighbours": 12, "radial": 16, "ties": "shell"},
    **{"triplet_width": 16, "bilinear_width": 16},
}
NETWORKS = {"dense": DENSE, "gemnet": GEMNET}
both = pytest.mark.parametrize("kind", NETWORKS)


def settings(output: Path, kind: str = "dense", **values: Any) -> TrainingSettings:
    defaults: dict[str, Any] = {"data": CRYSTALS, "output": output, "network": NETWORKS[kind]}
    defaults |= {"device": "cpu", "batch_size": 8, "steps": 8, "decay": 5, "warmup": 2}
    defaults |= {"save_every": 4, "log_every": 2, "workers": 0}
    return TrainingSettings(**{**defaults, **values})


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    state = torch.load(checkpoint, weights_only=True)
    found: dict[str, torch.Tensor] = state["state_dict"]
    return found


def curve(folder: Path) -> list[tuple[int, float, float | None]]:
    with (folder / "loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [(int(r["step"]), float(r["loss"]), float(r["validation_loss"] or "nan")) for r in rows]


def test_every_structure_counts_alike_in_the_loss() -> None:
    target = torch.zeros(2, 3, 3)
    unknown = torch.tensor([[True, False, False], [True, True, True]])
    estimate = torch.ones(2, 3, 3) * unknown[..., None]
    assert noise_loss(estimate, target, unknown) == 3
    assert noise_loss(estimate * torch.tensor([[[1.0]], [[0.0]]]), target, unknown) == 1.5


def test_every_site_counts_alike_in_the_sum() -> None:
    unknown = torch.tensor([[True, False, False], [True, True, True]])
    estimate = torch.ones(2, 3, 3) * unknown[..., None]
    assert noise_loss(estimate, torch.zeros(2, 3, 3), unknown, "sum") == (1 + 3) / 2


@both
def test_a_resumed_run_gives_what_one_run_gives(tmp_path: Path, kind: str) -> None:
    values: dict[str, Any] = {"validation": CRYSTALS, "validate_every": 3, "validation_batches": 2}
    whole = train(settings(tmp_path / "whole", kind, **values))
    assert whole == TrainingResult(tmp_path / "whole" / "last.ckpt", 8, True)
    again = settings(tmp_path / "resumed", kind, **values)
    resumed = train(again, resume=tmp_path / "whole" / "step=4.ckpt")
    found, wanted = weights(resumed.checkpoint), weights(whole.checkpoint)
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    np.testing.assert_array_equal(curve(tmp_path / "whole"), curve(tmp_path / "resumed"))
    steps = [(step, np.isfinite(watched)) for step, _, watched in curve(tmp_path / "whole")]
    assert steps == [(2, False), (3, True), (4, False), (6, True), (8, False)]


def test_a_run_that_must_stop_goes_on_as_if_it_had_not(tmp_path: Path) -> None:
    values: dict[str, Any] = {"validation": CRYSTALS, "validate_every": 3, "save_every": 100}
    stopped = train(settings(tmp_path / "stopped", **values), deadline=time.monotonic())
    assert stopped == TrainingResult(tmp_path / "stopped" / "last.ckpt", 1, False)
    asked = train(settings(tmp_path / "asked", **values), stop=lambda: True)
    assert (asked.steps, asked.finished) == (1, False)
    went_on = train(settings(tmp_path / "stopped", **values), resume=stopped.checkpoint)
    whole = train(settings(tmp_path / "whole", **values))
    found, wanted = weights(went_on.checkpoint), weights(whole.checkpoint)
    assert all(torch.equal(found[name], value) for name, value in wanted.items())
    np.testing.assert_array_equal(curve(tmp_path / "whole"), curve(tmp_path / "stopped"))


def test_what_cannot_be_gone_on_from_is_refused(tmp_path: Path) -> None:
    run = settings(tmp_path, steps=2)
    done = train(run).checkpoint
    with pytest.raises(CheckpointError, match="has all 2 steps"):
        train(run, resume=done)
    with pytest.raises(CheckpointError, match="of another network"):
        train(settings(tmp_path, "gemnet"), resume=done)
    (tmp_path / "a.ckpt").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        train(run, resume=tmp_path / "a.ckpt")
    torch.save({"state_dict": {}}, tmp_path / "b.ckpt")
    with pytest.raises(CheckpointError, match="is not a checkpoint of `aiida-hpaint train`"):
        train(run, resume=tmp_path / "b.ckpt")


@both
def test_the_model_says_how_it_was_made_and_can_be_used(tmp_path: Path, kind: str) -> None:
    run = settings(
        tmp_path,
        kind,
        validation=CRYSTALS,
        held_out=CRYSTALS,
        data=[CRYSTALS],
        steps=2,
        validate_every=2,
        about_data={"licence": "CC BY 4.0"},
    )
    with pytest.raises(TrainingDataError, match="nothing to learn"):
        train(run)
    run = run.model_copy(update={"held_out": ()})
    path = tmp_path / "model.safetensors"
    card = export_model(train(run).checkpoint, run, path)
    assert card == read_card(path)
    assert card.architecture == kind
    assert card.data["licence"] == "CC BY 4.0"
    assert card.data["structures"] == 40
    assert card.data["sources"][0]["name"] == "crystals.npz"
    assert card.data["validation"]["sources"][0]["sites"] == 261
    assert card.training["steps_done"] == 2
    assert card.training["seconds"] > 0
    assert card.training["validation_loss"] > 0
    assert set(card.training["versions"]) == {"aiida-hpaint", "torch", "lightning", "python"}
    host = StructureBatch(
        ("host",), np.eye(3)[None] * 3, [2], [12, 1], [[0, 0, 0], [np.nan] * 3], [False, True]
    )
    samples = generate(host, SamplingSettings(generator=str(path), samples=2, steps=3))
    assert samples.placed.all()
    assert samples.history[-1]["model"] == {"name": "trained", "sha256": card.sha256}


def test_held_out_structures_are_counted_and_listed(tmp_path: Path) -> None:
    part = tmp_path / "part.npz"
    with np.load(CRYSTALS) as data:
        first = int(data["num_atoms"][0])
        np.savez(
            part,
            num_atoms=data["num_atoms"][:1],
            atomic_numbers=data["atomic_numbers"][:first],
            frac_coords=data["frac_coords"][:first],
            lattice=data["lattice"][:1],
        )
    run = settings(tmp_path, held_out=part, name="mine", steps=1)
    inputs = read_inputs(run)
    assert len(inputs.training) == 39
    assert inputs.about["held_out"]["removed"] == 1
    assert inputs.about["held_out"]["by"] == "structure"
    train(run)
    assert (tmp_path / "mine.removed.csv").read_text().splitlines()[1].startswith("mp-626785,0,")


@both
def test_a_run_can_start_from_a_model(tmp_path: Path, kind: str) -> None:
    run = settings(tmp_path / "first", kind, steps=2)
    path = tmp_path / "first.safetensors"
    export_model(train(run).checkpoint, run, path)
    values = run.model_dump(exclude={"network", "noise"}) | {"initial_model": str(path)}
    tuned = TrainingSettings.model_validate({**values, "output": tmp_path / "tuned"})
    assert tuned.network == run.network
    learnt = load_model(str(path), "cpu", "float32").network.state_dict()
    found = make_initial_network(tuned).state_dict()
    assert all(torch.equal(found[name], value) for name, value in learnt.items())
    trained = weights(train(tuned).checkpoint)
    assert any(not torch.equal(trained[f"network.{name}"], v) for name, v in learnt.items())
    other = tuned.model_copy(
        update={"network": settings(tmp_path, network={**NETWORKS["dense"], "width": 8}).network}
    )
    with pytest.raises(CheckpointError, match="another network"):
        make_initial_network(other)


def test_budgets_can_be_added_to_a_model_and_change_nothing_at_first(tmp_path: Path) -> None:
    run = settings(tmp_path / "first", steps=2)
    path = tmp_path / "first.safetensors"
    export_model(train(run).checkpoint, run, path)
    aware = settings(
        tmp_path / "aware",
        initial_model=str(path),
        network={**NETWORKS["dense"], "budget": 4},
        masks={"budget_probability": 1.0, "focus_probability": 1.0},
        focus_share=1.0,
    )
    before = load_model(str(path), "cpu", "float32").network
    after = make_initial_network(aware)
    batch = probe(aware, 1)[0]
    assert batch.crystals.carried.any()
    assert torch.equal(
        after(batch.crystals, batch.levels, None), before(batch.crystals, batch.levels, None)
    )
    trained = weights(train(aware).checkpoint)["network.budgets.weight"]
    assert trained[1:].any()
    assert not trained[0].any()


def test_a_decay_that_ends_early_is_the_beginning_of_a_longer_one(tmp_path: Path) -> None:
    data = read_inputs(settings(tmp_path))
    long, short = (
        ScoreMatching(settings(tmp_path, warmup=0, **values), data)
        for values in (
            {"steps": 22, "decay": 17},
            {"steps": 18, "decay": 13, "final_rate": 4 / 17},
        )
    )
    rates = [[run._rate(step) for step in range(19)] for run in (long, short)]
    assert rates[0] == pytest.approx(rates[1])


def test_a_model_can_keep_a_share_of_its_start(tmp_path: Path) -> None:
    first = settings(tmp_path / "first", name="first")
    path = tmp_path / "first.safetensors"
    export_model(train(first).checkpoint, first, path)
    second = settings(tmp_path / "second", initial_model=str(path), initial_share=0.25, seed=1)
    checkpoint = train(second).checkpoint
    export_model(checkpoint, second, tmp_path / "kept.safetensors")
    export_model(
        checkpoint, second.model_copy(update={"initial_share": 0.0}), tmp_path / "new.safetensors"
    )
    start, new, kept = (load_file(tmp_path / f"{n}.safetensors") for n in ("first", "new", "kept"))
    for name, value in kept.items():
        torch.testing.assert_close(value, 0.75 * new[name] + 0.25 * start[name])
    with pytest.raises(ValidationError, match="there is no initial_model"):
        settings(tmp_path, initial_share=0.25)


def test_missing_models_to_start_from_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="no model 'nothing'"):
        settings(tmp_path, initial_model="nothing")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"noise": {"kind": "fractional"}}, "takes noise levels in Å"),
        ({"masks": {"kind": "td"}}, "need the architecture 'gemnet'"),
        ({"masks": {"budget_probability": 0.5}}, "set network.budget"),
        ({"network": {"architecture": "transformer"}}, "'dense', 'gemnet'"),
        ({"network": {"architecture": "gemnet", "layers": 3}}, "layers"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        settings(tmp_path, **values)


def test_elements_without_a_place_in_the_network_are_named(tmp_path: Path) -> None:
    run = settings(tmp_path, "gemnet", network={**GEMNET, "species": 20})
    with pytest.raises(TrainingDataError, match=r"raise network\.species"):
        read_inputs(run)


def test_settings_survive_being_data(tmp_path: Path) -> None:
    for kind in NETWORKS:
        run = settings(tmp_path, kind, noise={"kind": "cartesian", "smallest": 0.05})
        assert TrainingSettings.model_validate(run.model_dump(mode="json")) == run


@pytest.mark.parametrize("masks", ["task", "uniform", "td", "none"])
@pytest.mark.parametrize("noise", ["cartesian", "fractional"])
def test_gemnet_learns_from_all_masks_and_noises(tmp_path: Path, masks: str, noise: str) -> None:
    run = settings(tmp_path, "gemnet", masks={"kind": masks}, noise={"kind": noise})
    [batch] = probe(run, 1)
    network = build_network(run)
    estimate = network(batch.crystals, batch.levels, None)
    loss = noise_loss(estimate, batch.target, batch.crystals.unknown, "sum")
    loss.backward()
    slopes = [p.grad for p in network.parameters() if p.grad is not None]
    assert torch.isfinite(loss)
    assert len(slopes) > 10
    assert all(torch.isfinite(slope).all() for slope in slopes)
    assert run.recommended.scheme == ("pos-only" if masks == "none" else "td")


def test_the_recipe_of_the_paper_runs(tmp_path: Path) -> None:
    recipe: dict[str, Any] = {"masks": {"kind": "td"}, "noise": {"kind": "fractional"}}
    recipe |= {"optimizer": "adam", "learning_rate": 1e-4, "betas": (0.9, 0.999)}
    recipe |= {"weight_decay": 0, "warmup": 0, "decay": 0, "average": 0, "loss": "sum"}
    recipe |= {"clip": 0.5, "clip_by": "value", "focus_share": None, "precision": "bf16-mixed"}
    trained = train(settings(tmp_path, "gemnet", steps=2, **recipe))
    assert trained.finished
    assert np.isfinite([loss for _, loss, _ in curve(tmp_path)]).all()


def probe(run: TrainingSettings, count: int) -> list[Any]:
    batches = NoisyBatches(
        load_structures(run.data),
        run.masks,
        run.noise,
        batch_size=8,
        focus_share=run.focus_share,
        seed=1,
        first=0,
        last=count,
    )
    return list(batches)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "precision"),
    [
        ("dense", "32-true"),
        ("gemnet", "bf16-mixed"),
        pytest.param("gemnet", "32-true", marks=pytest.mark.long),
    ],
)
def test_a_hundred_steps_lower_the_loss(tmp_path: Path, kind: str, precision: str) -> None:
    run = settings(
        tmp_path,
        kind,
        steps=100,
        save_every=100,
        learning_rate=3e-3,
        average=0.9,
        precision=precision,
    )
    path = tmp_path / "model.safetensors"
    export_model(train(run).checkpoint, run, path)
    network = load_model(str(path), "cpu", "float32").network
    learnt, nothing = [], []
    with torch.no_grad():
        for batch in probe(run, 20):
            estimate = network(batch.crystals, batch.levels, None)
            unknown = batch.crystals.unknown
            learnt.append(float(noise_loss(estimate, batch.target, unknown)))
            nothing.append(float(noise_loss(0 * estimate, batch.target, unknown)))
    assert np.mean(learnt) < 0.9 * np.mean(nothing)
