"""aiida-hpaint train: a new model from a configuration."""

from __future__ import annotations

from pathlib import Path

import click

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
    import yaml

    from aiida_hpaint.cli.console import quiet_warnings
    from aiida_hpaint.diffusion import training
    from aiida_hpaint.diffusion.export import export_model

    quiet_warnings()
    settings = training.TrainingSettings.model_validate(yaml.safe_load(config.read_text()))
    if not settings.data.is_file():
        raise click.ClickException(f"there is no file {settings.data}: set `data` in {config}")
    checkpoint = training.train(settings, resume)
    path = settings.output / f"{settings.name}.safetensors"
    card = export_model(checkpoint, settings, path)
    click.echo(f"{path}: model '{card.name}', sha256 {card.sha256[:12]}")
