"""AiiDA computers as the commands need them: made from settings, changed where that is harmless."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.setup.computer_settings import ComputerSettings

if TYPE_CHECKING:
    from aiida.orm import Computer

FIXED = ("hostname", "transport", "scheduler")
"""What a computer with jobs keeps: its provenance would tell of another machine."""

DEFAULTS = {"transport": "core.ssh_async", "scheduler": "core.slurm"}


@dataclass(frozen=True)
class Outcome:
    """A computer, whether it is new, and what was changed, each as one line."""

    computer: Computer
    is_new: bool
    changes: tuple[str, ...] = ()


def ensure_computer(label: str, settings: ComputerSettings) -> Outcome:
    """The computer of a label with these settings, configured; unset ones stay as they are.

    Raises
    ------
    ClickException
        If a setting is wrong, or must not change any more.
    """
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_computer

    try:
        computer = load_computer(label=label)
    except NotExistent:
        return Outcome(_new(label, settings), is_new=True)
    _refuse_another(computer, settings)
    return Outcome(computer, False, tuple(_update(computer, settings)))


def _new(label: str, settings: ComputerSettings) -> Computer:
    from aiida.orm import Computer

    if settings.hostname is None or settings.work_dir is None:
        raise click.ClickException(
            f"there is no computer {label!r} yet: to make it, say where it is with --host, and "
            "with --work-dir in which folder there jobs are to run"
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
    _set_plain(computer, settings)
    _validate(computer)
    parameters = checked(computer, {**_usual_connection(computer), **settings.connection})
    computer.store().configure(**parameters)
    return computer


def _refuse_another(computer: Computer, settings: ComputerSettings) -> None:
    """Another machine, transport or scheduler needs another name once there are nodes."""
    from aiida.orm import Computer as Computers
    from aiida.orm import Node, QueryBuilder

    differences = [
        f"  {name}: it has {_read(computer, name)}, and you say {value}"
        for name in FIXED
        if (value := getattr(settings, name)) is not None and value != _read(computer, name)
    ]
    if not differences:
        return
    query = QueryBuilder().append(Computers, filters={"id": computer.pk}, tag="computer")
    nodes = query.append(Node, with_computer="computer").count()
    name = shlex.quote(computer.label)
    way = (
        f"choose another name, or rename that one: verdi computer relabel {name} NEW-NAME"
        if nodes
        else f"nothing has used it yet: verdi computer delete {name}"
    )
    raise click.ClickException(
        f"there is another computer {computer.label!r}:\n" + "\n".join(differences) + f"\n{way}"
    )


def _update(computer: Computer, settings: ComputerSettings) -> list[str]:
    known = computer.get_configuration() if computer.is_configured else _usual_connection(computer)
    wanted = checked(computer, {**known, **settings.connection})
    changes = _set_plain(computer, settings)
    if changes:
        _validate(computer)
        computer.store()
    if not computer.is_configured or wanted != known:
        computer.configure(**wanted)
        told = {key: value for key, value in wanted.items() if known.get(key) != value}
        changes += [f"connection: {key} is now {value}" for key, value in told.items()]
    return changes


def checked(computer: Computer, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of the transport in the types that it declares.

    Raises
    ------
    ClickException
        If the transport has no such parameter, or it cannot have such a value.
    """
    options = computer.get_transport_class().auth_options
    for name in parameters:
        if name not in options:
            raise click.ClickException(
                f"{computer.transport_type} has no parameter {name!r}: there are "
                f"{', '.join(options)}"
            )
    return {name: _converted(name, options[name], value) for name, value in parameters.items()}


def _usual_connection(computer: Computer) -> dict[str, Any]:
    """What `verdi computer configure -n` takes where nothing is said."""
    transport = computer.get_transport_class()
    usual = {}
    for name, option in transport.auth_options.items():
        suggest = getattr(transport, f"_get_{name}_suggestion_string", None)
        value = suggest(computer) if suggest is not None else option.get("default")
        if value is not None and value != "":
            usual[name] = value
    return usual


def _converted(name: str, option: Mapping[str, Any], value: Any) -> Any:
    """A parameter in the type that the transport declares, checked as it checks it."""
    kind = click.BOOL if option.get("switch") else option.get("type", click.UNPROCESSED)
    parameter = click.Option([f"--{name}"], type=kind)
    try:
        converted = parameter.type_cast_value(click.Context(click.Command("setup")), value)
        callback = option.get("callback")
        return converted if callback is None else callback(None, parameter, converted)
    except click.BadParameter as error:
        raise click.ClickException(f"connection: {name}: {error.message}") from None


def _set_plain(computer: Computer, settings: ComputerSettings) -> list[str]:
    """Set what may always change; one line for each change."""
    changes = []
    for name, change in _SETTERS.items():
        value = getattr(settings, name)
        if value is None or value == _read(computer, name):
            continue
        change(computer, value)
        changes.append(f"{name}: is now {value!r}")
    return changes


def _read(computer: Computer, name: str) -> Any:
    return _GETTERS[name](computer)


def _validate(computer: Computer) -> None:
    from aiida.common.exceptions import ValidationError

    try:
        computer.validate()
    except ValidationError as error:
        raise click.ClickException(f"computer {computer.label!r}: {error}") from None


def _set_description(computer: Computer, value: str) -> None:
    computer.description = value


_SETTERS: Mapping[str, Callable[[Any, Any], None]] = {
    "work_dir": lambda computer, value: computer.set_workdir(value),
    "shebang": lambda computer, value: computer.set_shebang(value),
    "mpirun_command": lambda computer, value: computer.set_mpirun_command(shlex.split(value)),
    "mpiprocs_per_machine": lambda computer, n: computer.set_default_mpiprocs_per_machine(n),
    "default_memory_per_machine": lambda computer, n: computer.set_default_memory_per_machine(n),
    "use_double_quotes": lambda computer, value: computer.set_use_double_quotes(value),
    "prepend_text": lambda computer, value: computer.set_prepend_text(value),
    "append_text": lambda computer, value: computer.set_append_text(value),
    "poll_interval": lambda computer, value: computer.set_minimum_job_poll_interval(value),
    "description": _set_description,
}
_GETTERS: Mapping[str, Callable[[Any], Any]] = {
    "hostname": lambda computer: computer.hostname,
    "transport": lambda computer: computer.transport_type,
    "scheduler": lambda computer: computer.scheduler_type,
    "work_dir": lambda computer: computer.get_workdir(),
    "shebang": lambda computer: computer.get_shebang(),
    "mpirun_command": lambda computer: shlex.join(computer.get_mpirun_command()),
    "mpiprocs_per_machine": lambda computer: computer.get_default_mpiprocs_per_machine(),
    "default_memory_per_machine": lambda computer: computer.get_default_memory_per_machine(),
    "use_double_quotes": lambda computer: computer.get_use_double_quotes(),
    "prepend_text": lambda computer: computer.get_prepend_text(),
    "append_text": lambda computer: computer.get_append_text(),
    "poll_interval": lambda computer: computer.get_minimum_job_poll_interval(),
    "description": lambda computer: computer.description,
}
