from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from click.testing import CliRunner

from aiida_hpaint.cli.main import main
from aiida_hpaint.science.outputs import LOCK

ROOT = Path(__file__).parents[3]
CRYSTALS = ROOT / "tests" / "science" / "diffusion" / "data" / "crystals.npz"
EXAMPLES = sorted((ROOT / "examples" / "training").rglob("*.yaml"))


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["train", *arguments])
    return result.exit_code, result.output


def write(folder: Path, **values: Any) -> Path:
    defaults: dict[str, Any] = {"data": str(CRYSTALS), "output": str(folder / "out")}
    defaults |= {"network": {"width": 16, "layers": 1, "radial": 8, "heads": 4}, "workers": 0}
    defaults |= {"steps": 4, "batch_size": 4, "log_every": 2, "save_every": 2, "device": "cpu"}
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump({**defaults, **values}))
    return path


def test_a_model_is_trained_and_told_of(tmp_path: Path) -> None:
    code, output = run(str(write(tmp_path)))
    assert code == 0, output
    card = json.loads((tmp_path / "out" / "trained.json").read_text())
    assert card["training"]["steps_done"] == 4
    assert f"model 'trained', sha256 {card['sha256'][:12]}" in output


def test_progress_is_not_among_the_results(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["train", str(write(tmp_path)), "--quiet"])
    assert result.exit_code == 0, result.output
    assert result.output.startswith(str(tmp_path / "out" / "trained.safetensors"))
    result = CliRunner().invoke(main, ["train", str(write(tmp_path))])
    assert result.stdout.startswith(str(tmp_path / "out" / "trained.safetensors"))


def test_a_run_stops_in_time_and_goes_on(tmp_path: Path) -> None:
    config, last = write(tmp_path), tmp_path / "out" / "last.ckpt"
    code, output = run(str(config), "--max-seconds", "0")
    assert code == 0, output
    assert "Stopped after 1 of 4 steps" in output
    assert f"--resume {last}" in output
    assert not (tmp_path / "out" / "trained.json").exists()
    code, output = run(str(config), "--resume", str(last))
    assert code == 0, output
    assert (
        json.loads((tmp_path / "out" / "trained.json").read_text())["training"]["steps_done"] == 4
    )


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    config = write(tmp_path)
    (tmp_path / "out").mkdir()
    with (tmp_path / "out" / LOCK).open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        code, output = run(str(config))
    assert code == 2
    assert "in use" in output
    assert not list((tmp_path / "out").glob("*.ckpt"))


def test_missing_data_are_named(tmp_path: Path) -> None:
    code, output = run(str(write(tmp_path, data=str(tmp_path / "nothing.npz"))))
    assert code == 2
    assert f"there is no file or folder {tmp_path / 'nothing.npz'}" in output


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    code, output = run(str(write(tmp_path, learning_rates=1)))
    assert code == 2
    assert "learning_rates" in output


def test_what_is_no_yaml_is_named(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("data: [")
    code, output = run(str(config))
    assert code == 2
    assert "is not YAML" in output


@pytest.mark.parametrize(
    "flags", [("--submit", "--max-seconds", "1"), ("--code", "python"), ("--walltime", "1")]
)
def test_options_that_do_not_go_together_are_refused(
    tmp_path: Path, flags: tuple[str, ...]
) -> None:
    code, output = run(str(write(tmp_path)), *flags)
    assert code == 2
    assert "--submit" in output or "training here" in output


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid(path: Path) -> None:
    from aiida_hpaint.science.diffusion.training.settings import TrainingSettings
    from aiida_hpaint.science.substitution import SubstitutionSettings

    values = yaml.safe_load(path.read_text())
    kind = SubstitutionSettings if "swaps" in values else TrainingSettings
    kind.model_validate(values)


def test_the_configuration_of_the_bundled_model_is_valid() -> None:
    from aiida_hpaint.science.diffusion.models.library import list_models
    from aiida_hpaint.science.diffusion.training.settings import TrainingSettings

    path = ROOT / "examples" / "training" / "bundled.yaml"
    settings = TrainingSettings.model_validate(yaml.safe_load(path.read_text()))
    [card] = [card for card in list_models() if card.name == settings.name]
    assert card.training["steps"] == settings.steps
    # The card names what is not the default of an older version.
    assert type(settings.network).model_validate(card.network) == settings.network
    assert card.sampling == settings.recommended
    assert settings.about_data.items() <= card.data.items()


@pytest.mark.slow
@pytest.mark.parametrize("kind", [pytest.param("dense", marks=pytest.mark.long), "gemnet"])
def test_two_processes_train_like_one_with_the_mean_of_their_gradients(
    tmp_path: Path, kind: str
) -> None:
    from aiida_hpaint.science.diffusion.training.dataset import NoisyBatches
    from aiida_hpaint.science.diffusion.training.files import load_structures
    from aiida_hpaint.science.diffusion.training.initial_network import make_initial_network
    from aiida_hpaint.science.diffusion.training.train import noise_loss

    network: dict[str, Any] = {"width": 16, "layers": 1, "radial": 8, "heads": 4}
    if kind == "gemnet":
        widths = dict.fromkeys(("atom_width", "edge_width", "species_width", "latent_width"), 16)
        network = {"architecture": kind, "blocks": 1, "neighbours": 8, "lattice": True, **widths}
    values = {"devices": 2, "network": network, "steps": 3, "warmup": 0, "decay": 0, "average": 0}
    values |= {"validation": str(CRYSTALS), "validate_every": 3, "validation_batches": 1}
    config = write(tmp_path, clip=1e6, **values)
    command = [str(Path(sys.executable).parent / "aiida-hpaint"), "train", str(config)]
    subprocess.run(command, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300)

    settings = read(config)
    torch.manual_seed(settings.seed)
    alone = make_initial_network(settings)
    optimizer = torch.optim.AdamW(
        alone.parameters(),
        lr=settings.learning_rate,
        betas=settings.betas,
        weight_decay=settings.weight_decay,
    )
    batches = NoisyBatches(
        load_structures(settings.data), settings.masks, settings.noise, batch_size=4,
        focus_share=settings.focus_share, seed=settings.seed, first=0, last=6,
    )  # fmt: skip
    for step in range(3):
        optimizer.zero_grad()
        for batch in (batches.batch(2 * step), batches.batch(2 * step + 1)):
            estimate = alone(batch.crystals, batch.levels, None)
            (noise_loss(estimate, batch.target, batch.crystals.unknown) / 2).backward()
        optimizer.step()
    found = torch.load(tmp_path / "out" / "last.ckpt", weights_only=True)["state_dict"]
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(found[f"network.{name}"], value, rtol=1e-3, atol=1e-5)
    card = json.loads((tmp_path / "out" / "trained.json").read_text())
    assert card["training"]["devices"] == 2
    assert card["training"]["validation_loss"] > 0


def read(config: Path) -> Any:
    from aiida_hpaint.cli.settings import read_settings_file
    from aiida_hpaint.science.diffusion.training.settings import TrainingSettings

    return read_settings_file(config, TrainingSettings)
