"""AiiDA computers, created from settings and changed where jobs of the past allow it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.setup.computer_settings import ComputerSettings

if TYPE_CHECKING:
    from aiida.orm import Computer

DEFAULTS = {"transport": "core.ssh_async", "scheduler": "core.slurm"}

_IMMUTABLE = ("hostname", "transport", "scheduler")
"""Settings that never change: the provenance of earlier jobs would name another machine."""

_SETTERS = {
    "work_dir": "set_workdir",
    "shebang": "set_shebang",
    "mpirun_command": "set_mpirun_command",
    "mpiprocs_per_machine": "set_default_mpiprocs_per_machine",
    "default_memory_per_machine": "set_default_memory_per_machine",
    "use_double_quotes": "set_use_double_quotes",
    "prepend_text": "set_prepend_text",
    "append_text": "set_append_text",
    "poll_interval": "set_minimum_job_poll_interval",
}
"""Settings that may change, and the methods of an AiiDA computer that set them."""


def ensure_computer(
    label: str, settings: ComputerSettings
) -> tuple[Computer, bool, tuple[str, ...]]:
    """Create or update the computer of a label; unset settings keep their values.

    Returns
    -------
    tuple
        The configured computer, whether it is new, and one line for each change.

    Raises
    ------
    CommandError
        If a setting is wrong, or must not change any more.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_computer

    try:
        computer = load_computer(label=label)
    except NotExistent:
        return _create_computer(label, settings), True, ()
    _refuse_other_machine(computer, settings)
    return computer, False, tuple(_update_computer(computer, settings))


def convert_connection(computer: Computer, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters of the transport in the types that it declares.

    Raises
    ------
    CommandError
        If the transport has no such parameter, or refuses its value.
    """
    options = computer.get_transport_class().auth_options
    for name in parameters:
        if name not in options:
            raise CommandError(
                f"{computer.transport_type} has no parameter {name!r}: there are "
                f"{', '.join(options)}"
            )
    return {name: _convert(name, options[name], value) for name, value in parameters.items()}


def _create_computer(label: str, settings: ComputerSettings) -> Computer:
    from aiida.orm import Computer

    if settings.hostname is None or settings.work_dir is None:
        raise CommandError(
            f"there is no computer {label!r} yet: to create it, give its host with --host, and the "
            "folder there in which jobs run with --work-dir"
        )
    computer = Computer(
        label=label,
        hostname=settings.hostname,
        description=settings.description or "Set up by aiida-hpaint",
        transport_type=settings.transport or DEFAULTS["transport"],
        scheduler_type=settings.scheduler or DEFAULTS["scheduler"],
        workdir=settings.work_dir,
    )
    computer.set_default_mpiprocs_per_machine(1)
    _apply_settings(computer, settings)
    _validate(computer)
    connection = {**_default_connection(computer), **settings.connection}
    parameters = convert_connection(computer, connection)
    computer.store().configure(**parameters)
    return computer


def _refuse_other_machine(computer: Computer, settings: ComputerSettings) -> None:
    """Raise an error if host, transport or scheduler differ: they need another name."""
    from aiida.orm import Computer as Computers
    from aiida.orm import Node, QueryBuilder

    current = _read_settings(computer)
    differences = [
        f"  {name}: {current[name]} is stored, {value} was given"
        for name in _IMMUTABLE
        if (value := getattr(settings, name)) is not None and value != current[name]
    ]
    if not differences:
        return
    query = QueryBuilder().append(Computers, filters={"id": computer.pk}, tag="computer")
    is_used = query.append(Node, with_computer="computer").count()
    name = shlex.quote(computer.label)
    remedy = (
        f"choose another name, or rename the stored one: verdi computer relabel {name} NEW-NAME"
        if is_used
        else f"it has not been used yet and can be deleted: verdi computer delete {name}"
    )
    raise CommandError(
        f"there is another computer {computer.label!r}:\n" + "\n".join(differences) + f"\n{remedy}"
    )


def _update_computer(computer: Computer, settings: ComputerSettings) -> list[str]:
    if computer.is_configured:
        current = computer.get_configuration()
    else:
        current = _default_connection(computer)
    connection = convert_connection(computer, {**current, **settings.connection})
    changes = _apply_settings(computer, settings)
    if changes:
        _validate(computer)
        computer.store()
    if not computer.is_configured or connection != current:
        computer.configure(**connection)
        changes += [
            f"connection: {key} is now {value}"
            for key, value in connection.items()
            if current.get(key) != value
        ]
    return changes


def _apply_settings(computer: Computer, settings: ComputerSettings) -> list[str]:
    """Set what may change; return one line for each change."""
    current, changes = _read_settings(computer), []
    for name in (*_SETTERS, "description"):
        value = getattr(settings, name)
        if value is None or value == current[name]:
            continue
        if name == "description":
            computer.description = value
        else:
            argument = shlex.split(value) if name == "mpirun_command" else value
            getattr(computer, _SETTERS[name])(argument)
        changes.append(f"{name}: is now {value!r}")
    return changes


def _read_settings(computer: Computer) -> dict[str, Any]:
    """Return the settings of a computer, with the keys of `verdi computer setup`."""
    from aiida.orm.utils.builders.computer import ComputerBuilder

    return {
        **ComputerBuilder.get_computer_spec(computer),
        # AiiDA's builder joins the words of the command without quotes.
        "mpirun_command": shlex.join(computer.get_mpirun_command()),
        "poll_interval": computer.get_minimum_job_poll_interval(),
    }


def _validate(computer: Computer) -> None:
    from aiida.common.exceptions import ValidationError

    try:
        computer.validate()
    except ValidationError as error:
        raise CommandError(f"computer {computer.label!r}: {error}") from None


def _default_connection(computer: Computer) -> dict[str, Any]:
    """Return the parameters that `verdi computer configure -n` chooses by itself."""
    from aiida.transports.cli import transport_option_default

    names = computer.get_transport_class().auth_options
    values = {name: transport_option_default(name, computer) for name in names}
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _convert(name: str, option: Mapping[str, Any], value: Any) -> Any:
    """Convert a parameter to the type that the transport declares, and check it as it does."""
    kind = click.BOOL if option.get("switch") else option.get("type", click.UNPROCESSED)
    parameter = click.Option([f"--{name}"], type=kind)
    try:
        converted = parameter.type_cast_value(click.Context(click.Command("setup")), value)
        callback = option.get("callback")
        return converted if callback is None else callback(None, parameter, converted)
    except click.BadParameter as error:
        raise CommandError(f"connection: {name}: {error.message}") from None
