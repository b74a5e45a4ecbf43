"""Codes that run Python with aiida-hpaint, and whether they run on the local machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm import (
    AbstractCode,
    Computer,
    ContainerizedCode,
    Data,
    InstalledCode,
    QueryBuilder,
    load_code,
)

from aiida_hpaint.science.wording import suggest

__all__ = [
    "CODE_LABEL",
    "drop_identical",
    "find_code",
    "get_default_code",
    "is_this_machine",
    "list_codes",
    "load_only_code",
    "runs_on_this_machine",
    "runs_this_python",
    "suggest_code",
]


def is_this_machine(computer: Computer | None) -> bool:
    """Return whether jobs of a computer see the files of the local machine.

    With the SSH transport, `localhost` may be a container or the end of a tunnel.
    """
    return (
        computer is not None
        and computer.hostname == "localhost"
        and computer.transport_type == "core.local"
    )


def runs_on_this_machine(code: AbstractCode) -> bool:
    """Return whether jobs of a code see all files of the local machine, as not in a container."""
    return is_this_machine(code.computer) and not isinstance(code, ContainerizedCode)


CODE_LABEL = "hpaint-python"
"""Start of the labels of codes that `aiida-hpaint setup` makes."""


def get_default_code() -> InstalledCode:
    """Return the local code that runs this Python environment.

    Raises
    ------
    ValueError
        If there is none; `aiida-hpaint setup` makes it.
    """
    query = QueryBuilder().append(InstalledCode, filters={"label": {"like": f"{CODE_LABEL}%"}})
    found: list[InstalledCode] = [code for code in query.all(flat=True) if runs_this_python(code)]
    if found:
        return min(found, key=lambda code: code.pk or 0)
    raise ValueError(f"no code runs {sys.executable} yet: run `aiida-hpaint setup` first")


def runs_this_python(code: AbstractCode) -> bool:
    """Return whether a code runs this Python environment."""
    if not isinstance(code, InstalledCode) or not runs_on_this_machine(code):
        return False
    # An environment has several names for its Python: python, python3, python3.11.
    return Path(str(code.filepath_executable)).parent == Path(sys.executable).parent


def find_code(code: str | AbstractCode | None) -> AbstractCode:
    """Return the code with a label; for None the one that runs this Python environment.

    Raises
    ------
    ValueError
        If there is none.
    """
    if code is None:
        return get_default_code()
    if isinstance(code, AbstractCode):
        return code
    try:
        return load_only_code(code)
    except (NotExistent, MultipleObjectsError, ValueError) as error:
        raise ValueError(
            f"code {code!r}: {error}; see `verdi code list`.{suggest_code(code)}"
        ) from None


def suggest_code(label: str) -> str:
    """Return a question with the label of the closest code, or nothing if none is close."""
    return suggest(label, [code.full_label for code in list_codes()])


def list_codes() -> list[AbstractCode]:
    """Return all codes of the profile."""
    # A query for AbstractCode finds all data.
    query = QueryBuilder().append(Data, filters={"node_type": {"like": "data.core.code.%"}})
    return [one for one in query.all(flat=True) if isinstance(one, AbstractCode)]


def load_only_code(identifier: str) -> AbstractCode:
    """Return the code with a label, PK or UUID; if several are identical, the first.

    Raises
    ------
    MultipleObjectsError
        If codes with that label differ.
    NotExistent
        If there is none.
    """
    try:
        return load_code(identifier)
    except MultipleObjectsError:
        label, _, computer = identifier.partition("@")
        query = QueryBuilder().append(
            Computer, filters={"label": computer or {"like": "%"}}, tag="c"
        )
        kinds = (InstalledCode, ContainerizedCode)
        query.append(kinds, with_computer="c", filters={"label": label})
        found = drop_identical(query.all(flat=True))
        if len(found) != 1:
            raise
        return found[0]


def drop_identical(codes: Iterable[InstalledCode]) -> list[InstalledCode]:
    """Return codes without those that run the same program in the same way as an earlier one."""
    first: dict[str, InstalledCode] = {}
    for code in sorted(codes, key=lambda one: one.pk or 0):
        what = [code.full_label, code.computer.uuid, code.base.attributes.all]
        first.setdefault(json.dumps(what, sort_keys=True), code)
    return list(first.values())
