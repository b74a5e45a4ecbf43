"""Settings of a computer, from the command line, a YAML file of verdi, or both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

from pydantic import Field, field_validator

from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.settings import parse_key_value, read_mapping
from aiida_hpaint.science.protocols import validate_settings
from aiida_hpaint.science.settings import Settings

HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:-]*")
"""Names and addresses that are safe as an argument of the program ssh."""


class ComputerSettings(Settings):
    """The settings of `verdi computer setup`, and the connection; unset ones do not change."""

    hostname: str | None = Field(None, description="as in `ssh HOST`")
    description: str | None = None
    transport: str | None = Field(None, description="connection: core.ssh_async, core.local")
    scheduler: str | None = Field(None, description="core.slurm, core.direct, core.pbspro, ...")
    work_dir: str | None = Field(None, description="folder of the jobs; {username} is replaced")
    shebang: str | None = None
    mpirun_command: str | None = Field(None, description="like mpirun -np {tot_num_mpiprocs}")
    mpiprocs_per_machine: int | None = Field(None, ge=1)
    default_memory_per_machine: int | None = Field(None, ge=1, description="kB")
    use_double_quotes: bool | None = None
    prepend_text: str | None = Field(None, description="lines of every job, before its program")
    append_text: str | None = Field(None, description="lines of every job, after its program")
    poll_interval: float | None = Field(None, ge=0, description="s between queries of the queue")
    connection: dict[str, Any] = Field({}, description="parameters of the transport")

    @field_validator("hostname")
    @classmethod
    def _is_host(cls, value: str | None) -> str | None:
        if value is not None and not HOST.fullmatch(value):
            raise ValueError(
                f"{value!r} is not a host: write letters, digits and . - _ : as in `ssh HOST`; "
                "user, port and key belong to its Host block in ~/.ssh/config"
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
                f"{value!r} is not an absolute path, or has braces other than {{username}}"
            )
        return value

    @field_validator("mpirun_command", mode="before")
    @classmethod
    def _is_command(cls, value: Any) -> Any:
        """Return a command as one string, quoted for a shell; YAML files may hold a list."""
        if isinstance(value, list):
            return shlex.join(map(str, value))
        try:
            return shlex.join(shlex.split(value)) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"{value!r}: {error}") from None

    @field_validator("mpirun_command")
    @classmethod
    def _has_names_in_braces(cls, value: str | None) -> str | None:
        """Refuse braces without a name; AiiDA checks the names."""
        for _, name, _, _ in Formatter().parse(value or ""):
            if name is not None and not name.isidentifier():
                raise ValueError(f"{value!r}: braces need a name, like {{tot_num_mpiprocs}}")
        return value

    @field_validator("connection")
    @classmethod
    def _are_hosts(cls, values: dict[str, Any]) -> dict[str, Any]:
        for name in ("host", "data_node_host"):
            if name in values and not HOST.fullmatch(str(values[name])):
                raise ValueError(f"{name}: {values[name]!r} is not a host")
        script = str(values.get("authentication_script", ""))
        if script and shlex.quote(script) != script:
            # AiiDA passes it to a shell without quotes.
            raise ValueError(f"authentication_script: {script!r} has characters special to a shell")
        return values


def check_label(label: str) -> str:
    """Return a label if it can name a computer or a code.

    Raises
    ------
    CommandError
        If it cannot name one.
    """
    wrong = not label.isprintable() or label != label.strip() or len(label) > 100
    if not label or wrong or "@" in label or label.startswith("-"):
        raise CommandError(
            f"{label!r} cannot be a name: use up to 100 printable characters other than @, "
            "without a - at the beginning or spaces at either end"
        )
    return label


def read_computer(label: str, file: Path | None, flags: Mapping[str, Any]) -> ComputerSettings:
    """Read the settings of a YAML file of verdi; options replace its values.

    Keys that `verdi computer setup` does not have are parameters of the transport, those of
    `verdi computer configure`.

    Raises
    ------
    CommandError
        If the file is for another computer.
    ValueError
        If the file cannot be read, is not YAML, or a setting is wrong; the message names it.
    """
    values = read_mapping(file, "hostname: cluster") if file is not None else {}
    named = values.pop("label", label)
    if named != label:
        raise CommandError(f"{file} is for the computer {named!r}, not {label!r}")
    ours = ComputerSettings.model_fields.keys() - {"connection"}
    connection = {key: value for key, value in values.items() if key not in ours}
    connection |= flags.get("connection") or {}
    values = {key: value for key, value in values.items() if key in ours}
    values |= {key: value for key, value in flags.items() if value is not None}
    return validate_settings(ComputerSettings, {**values, "connection": connection})


def read_text(value: str | None) -> str | None:
    """Return the content of a file, or the value itself if there is no file of this name."""
    if value is None:
        return None
    try:
        path = Path(value).expanduser()
        return path.read_text(encoding="utf-8") if path.is_file() else value
    except (OSError, RuntimeError, ValueError):
        return value


def read_pairs(pairs: tuple[str, ...]) -> dict[str, Any]:
    """Return the mapping of several KEY=VALUE.

    Raises
    ------
    ValueError
        If one of them has no key or no equals sign.
    """
    return dict(
        parse_key_value(pair, f"{pair!r}: write KEY=VALUE, like compress=true") for pair in pairs
    )
