"""Codes of Quantum ESPRESSO in the profile."""

from __future__ import annotations

import shlex
import shutil

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm import AbstractCode, Computer, InstalledCode, QueryBuilder, load_code

from aiida_hpaint.workflows.engine.places import runs_on_this_machine

__all__ = ["find_both", "find_espresso"]


def find_both(
    pw: str | AbstractCode | None, pp: str | AbstractCode | None
) -> tuple[AbstractCode, AbstractCode]:
    """The codes of pw.x and of pp.x, which reads what pw.x wrote: on the same computer.

    Raises
    ------
    ValueError
        If there is none, see `find_espresso`, or they are on two computers.
    """
    first = find_espresso("pw", pw)
    second = find_espresso("pp", pp, first.computer)
    if first.computer is not None and second.computer != first.computer:
        raise ValueError(
            f"code '{second.full_label}' cannot read what '{first.full_label}' writes: pp.x has to "
            "be on the computer of pw.x"
        )
    return first, second


def find_espresso(
    name: str = "pw", code: str | AbstractCode | None = None, beside: Computer | None = None
) -> AbstractCode:
    """The code of a label, or else that of `name`.x on localhost, or the only one that there is.

    Parameters
    ----------
    name
        "pw" or "pp".
    code
        The code or its label.
    beside
        The computer on which it has to be where no code is named.

    Raises
    ------
    ValueError
        If there is none, there are several, or the code runs something else or, on this machine,
        nothing at all.
    """
    plugin = f"quantumespresso.{name}"
    found = _only(name, plugin, beside) if code is None else _load(code)
    if found.default_calc_job_plugin not in (plugin, None):
        raise ValueError(
            f"code '{found.full_label}' runs {found.default_calc_job_plugin}, not {plugin}: "
            "name another, or make one with `aiida-hpaint setup dft`"
        )
    _check_executable(found)
    return found


def _check_executable(code: AbstractCode) -> None:
    """Refuse a program of this machine that is not there; other machines cannot be asked here."""
    if not isinstance(code, InstalledCode) or not runs_on_this_machine(code):
        return
    path = str(code.filepath_executable)
    # What a prepended text puts on the PATH cannot be seen from here.
    if path.startswith("/") and shutil.which(path) is None:
        raise ValueError(
            f"code '{code.full_label}' runs {path}, which is no program that can be run: make "
            "another with `aiida-hpaint setup dft`"
        )


def _load(code: str | AbstractCode) -> AbstractCode:
    if isinstance(code, AbstractCode):
        return code
    try:
        return load_code(code)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        raise ValueError(
            f"code {code!r}: {error}; see `verdi code list`, or run `aiida-hpaint setup dft`"
        ) from None


def _only(name: str, plugin: str, beside: Computer | None) -> AbstractCode:
    where = {} if beside is None else {"id": beside.pk}
    query = QueryBuilder().append(Computer, filters=where, tag="computer")
    query.append(
        InstalledCode, with_computer="computer", filters={"attributes.input_plugin": plugin}
    )
    codes: list[InstalledCode] = [code for code in query.all(flat=True) if not code.is_hidden]
    here = [code for code in codes if code.full_label == f"{name}@localhost"]
    if len(here or codes) == 1:
        return (here or codes)[0]
    if codes:
        labels = ", ".join(sorted(code.full_label for code in codes))
        raise ValueError(f"there are several codes for {name}.x: name one of {labels}")
    if beside is not None and beside.label != "localhost":
        raise ValueError(
            f"there is no code for {name}.x on {beside.label}: run "
            f"`aiida-hpaint setup codes {shlex.quote(beside.label)} --{name} PATH` first"
        )
    raise ValueError(f"there is no code for {name}.x: run `aiida-hpaint setup dft` first")
