"""Programs in containers: options of the commands, and codes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.errors import CommandError

if TYPE_CHECKING:
    from aiida.orm import InstalledCode

__all__ = ["CONTAINER_OPTIONS", "Container", "describe_container", "read_container"]

_PLACE = "{image_name}"
_DEFAULT = f"apptainer exec --nv {_PLACE}"

CONTAINER_OPTIONS = (
    click.option(
        "--container",
        "image",
        metavar="IMAGE",
        help="Image with the programs: its name, or its path there. --python, --pw and --pp are "
        "then names or paths in the container.",
    ),
    click.option(
        "--engine-command",
        metavar="COMMAND",
        help=f"How the container is run, with {_PLACE} in the place of the image.  "
        f"[default: {_DEFAULT}]",
    ),
)


@dataclass(frozen=True)
class Container:
    """Image that programs are in, and the command that runs a program in it.

    Attributes
    ----------
    image
        Name or path of the image.
    engine
        Command with `{image_name}`; the program and its arguments follow.
    """

    image: str
    engine: str = _DEFAULT

    def make_code(self, **values: Any) -> InstalledCode:
        """Return a code, which is not stored, of a program in the container."""
        from aiida.orm import ContainerizedCode

        return ContainerizedCode(image_name=self.image, engine_command=self.engine, **values)

    def describe(self) -> dict[str, str]:
        """Return what a code in this container stores, by words for it."""
        return {"container": self.image, "engine": self.engine}


def read_container(image: str | None, engine: str | None) -> Container | None:
    """Return the container that the options describe; None without one.

    Raises
    ------
    ClickException
        If the command cannot be used, or there is no image.
    """
    if image is None:
        if engine is not None:
            raise click.UsageError("--engine-command needs --container IMAGE")
        return None
    command = engine or _DEFAULT
    if _PLACE not in command:
        raise CommandError(f"--engine-command {command}: write {_PLACE} where the image belongs")
    if "{" in command.replace(_PLACE, "") or "}" in command.replace(_PLACE, ""):
        raise CommandError(
            f"--engine-command {command}: AiiDA fills in {_PLACE} alone: leave out other braces"
        )
    # aiida-core splits the command at spaces, and quotes each word for the shell.
    if len(image.split()) != 1:
        raise CommandError(f"--container {image}: AiiDA splits it at spaces: choose another name")
    if set("$\"'`") & set(command):
        raise CommandError(
            f"--engine-command {command}: AiiDA quotes each word, so that the shell fills in "
            f"nothing: leave out $ and quotes; a script of yours may have them: /SCRIPT {_PLACE}"
        )
    return Container(image, command)


def describe_container(code: InstalledCode) -> dict[str, str]:
    """Return the container of a stored code as `Container.describe` does; empty without one."""
    from aiida.orm import ContainerizedCode

    if not isinstance(code, ContainerizedCode):
        return {}
    return {"container": str(code.image_name), "engine": str(code.engine_command)}
