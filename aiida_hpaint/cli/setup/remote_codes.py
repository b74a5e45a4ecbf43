"""AiiDA codes on other computers."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.setup.computer_settings import check_label
from aiida_hpaint.cli.setup.containers import Container, describe_container

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode

PLUGINS: Mapping[str, str] = {
    "python": "pythonjob.pythonjob",
    "pw": "quantumespresso.pw",
    "pp": "quantumespresso.pp",
}
"""Plugins of each kind of code."""

GPU_LINES: Mapping[str, str] = {"core.slurm": "#SBATCH --gres=gpu:{}"}
"""Lines of job scripts that request GPUs; other schedulers have no common syntax."""


def find_computer(label: str) -> Computer:
    """Return a computer that is set up.

    Raises
    ------
    ClickException
        If no computer has this label, or it is not configured.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_computer

    quoted = shlex.quote(label)
    try:
        computer = load_computer(label)
    except (NotExistent, MultipleObjectsError):
        raise CommandError(
            f"there is no computer {label!r}: run `aiida-hpaint setup computer {quoted} ...` first"
        ) from None
    if not computer.is_configured:
        raise CommandError(
            f"computer {label!r} is not configured: run `aiida-hpaint setup computer {quoted}`"
        )
    return computer


def prepare_remote_code(
    computer: Computer,
    kind: str,
    label: str,
    path: str,
    prepend: str | None,
    must_exist: bool,
    container: Container | None = None,
) -> tuple[InstalledCode, bool]:
    """Return the code of this label on a computer, and whether it is new and has to be stored.

    Parameters
    ----------
    computer
        Computer of the program.
    kind
        Kind of the program, a key of `PLUGINS`.
    label
        Label of the code, without that of the computer.
    path
        Absolute path of the program there, or its path or name in the container.
    prepend
        Lines of job scripts before it; None accepts those of an existing code.
    must_exist
        Whether to check that the program exists; not in a container.
    container
        Container that the program is in.

    Raises
    ------
    ClickException
        If the path is not absolute, the program does not exist, or another code has the label.
    """
    check_label(label)
    if not (path.startswith("/") or container) or not path.isprintable():
        raise CommandError(f"--{kind} {path}: write an absolute path on {computer.label}")
    known = _find_code(computer, label)
    if known is not None:
        _refuse_other_code(known, kind, path, prepend, container)
        return known, False
    code = _create_code(computer, kind, label, path, prepend, container)
    if must_exist and container is None:
        _check_program(code)
    return code, True


def add_gpu_options(computer: Computer, gpus: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return job options with a request for GPUs added.

    Raises
    ------
    ClickException
        If this scheduler has no common syntax for GPUs.
    """
    if not gpus:
        return dict(given)
    line = GPU_LINES.get(computer.scheduler_type)
    if line is None:
        raise CommandError(
            f"the request of GPUs from {computer.scheduler_type} differs from site to site: write "
            "--options 'custom_scheduler_commands: ...' instead of --gpus"
        )
    lines = [text for text in (given.get("custom_scheduler_commands"), line.format(gpus)) if text]
    return {**given, "custom_scheduler_commands": "\n".join(lines)}


def _find_code(computer: Computer, label: str) -> InstalledCode | None:
    from aiida.orm import Computer as Computers
    from aiida.orm import ContainerizedCode, InstalledCode, QueryBuilder

    query = QueryBuilder().append(Computers, filters={"id": computer.pk}, tag="computer")
    kinds = (InstalledCode, ContainerizedCode)
    query.append(kinds, with_computer="computer", filters={"label": label})
    found: list[InstalledCode] = [code for code in query.all(flat=True) if not code.is_hidden]
    return found[-1] if found else None


def _refuse_other_code(
    code: InstalledCode, kind: str, path: str, prepend: str | None, container: Container | None
) -> None:
    """Raise an error if a code differs: codes never change, as earlier jobs name them."""
    wanted = {"program": path, "plugin": PLUGINS[kind]}
    has = {"program": str(code.filepath_executable), "plugin": str(code.default_calc_job_plugin)}
    inside, stored = container.describe() if container else {}, describe_container(code)
    for name in inside.keys() | stored.keys():
        wanted[name], has[name] = inside.get(name, "none"), stored.get(name, "none")
    if prepend is not None:
        wanted["prepended text"], has["prepended text"] = prepend.strip(), code.prepend_text.strip()
    different = [
        f"  {name}: {has[name]!r} is stored, {value!r} was given"
        for name, value in wanted.items()
        if value != has[name]
    ]
    if different:
        full = shlex.quote(code.full_label)
        raise CommandError(
            f"there is another code {code.full_label!r}, and codes never change:\n"
            + "\n".join(different)
            + f"\nchoose another --label, or rename that one: verdi code relabel {full} NEW-NAME"
        )


def _create_code(
    computer: Computer,
    kind: str,
    label: str,
    path: str,
    prepend: str | None,
    container: Container | None,
) -> InstalledCode:
    from aiida.orm import InstalledCode

    make = InstalledCode if container is None else container.make_code
    return make(
        label=label,
        computer=computer,
        filepath_executable=path,
        default_calc_job_plugin=PLUGINS[kind],
        prepend_text=prepend or "",
        description="Set up by `aiida-hpaint setup codes`",
    )


def _check_program(code: InstalledCode) -> None:
    from aiida.common.exceptions import ValidationError

    try:
        code.validate_filepath_executable()
    except ValidationError as error:
        raise click.ClickException(
            f"{code.filepath_executable} on {code.computer.label}: {error}\n"
            f"`aiida-hpaint setup computer {shlex.quote(code.computer.label)}` tests the computer; "
            "--no-check creates the code without checking it"
        ) from None
