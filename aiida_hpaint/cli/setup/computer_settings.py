"""What may be said of a computer: on the command line, in a YAML file, or in both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import click
from pydantic import Field, ValidationError, field_validator

from aiida_hpaint.cli.settings import parse_key_value
from aiida_hpaint.science.settings import Settings

HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]*")
"""Names and addresses; the program ssh may get them as an argument."""


class ComputerSettings(Settings):
    """A computer as `verdi computer setup` knows it; what is unset stays as it is."""

    hostname: str | None = Field(None, description="as in `ssh HOST`")
    description: str | None = None
    transport: str | None = Field(None, description="how to reach it: core.ssh_async, core.local")
    scheduler: str | None = Field(None, description="core.slurm, core.direct, core.pbspro, ...")
    work_dir: str | None = Field(None, description="folder there; {username} may be in it")
    shebang: str | None = None
    mpirun_command: str | None = Field(None, description="like mpirun -np {tot_num_mpiprocs}")
    mpiprocs_per_machine: int | None = Field(None, ge=1)
    default_memory_per_machine: int | None = Field(None, ge=1, description="kB")
    use_double_quotes: bool | None = None
    prepend_text: str | None = Field(None, description="lines of every job, before its program")
    append_text: str | None = Field(None, description="lines of every job, after its program")
    poll_interval: float | None = Field(None, ge=0, description="s between looks at the queue")
    connection: dict[str, Any] = Field({}, description="parameters of the transport")

    @field_validator("hostname")
    @classmethod
    def _is_host(cls, value: str | None) -> str | None:
        if value is not None and not HOST.fullmatch(value):
            raise ValueError(
                f"{value!r} is no host: letters, digits and . - _ : as in `ssh HOST`; user, port "
                "and key belong to its Host block in ~/.ssh/config"
            )
        return value

    @field_validator("work_dir")
    @classmethod
    def _is_folder(cls, value: str | None) -> str | None:
        if value is None:
            return None
        plain = value.replace("{username}", "")
        if not value.startswith("/") or not value.isprintable() or set("{}") & set(plain):
            raise ValueError(
                f"{value!r} is no absolute path; of braces there may be {{username}} alone"
            )
        return value

    @field_validator("mpirun_command", mode="before")
    @classmethod
    def _is_command(cls, value: Any) -> Any:
        """A command as one string, quoted as a shell wants it; YAML files may hold a list."""
        if isinstance(value, list):
            return shlex.join(map(str, value))
        try:
            return shlex.join(shlex.split(value)) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"{value!r}: {error}") from None

    @field_validator("mpirun_command")
    @classmethod
    def _has_names_in_braces(cls, value: str | None) -> str | None:
        """What is in braces is replaced by name; AiiDA looks whether it knows the name."""
        for _, name, _, _ in Formatter().parse(value or ""):
            if name is not None and not name.isidentifier():
                raise ValueError(f"{value!r}: name what is in braces, like {{tot_num_mpiprocs}}")
        return value

    @field_validator("connection")
    @classmethod
    def _are_hosts(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("host", "data_node_host"):
            if name in values and not HOST.fullmatch(str(values[name])):
                raise ValueError(f"{name}: {values[name]!r} is no host")
        script = str(values.get("authentication_script", ""))
        if script and shlex.quote(script) != script:
            # AiiDA hands it to a shell as it is.
            raise ValueError(f"authentication_script: {script!r} has signs that a shell reads")
        return values


def check_label(label: str) -> str:
    """A label that can name a computer or a code.

    Raises
    ------
    ClickException
        If it cannot.
    """
    wrong = not label.isprintable() or label != label.strip() or len(label) > 100
    if not label or wrong or "@" in label or label.startswith("-"):
        raise click.ClickException(
            f"{label!r} cannot be a name: use up to 100 letters, digits or signs other than @, "
            "without a - at the beginning or spaces at the ends"
        )
    return label


def read_computer(label: str, file: Path | None, flags: Mapping[str, Any]) -> ComputerSettings:
    """The settings of a YAML file as verdi takes it, and of flags, which win.

    Keys that `verdi computer setup` does not know are parameters of the transport, as they are
    for `verdi computer configure`.

    Raises
    ------
    ClickException
        If the file is no YAML, or a setting is wrong; the message names it.
    """
    values = _read_yaml(file) if file is not None else {}
    named = values.pop("label", label)
    if named != label:
        raise click.ClickException(f"{file} is about {named!r}, and not about {label!r}")
    ours = ComputerSettings.model_fields.keys() - {"connection"}
    connection = {key: value for key, value in values.items() if key not in ours}
    connection |= flags.get("connection") or {}
    values = {key: value for key, value in values.items() if key in ours}
    values |= {key: value for key, value in flags.items() if value is not None}
    try:
        return ComputerSettings.model_validate({**values, "connection": connection})
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {_reason(e['msg'])}" for e in error.errors())
        raise click.ClickException("; ".join(lines)) from None


def read_text(value: str | None) -> str | None:
    """Lines for job scripts: those of a file, if there is one of that name, or the text itself."""
    if value is None:
        return None
    try:
        path = Path(value).expanduser()
        return path.read_text(encoding="utf-8") if path.is_file() else value
    except (OSError, RuntimeError, ValueError):
        return value


def read_pairs(pairs: tuple[str, ...]) -> dict[str, Any]:
    """The mapping that several KEY=VALUE describe.

    Raises
    ------
    ValueError
        If one of them has no value.
    """
    return dict(
        parse_key_value(pair, f"{pair!r}: write KEY=VALUE, like compress=true") for pair in pairs
    )


def _read_yaml(file: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise click.ClickException(f"{file} is no YAML: {error}") from None
    if not isinstance(values, dict):
        raise click.ClickException(f"{file}: keys and values are needed, such as `hostname: ...`")
    return {str(key): value for key, value in values.items()}


def _reason(message: str) -> str:
    return message.removeprefix("Value error, ")
