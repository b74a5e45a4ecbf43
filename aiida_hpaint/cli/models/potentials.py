"""Published potentials in `aiida-hpaint models`: listed, fetched and shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_hpaint.science.relaxation.potentials import PotentialInfo


def fetch_published_potential(
    name: str, sha256: str | None = None, file: Path | None = None
) -> None:
    """Fetch a potential, and say what it is and what else it needs."""
    from aiida_hpaint.science.relaxation.potentials import find_potential
    from aiida_hpaint.science.relaxation.potentials.fetching import fetch_potential
    from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS

    card = fetch_potential(name, sha256, file=file, report=lambda text: click.echo(text, err=True))
    info = find_potential(name)
    click.echo(f"{name}: {info.description}")
    click.echo(f"  file        {PUBLISHED_POTENTIALS[name].path}")
    for key in ("sha256", "source", "revision", "licence", "citation", "page"):
        click.echo(f"  {key:<11} {card[key]}")
    if not info.is_installed:
        click.echo(f"  to run it   {info.install_command}")
    click.echo(f"Use it: aiida-hpaint restore host.cif --potential {name}")


def make_potential_table() -> Table:
    """Return all potentials: what they are, and what is missing to use them."""
    from rich.table import Table

    from aiida_hpaint.science.relaxation.potentials import list_potentials
    from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS
    from aiida_hpaint.science.settings import PotentialSettings

    default = PotentialSettings().name
    table = Table("potential", "what it is", "installed", title="Potentials (--potential)")
    for info in list_potentials():
        about = info.description
        if info.needs_file:
            about += "; needs --set potential.model=FILE"
        is_missing = info.is_published and not PUBLISHED_POTENTIALS[info.name].is_fetched
        installed = "yes" if info.is_installed else info.install_command
        state = "not fetched" if is_missing and info.is_installed else installed
        name = f"{info.name} (default)" if info.name == default else info.name
        table.add_row(name, about, state, style="dim" if is_missing else None)
    return table


def is_potential(name: str) -> bool:
    """Return whether there is a potential of this name."""
    from aiida_hpaint.science.relaxation.potentials import list_potentials

    return any(info.name == name for info in list_potentials())


def describe_potential(name: str) -> list[tuple[str, str]]:
    """Return names and values of the card of a potential, line by line.

    Raises
    ------
    PotentialError
        If there is no such potential.
    """
    from aiida_hpaint.science.relaxation.potentials import find_potential
    from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS

    info = find_potential(name)
    if not info.is_published:
        return _describe_unpublished(info)
    potential = PUBLISHED_POTENTIALS[name]
    fetched = potential.read_card() if potential.is_fetched else {}
    where = str(potential.path) if fetched else f"not here: aiida-hpaint models fetch {name}"
    return [
        ("name", name),
        ("what it is", info.description),
        ("file", where),
        ("sha256", fetched.get("sha256", potential.sha256) or "that of the first fetch"),
        ("package", f"{info.package} ({info.install_command})"),
        ("source", potential.source),
        ("revision", potential.revision),
        ("page", potential.page),
        ("licence", potential.licence),
        ("citation", potential.citation),
    ]


def _describe_unpublished(info: PotentialInfo) -> list[tuple[str, str]]:
    """Return the lines for a potential that its package brings, or that reads files of users."""
    install = info.install_command or f"pip install {info.package}"
    brings = f"inside {info.provider or info.package}" if not info.needs_file else ""
    return [
        ("name", info.name),
        ("what it is", info.description),
        ("file", brings or "one of your own: --set potential.model=FILE"),
        *([("sha256", info.sha256)] if info.sha256 else []),
        ("package", f"{info.package} ({'installed' if info.is_installed else install})"),
        ("licence", "that of the file" if info.needs_file else f"that of {info.package}"),
        *([("citation", info.citation)] if info.citation else []),
    ]
