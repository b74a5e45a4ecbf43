"""How much a command says: -q and -v."""

from __future__ import annotations

from collections.abc import Sequence

import click

__all__ = ["add_verbosity", "is_quiet", "is_verbose", "say"]

_VERBOSITY = "aiida_hpaint.verbosity"


def add_verbosity(params: Sequence[click.Parameter]) -> list[click.Option]:
    """Return the options -q and -v, unless a command has options of these names."""
    taken = {name for one in params for name in one.opts}
    options = {
        "quiet": (-1, "Print results and errors only: no progress, no notes."),
        "verbose": (1, "Print more: the reasons behind the results."),
    }
    return [
        click.Option(
            [f"-{name[0]}", f"--{name}"],
            is_flag=True,
            expose_value=False,
            callback=_set_verbosity,
            flag_value=str(level),
            default=None,
            type=str,
            help=text,
        )
        for name, (level, text) in options.items()
        if f"--{name}" not in taken
    ]


def is_quiet() -> bool:
    """Return whether only results and errors are wanted."""
    return _get() < 0


def is_verbose() -> bool:
    """Return whether more than usual is wanted."""
    return _get() > 0


def say(text: str) -> None:
    """Print on stderr what is neither a result nor an error, unless only these are wanted."""
    if not is_quiet():
        click.echo(text, err=True)


def _get() -> int:
    context = click.get_current_context(silent=True)
    return 0 if context is None else int(context.meta.get(_VERBOSITY, 0))


def _set_verbosity(ctx: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.meta[_VERBOSITY] = int(value)
