"""Commands of other packages, which register them through an entry point.

A package adds a command by an entry point of the group `hpaint.commands`, whose name is the
command's and whose value is a click command. Its module is imported when the command is invoked,
not for `aiida-hpaint --help`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import click

GROUP = "hpaint.commands"
"""Group of the entry points that add commands."""


def find_packages() -> dict[str, list[str]]:
    """Return the commands of other packages by name, sorted, each with the packages that add it."""
    packages: dict[str, list[str]] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda one: (one.name, _get_package(one))):
        packages.setdefault(entry.name, []).append(_get_package(entry))
    return packages


def load_command(name: str) -> click.Command | None:
    """Import and return the command that another package adds under a name; None without one.

    Raises
    ------
    ClickException
        If several packages add a command of this name, or it cannot be imported.
    """
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        return None
    packages = ", ".join(sorted(map(_get_package, found)))
    if len(found) > 1:
        raise click.ClickException(
            f"several packages add a command {name!r}: {packages}: remove all but one of them"
        )
    try:
        command = found[0].load()
    except Exception as error:  # the code of another package can raise anything
        raise click.ClickException(
            f"the command {name!r} of the package {packages} cannot be imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(command, click.Command):
        raise click.ClickException(
            f"the package {packages} registers {found[0].value} as the command {name!r}, which is "
            "no click command"
        )
    return command


def _get_package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else "?"
