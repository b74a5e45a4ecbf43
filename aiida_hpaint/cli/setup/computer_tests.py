"""Whether a computer can be used: it answers, takes files, and its scheduler lists jobs."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from aiida.orm import Computer

SLOW = 1.0
"""Seconds for one command above which the login shell is worth a look."""


@dataclass(frozen=True)
class Step:
    """One test: what was looked at, whether it is well, what was found, and what to do."""

    what: str
    is_ok: bool
    found: str
    remedy: str = ""


def try_computer(computer: Computer) -> Iterator[Step]:
    """The tests in their order; after one that fails those that need it are left out."""
    from aiida.common.log import override_log_level

    with override_log_level():
        transport = computer.get_transport()
        try:
            transport.open()
        except Exception as error:
            yield Step("connection", False, _in_short(error), _how_to_connect(computer))
            return
        try:
            yield from _with_transport(computer, transport)
        finally:
            transport.close()


def _with_transport(computer: Computer, transport: Any) -> Iterator[Step]:
    looks: tuple[tuple[str, Callable[[Any, Any], Step], str], ...] = (
        ("login shell", _look_at_shell, "does `bash -l` work there?"),
        ("work dir", _look_at_folder, "choose a folder that can be written, with --work-dir"),
        ("scheduler", _look_at_queue, _how_to_schedule(computer)),
    )
    yield Step("connection", True, f"as {transport.whoami()}")
    for what, look, remedy in looks:
        try:
            yield look(computer, transport)
        except Exception as error:
            yield Step(what, False, _in_short(error), remedy)


def _look_at_shell(computer: Computer, transport: Any) -> Step:
    started = time.monotonic()
    status, out, errors = transport.exec_command_wait("echo -n")
    seconds = time.monotonic() - started
    said = (out + errors).strip()
    if status != 0:
        return Step("login shell", False, f"`echo -n` ends with status {status}", said)
    if said:
        remedy = (
            "nothing in ~/.bashrc or ~/.bash_profile there may print for shells that are not "
            "interactive: begin them with `case $- in *i*) ;; *) return;; esac`, or repeat this "
            "with --connect use_login_shell=false"
        )
        return Step("login shell", False, f"it prints {said.splitlines()[0][:80]!r}", remedy)
    slow = seconds > SLOW and computer.get_configuration().get("use_login_shell", True)
    hint = "; --connect use_login_shell=false may be faster" if slow else ""
    return Step("login shell", True, f"quiet, {seconds:.1f} s for a command{hint}")


def _look_at_folder(computer: Computer, transport: Any) -> Step:
    folder = PurePosixPath(computer.get_workdir().format(username=transport.whoami()))
    transport.makedirs(str(folder), ignore_existing=True)
    content, there = f"written by aiida-hpaint {uuid4()}", str(folder / f"hpaint-{uuid4()}")
    with tempfile.TemporaryDirectory() as here:
        sent, back = Path(here) / "sent", Path(here) / "back"
        sent.write_text(content, encoding="utf-8")
        transport.putfile(str(sent), there)
        try:
            transport.getfile(there, str(back))
        finally:
            transport.remove(there)
        if back.read_text(encoding="utf-8") != content:
            return Step("work dir", False, f"{folder}: a file came back changed", "is it full?")
    return Step("work dir", True, f"{folder}, files come and go")


def _look_at_queue(computer: Computer, transport: Any) -> Step:
    scheduler: Any = computer.get_scheduler()
    scheduler.set_transport(transport)
    jobs = scheduler.get_jobs(as_dict=True)
    return Step("scheduler", True, f"{computer.scheduler_type} lists {len(jobs)} jobs")


def _how_to_connect(computer: Computer) -> str:
    if computer.transport_type == "core.local":
        return "this machine should always answer"
    host = shlex.quote(computer.hostname)
    return (
        f"`ssh {host}` has to work without a password and without a question: add a `Host "
        f"{computer.hostname}` block with user and key to ~/.ssh/config, log in once by hand so "
        "that its key is known, and see that ssh-agent has yours if it has a passphrase"
    )


def _how_to_schedule(computer: Computer) -> str:
    return (
        f"the commands of {computer.scheduler_type} have to be on the PATH of a login shell "
        "there; another scheduler is chosen with --scheduler, none with core.direct"
    )


def _in_short(error: Exception) -> str:
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said[:300]}" if said else type(error).__name__
