"""aiida-hpaint exchange: more structures with H for a training."""

from __future__ import annotations

import json
from pathlib import Path

import click

_HELP = """Exchange elements in structures and relax what results, as CONFIG, a YAML file, says.

Data have few structures with H. Fluorides become hydrides or hydroxides, potassium becomes
ammonium: each structure of the data that has the element and no H is tried, at several volumes,
its sites relaxed with a potential, and kept if it is calm, bound, and like no other. The result,
exchanged.npz in the output folder, is a source of data for `aiida-hpaint train`; exchanged.json
says what it was made with. A run that was stopped goes on with the same command.

\b
Examples:
  aiida-hpaint exchange examples/training/exchanged.yaml
  aiida-hpaint train examples/training/bundled.yaml
"""


@click.command(help=_HELP)
@click.argument("config", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def exchange(config: Path) -> None:
    """Exchange elements in structures and relax what results."""
    from aiida_hpaint.cli.console import open_progress, silence_warnings
    from aiida_hpaint.cli.settings import read_settings_file
    from aiida_hpaint.science import substitution as exchanging

    silence_warnings()
    settings = read_settings_file(config, exchanging.SubstitutionSettings)
    with open_progress() as bars:

        def progress(done: int, total: int, text: str) -> None:
            bars(text, done, total)

        path = exchanging.substitute_elements(settings, progress=progress)
    record = json.loads((settings.output / "exchanged.json").read_text())
    for swap, tried in record["tried"].items():
        click.echo(f"{swap}: {record['kept'].get(swap, 0)} of {tried}")
    click.echo(str(path))
