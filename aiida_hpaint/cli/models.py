"""aiida-hpaint models: which generators and potentials there are."""

from __future__ import annotations

import click


@click.group()
def models() -> None:
    """Generators and potentials to choose from."""


@models.command("list")
def list_() -> None:
    """List generators and potentials.

    \b
    Examples:
      aiida-hpaint models list
      aiida-hpaint restore host.cif --potential sevennet-l3i5
      aiida-hpaint restore host.cif --potential mace --set potential.model=small.model
    """
    from rich.table import Table

    from aiida_hpaint.cli.console import console, quiet_warnings
    from aiida_hpaint.diffusion import list_models
    from aiida_hpaint.relaxation.potentials import list_potentials

    quiet_warnings()
    generators = Table("generator", "what it is", "sha256", title="Generators (--generator)")
    for card in list_models():
        generators.add_row(card.name, card.description, card.sha256[:12])
    generators.add_row("random", "uniform placement with minimum distances, for comparison", "")
    potentials = Table("potential", "what it is", "installed", title="Potentials (--potential)")
    for info in list_potentials():
        about = f"{info.about}; needs --set potential.model=FILE" if info.needs_file else info.about
        potentials.add_row(info.name, about, "yes" if info.installed else info.install)
    console().print(generators)
    console().print(potentials)
