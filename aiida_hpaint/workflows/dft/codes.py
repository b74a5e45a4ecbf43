"""Codes of Quantum ESPRESSO in the AiiDA profile."""

from __future__ import annotations

import shlex
import shutil

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm import AbstractCode, Computer, ContainerizedCode, InstalledCode, QueryBuilder

from aiida_hpaint.workflows.engine.codes import (
    drop_identical,
    load_only_code,
    runs_on_this_machine,
    suggest_code,
)

__all__ = ["find_espresso_code", "find_espresso_codes"]


def find_espresso_codes(
    pw: str | AbstractCode | None, pp: str | AbstractCode | None
) -> tuple[AbstractCode, AbstractCode]:
    """Return the codes of pw.x and pp.x on one computer, as pp.x reads the files of pw.x.

    Raises
    ------
    ValueError
        If a code is not found, see `find_espresso_code`, or they are on different computers.
    """
    first = find_espresso_code("pw", pw)
    second = find_espresso_code("pp", pp, first.computer)
    if first.computer is not None and second.computer != first.computer:
        raise ValueError(
            f"code '{second.full_label}' cannot read the files of '{first.full_label}': pp.x must "
            "be on the computer of pw.x"
        )
    return first, second


def find_espresso_code(
    name: str = "pw", code: str | AbstractCode | None = None, beside: Computer | None = None
) -> AbstractCode:
    """Return the given code, else `name`.x on localhost, else the only code of `name`.x.

    Parameters
    ----------
    name
        "pw" or "pp".
    code
        The code or its label.
    beside
        Computer on which to look if no code is given.

    Raises
    ------
    ValueError
        If there is no such code or several, it runs another program, or its program does not
        exist on this machine.
    """
    plugin = f"quantumespresso.{name}"
    found = _find_only_code(name, plugin, beside) if code is None else _load_code(code)
    if found.default_calc_job_plugin not in (plugin, None):
        raise ValueError(
            f"code '{found.full_label}' runs {found.default_calc_job_plugin}, not {plugin}: "
            "name another code, or set one up with `aiida-hpaint setup dft`"
        )
    _check_executable(found)
    return found


def _check_executable(code: AbstractCode) -> None:
    """Refuse a missing program on this machine; remote computers are not contacted."""
    if not isinstance(code, InstalledCode) or not runs_on_this_machine(code):
        return
    path = str(code.filepath_executable)
    # A relative name may come from a PATH that the prepended text of the code sets.
    if path.startswith("/") and shutil.which(path) is None:
        raise ValueError(
            f"code '{code.full_label}' runs {path}, which is not an executable program: "
            "set up another code with `aiida-hpaint setup dft`"
        )


def _load_code(code: str | AbstractCode) -> AbstractCode:
    if isinstance(code, AbstractCode):
        return code
    try:
        return load_only_code(code)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        raise ValueError(
            f"code {code!r}: {error}; see `verdi code list`, or run `aiida-hpaint setup dft`."
            f"{suggest_code(code)}"
        ) from None


def _find_only_code(name: str, plugin: str, beside: Computer | None) -> AbstractCode:
    where = {} if beside is None else {"id": beside.pk}
    query = QueryBuilder().append(Computer, filters=where, tag="computer")
    kinds = (InstalledCode, ContainerizedCode)
    query.append(kinds, with_computer="computer", filters={"attributes.input_plugin": plugin})
    codes = [code for code in drop_identical(query.all(flat=True)) if not code.is_hidden]
    local = [code for code in codes if code.full_label == f"{name}@localhost"]
    if len(local or codes) == 1:
        return (local or codes)[0]
    if codes:
        labels = ", ".join(sorted(code.full_label for code in codes))
        raise ValueError(f"there are several codes for {name}.x: name one of {labels}")
    if beside is not None and beside.label != "localhost":
        raise ValueError(
            f"there is no code for {name}.x on {beside.label}: run "
            f"`aiida-hpaint setup codes {shlex.quote(beside.label)} --{name} PATH` first"
        )
    raise ValueError(f"there is no code for {name}.x: run `aiida-hpaint setup dft` first")
