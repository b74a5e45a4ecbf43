from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from aiida_hpaint.cli.main import main


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["train", *arguments])
    return result.exit_code, result.output


def test_missing_data_are_named(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"data: {tmp_path / 'nothing.npz'}\noutput: {tmp_path}\n")
    code, output = run(str(config))
    assert code == 1
    assert "there is no file" in output
    assert "set `data` in" in output


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text("data: x.npz\noutput: out\nlearning_rates: 1\n")
    code, output = run(str(config))
    assert code == 1
    assert "learning_rates" in output


def test_the_configuration_of_the_bundled_model_is_valid() -> None:
    import yaml

    from aiida_hpaint.diffusion.library import list_models
    from aiida_hpaint.diffusion.training import TrainingSettings

    path = Path(__file__).parents[2] / "examples" / "training" / "bundled.yaml"
    settings = TrainingSettings.model_validate(yaml.safe_load(path.read_text()))
    [card] = [card for card in list_models() if card.name == settings.name]
    assert card.training["steps"] == settings.steps
    assert card.network == settings.network.model_dump()
    assert card.data == settings.about_data
