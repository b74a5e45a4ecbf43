"""AiiDA codes on other computers as the commands need them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.setup.computer_settings import check_label

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode

PLUGINS: Mapping[str, str] = {
    "python": "pythonjob.pythonjob",
    "pw": "quantumespresso.pw",
    "pp": "quantumespresso.pp",
}
"""What runs each kind of code."""

GPU_LINES: Mapping[str, str] = {"core.slurm": "#SBATCH --gres=gpu:{}"}
"""How a job asks a scheduler for GPUs; others have no way that is the same everywhere."""


def find_computer(label: str) -> Computer:
    """A computer that is set up.

    Raises
    ------
    ClickException
        If there is none of this label, or it was never configured.
    """
    from aiida.common.exceptions import MultipleObjectsError, NotExistent
    from aiida.orm import load_computer

    quoted = shlex.quote(label)
    try:
        computer = load_computer(label)
    except (NotExistent, MultipleObjectsError):
        raise click.ClickException(
            f"there is no computer {label!r}: run `aiida-hpaint setup computer {quoted} ...` first"
        ) from None
    if not computer.is_configured:
        raise click.ClickException(
            f"computer {label!r} is not configured: run `aiida-hpaint setup computer {quoted}`"
        )
    return computer


def ensure_remote_code(
    computer: Computer, kind: str, label: str, path: str, prepend: str | None, look: bool
) -> tuple[InstalledCode, bool]:
    """The code of this label on a computer; and whether it is new.

    Parameters
    ----------
    computer
        Where it is.
    kind
        One of `PLUGINS`.
    label
        Without the computer's.
    path
        Of the program there, absolute.
    prepend
        Lines of job scripts before it; None: none, or those that the code has.
    look
        Whether to see that the program is there before a code is made.

    Raises
    ------
    ClickException
        If the path cannot be one, nothing is there, or the label means something else already.
    """
    check_label(label)
    if not path.startswith("/") or not path.isprintable():
        raise click.ClickException(
            f"--{kind} {path}: an absolute path on {computer.label} is needed"
        )
    known = _known(computer, label)
    if known is not None:
        _refuse_another(known, kind, path, prepend)
        return known, False
    code = _new(computer, kind, label, path, prepend)
    if look:
        _look(code)
    return code.store(), True


def gpu_options(computer: Computer, gpus: int, given: Mapping[str, Any]) -> dict[str, Any]:
    """Options with which jobs ask for GPUs, those that are given kept.

    Raises
    ------
    ClickException
        If it is not known how to ask this scheduler.
    """
    if not gpus:
        return dict(given)
    line = GPU_LINES.get(computer.scheduler_type)
    if line is None:
        raise click.ClickException(
            f"how to ask {computer.scheduler_type} for GPUs differs from site to site: say it with "
            "--options 'custom_scheduler_commands: ...', and leave --gpus out"
        )
    lines = [text for text in (given.get("custom_scheduler_commands"), line.format(gpus)) if text]
    return {**given, "custom_scheduler_commands": "\n".join(lines)}


def _known(computer: Computer, label: str) -> InstalledCode | None:
    from aiida.orm import Computer as Computers
    from aiida.orm import InstalledCode, QueryBuilder

    query = QueryBuilder().append(Computers, filters={"id": computer.pk}, tag="computer")
    query.append(InstalledCode, with_computer="computer", filters={"label": label})
    found: list[InstalledCode] = [code for code in query.all(flat=True) if not code.is_hidden]
    return found[-1] if found else None


def _refuse_another(code: InstalledCode, kind: str, path: str, prepend: str | None) -> None:
    """A code cannot change: jobs that ran with it would have run with something else."""
    wanted = {"program": path, "plugin": PLUGINS[kind]}
    has = {"program": str(code.filepath_executable), "plugin": str(code.default_calc_job_plugin)}
    if prepend is not None:
        wanted["prepended text"], has["prepended text"] = prepend.strip(), code.prepend_text.strip()
    different = [
        f"  {name}: it has {has[name]!r}, and you say {value!r}"
        for name, value in wanted.items()
        if value != has[name]
    ]
    if different:
        full = shlex.quote(code.full_label)
        raise click.ClickException(
            f"there is another code {code.full_label!r}, and codes cannot change:\n"
            + "\n".join(different)
            + f"\nchoose another --label, or rename that one: verdi code relabel {full} NEW-NAME"
        )


def _new(
    computer: Computer, kind: str, label: str, path: str, prepend: str | None
) -> InstalledCode:
    from aiida.orm import InstalledCode

    return InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=path,
        default_calc_job_plugin=PLUGINS[kind],
        prepend_text=prepend or "",
        description="Set up by `aiida-hpaint setup codes`",
    )


def _look(code: InstalledCode) -> None:
    from aiida.common.exceptions import ValidationError

    try:
        code.validate_filepath_executable()
    except ValidationError as error:
        raise click.ClickException(
            f"{code.filepath_executable} on {code.computer.label}: {error}\n"
            f"`aiida-hpaint setup computer {shlex.quote(code.computer.label)}` tests the computer; "
            "--no-check makes the code without a look"
        ) from None
