"""aiida-hpaint train: a new model from a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aiida_hpaint.diffusion.training_settings import TrainingSettings

HELP = """Train a model as CONFIG, a YAML file, says.

What can be set is listed in the reference of the documentation; `data` and `output` have to be.
The finished model, weights and card, lies in the output folder and can be used at once.

\b
Examples:
  aiida-hpaint train examples/training/bundled.yaml
  aiida-hpaint train mine.yaml --resume runs/mine/last.ckpt
  aiida-hpaint restore host.cif --generator runs/mine/trained.safetensors
"""


@click.command(help=HELP)
@click.argument("config", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--resume",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="CHECKPOINT",
    help="Go on from a checkpoint; the result is that of an uninterrupted run.",
)
def train(config: Path, resume: Path | None) -> None:
    """Train a model from a configuration."""
    from aiida_hpaint.cli.console import quiet_warnings
    from aiida_hpaint.diffusion import training
    from aiida_hpaint.diffusion.export import export_model

    quiet_warnings()
    settings = read_settings(config)
    trained = training.train(settings, resume)
    path = settings.output / f"{settings.name}.safetensors"
    card = export_model(trained.checkpoint, settings, path)
    click.echo(f"{path}: model '{card.name}', sha256 {card.sha256[:12]}")


def read_settings(config: Path) -> TrainingSettings:
    """The settings in a YAML file.

    Raises
    ------
    ClickException
        If it is not one.
    """
    import yaml

    from aiida_hpaint.diffusion.training_settings import TrainingSettings

    try:
        values = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{config} is no YAML: {error}") from error
    return TrainingSettings.model_validate(values)
