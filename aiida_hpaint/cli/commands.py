"""Kinds of commands: what all of them can do, and how their help is laid out."""

from __future__ import annotations

from typing import Any

import click

from aiida_hpaint.cli.verbosity import add_verbosity
from aiida_hpaint.science.wording import suggest

__all__ = ["Command", "Group", "RestorationCommand", "list_subcommands"]

_OPTIONS = "Options"

_HELP_NAMES = ("-h", "--help")

_SECTIONS = {
    "What to restore": ("add", "budget", "trust", "disorder", "replace", "dilute", "skip_bad"),
    "How much work": (
        *("protocol", "samples", "seed", "generator", "potential", "set_"),
        *("candidates", "scheme", "steps", "start_from"),
    ),
    "Campaigns": (
        *("campaign", "group", "archive", "where", "no_mark", "max_jobs", "again", "dry_run"),
    ),
    "Where to run": (
        *("no_aiida", "code", "jobs", "one_job", "upload_model", "upload_potential"),
        "chunk_sites",
    ),
    "Density-functional theory": ("validate", "rank", "dft_protocol", "dft_code"),
    "Output": ("output", "formats", "report", "as_json", "record", "quiet", "verbose"),
}
"""Sections of the help of commands with many options, and the parameters in each."""

_EXPERT = frozenset(
    {"candidates", "scheme", "steps", "record", "start_from", "jobs", "upload_model"}
    | {"one_job", "upload_potential", "chunk_sites", "no_mark"}
)
"""Parameters that only --help-all shows."""


class Command(click.Command):
    """A command with -q and -v."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += add_verbosity(self.params)

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the names of the option for help, whatever context a command is first seen in."""
        return [*_HELP_NAMES]


class RestorationCommand(Command):
    """A command with many options, whose help has sections, and all options with --help-all."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(
                ["--help-all"],
                is_flag=True,
                is_eager=True,
                expose_value=False,
                callback=_show_all,
                help="Show all options, those for experts too, and exit.",
            )
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in sections."""
        shows_all = bool(ctx.meta.get(_SHOWS_ALL))
        shown = [one for one in self.get_params(ctx) if shows_all or one.name not in _EXPERT]
        sections: dict[str, list[click.Parameter]] = {title: [] for title in _SECTIONS}
        titles = {name: title for title, names in _SECTIONS.items() for name in names}
        for one in shown:
            sections.setdefault(titles.get(one.name or "", _OPTIONS), []).append(one)
        for title, params in sections.items():
            records = [record for one in params if (record := one.get_help_record(ctx))]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)
        if not shows_all:
            with formatter.indentation():
                formatter.write_paragraph()
                formatter.write_text("More options, for experts: --help-all")


class Group(click.Group):
    """A group of commands that suggests a command where there is none of a name."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += add_verbosity(self.params)

    def get_help_option_names(self, ctx: click.Context) -> list[str]:
        """Return the names of the option for help, whatever context a command is first seen in."""
        return [*_HELP_NAMES]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments begin with, and what follows it.

        Raises
        ------
        UsageError
            If there is none; the message names the closest one.
        """
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            error.message += suggest(args[0], self.list_commands(ctx))
            raise


def list_subcommands(group: click.Group) -> dict[str, click.Command]:
    """Return the commands of a group by name, in the order of its help."""
    ctx = click.Context(group)
    found = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    return {name: command for name, command in found.items() if command is not None}


_SHOWS_ALL = "aiida_hpaint.shows_all"


def _show_all(ctx: click.Context, _option: click.Parameter, value: bool) -> None:
    if value:
        ctx.meta[_SHOWS_ALL] = True
        click.echo(ctx.get_help())
        ctx.exit()
