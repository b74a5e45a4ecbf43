"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

_HOSTS: tuple[Callable[[Any], Any], ...] = (
    click.argument("files", nargs=-1, required=True, metavar="FILES..."),
    click.option(
        "--add", metavar="EL:N", help="Sites to insert in each host, like H:4 or H:4,Li:1."
    ),
    click.option("--skip-bad", is_flag=True, help="Leave out hosts with problems."),
)
_SETTINGS: tuple[Callable[[Any], Any], ...] = (
    click.option("--protocol", metavar="NAME", help="fast, balanced (default) or stringent."),
    click.option("--samples", type=int, metavar="N", help="Samples for each host."),
    click.option("--seed", type=int, metavar="N", help="Seed of the noise."),
    click.option("--generator", metavar="NAME", help="See `aiida-hpaint models list`."),
    click.option("--potential", metavar="NAME", help="See `aiida-hpaint models list`."),
    click.option(
        "--set",
        "set_",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any other setting, like relax_all.fmax=0.02; may be repeated.",
    ),
    click.option(
        "--code", metavar="LABEL", help="Python to run the jobs; without it, this one, here."
    ),
    click.option(
        "--jobs",
        type=click.IntRange(min=1),
        metavar="N",
        help="Chunks that the hosts are cut into at most; without it, one for each core here.",
    ),
)


def host_options(command: Function) -> Function:
    """Which hosts."""
    return _decorated(command, _HOSTS)


def run_options(command: Function) -> Function:
    """How to restore them, and where."""
    return _decorated(command, _SETTINGS)


def _decorated(command: Function, decorators: tuple[Callable[[Any], Any], ...]) -> Function:
    for decorate in reversed(decorators):
        command = decorate(command)
    return command
