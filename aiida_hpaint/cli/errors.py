"""Errors of commands, and their exit status.

0: it succeeded. 1: it ran, and did not succeed. 2: the command is wrong: an option, a value, or a
file or node that it names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from aiida_hpaint.science.extras import describe_missing_extra

__all__ = ["CommandError", "begin_work", "convert_error", "tell_how_to_go_on"]

_IS_AT_WORK = "aiida_hpaint.is_at_work"


class CommandError(click.ClickException):
    """An error of the command itself, found before any work."""

    exit_code = 2


def begin_work() -> None:
    """Say that the command has been checked: errors from now on are those of its work."""
    context = click.get_current_context(silent=True)
    if context is not None:
        context.meta[_IS_AT_WORK] = True


@contextmanager
def tell_how_to_go_on(how: str) -> Iterator[None]:
    """End with what is kept and how to go on where Ctrl-C interrupts what is inside.

    Raises
    ------
    ClickException
        In the place of a KeyboardInterrupt.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise click.ClickException(f"interrupted: {how}") from None


def convert_error(error: Exception) -> click.ClickException:
    """Return an error with a message for users, and with the exit status of what it means.

    What is wrong in a command raises ValueError or OSError; others were not expected, and their
    message hints at --debug.
    """
    if type(error).__name__ == "OperationalError" and "is locked" in str(error):
        return click.ClickException(
            "another process keeps the database of the profile locked:"
            " end it, and repeat the command"
        )
    if isinstance(error, ImportError) and (message := describe_missing_extra(error)):
        return CommandError(message)
    if not isinstance(error, ValueError | OSError) or not str(error):
        return click.ClickException(
            f"{type(error).__name__}: {error}\n"
            "This error was not expected: `aiida-hpaint --debug ...` shows where it happened."
        )
    context = click.get_current_context(silent=True)
    is_at_work = context is not None and context.meta.get(_IS_AT_WORK, False)
    return click.ClickException(str(error)) if is_at_work else CommandError(str(error))
