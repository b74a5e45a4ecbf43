"""aiida-hpaint exchange: substitute elements to get more training structures with H."""

from __future__ import annotations

import json
from pathlib import Path

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.errors import tell_how_to_go_on

_HELP = """Substitute elements in structures and relax the results.

CONFIG is a YAML file with the settings. Few known structures contain H, but fluorides can become
hydrides or hydroxides, and potassium can become ammonium. The element is replaced in each structure
that has it and no H, energies are compared at several volumes, and sites are relaxed with a
potential. Structures are kept if their forces are small, their bonds plausible, and no other
structure matches them.

The result, exchanged.npz in the output folder, is a source of data for `aiida-hpaint train`;
exchanged.json records the settings. The same command continues an interrupted run.

\b
Examples:
  aiida-hpaint exchange examples/training/exchanged.yaml
  aiida-hpaint train examples/training/bundled.yaml
"""


@click.command(cls=Command, help=_HELP)
@click.argument("config", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def exchange(config: Path) -> None:
    """Substitute elements in structures and relax the results."""
    from aiida_hpaint.cli.console import open_progress, silence_warnings
    from aiida_hpaint.cli.settings import read_settings_file
    from aiida_hpaint.science.substitution import SubstitutionSettings, substitute_elements

    silence_warnings()
    settings = read_settings_file(config, SubstitutionSettings)
    how = f"the same command goes on with what {settings.output} does not have"
    with tell_how_to_go_on(how), open_progress() as bars:

        def progress(done: int, total: int, text: str) -> None:
            bars(text, done, total)

        path = substitute_elements(settings, progress=progress)
    record = json.loads((settings.output / "exchanged.json").read_text())
    for swap, tried in record["tried"].items():
        click.echo(f"{swap}: {record['kept'].get(swap, 0)} of {tried}")
    click.echo(str(path))
