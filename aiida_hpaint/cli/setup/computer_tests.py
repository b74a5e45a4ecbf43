"""Tests of a computer: connection, login shell, work directory and scheduler."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida.orm import Computer

SLOW = 1.0
"""Seconds for one command above which a faster login shell is suggested."""


@dataclass(frozen=True)
class Step:
    """One test of a computer.

    Attributes
    ----------
    what
        What was tested.
    is_ok
        Whether the test passed.
    found
        Observation, for the user.
    remedy
        What to do if the test failed.
    """

    what: str
    is_ok: bool
    found: str
    remedy: str = ""


def run_tests(computer: Computer) -> Iterator[Step]:
    """Run the tests in order; without a connection, the others are left out."""
    from aiida.common.log import override_log_level

    with override_log_level():
        transport = computer.get_transport()
        try:
            transport.open()
        except Exception as error:
            yield Step("connection", False, _summarise(error), _explain_connection(computer))
            return
        try:
            yield from _test_with(computer, transport)
        finally:
            transport.close()


def _test_with(computer: Computer, transport: Any) -> Iterator[Step]:
    tests: tuple[tuple[str, Callable[[Any, Any], Step], str], ...] = (
        ("login shell", _test_shell, "does `bash -l` work there?"),
        ("work dir", _test_folder, "choose a folder that can be written, with --work-dir"),
        (
            "scheduler",
            _test_queue,
            f"the commands of {computer.scheduler_type} must be on the PATH of a login shell "
            "there; choose another scheduler with --scheduler, core.direct for none",
        ),
    )
    yield Step("connection", True, f"as {transport.whoami()}")
    for what, test, remedy in tests:
        try:
            yield test(computer, transport)
        except Exception as error:
            yield Step(what, False, _summarise(error), remedy)


def _test_shell(computer: Computer, transport: Any) -> Step:
    started = time.monotonic()
    status, out, errors = transport.exec_command_wait("echo -n")
    seconds = time.monotonic() - started
    printed = (out + errors).strip()
    if status != 0:
        return Step("login shell", False, f"`echo -n` ends with status {status}", printed)
    if printed:
        remedy = (
            "~/.bashrc and ~/.bash_profile there must not print in shells that are not "
            "interactive: begin them with `case $- in *i*) ;; *) return;; esac`, or repeat this "
            "with --connect use_login_shell=false"
        )
        return Step("login shell", False, f"it prints {printed.splitlines()[0][:80]!r}", remedy)
    slow = seconds > SLOW and computer.get_configuration().get("use_login_shell", True)
    hint = "; --connect use_login_shell=false may be faster" if slow else ""
    return Step("login shell", True, f"quiet, {seconds:.1f} s for a command{hint}")


def _test_folder(computer: Computer, transport: Any) -> Step:
    from aiida.orm import User

    from aiida_hpaint.workflows.engine.upstream import check_work_folder

    user = User.collection.get_default()
    assert user is not None
    authinfo = computer.get_authinfo(user)
    is_ok, message = check_work_folder(transport, authinfo, computer)
    folder = computer.get_workdir().format(username=transport.whoami())
    if not is_ok:
        return Step("work dir", False, f"{folder}: {message}", "is the disk there full?")
    return Step("work dir", True, f"{folder}, files can be written and read")


def _test_queue(computer: Computer, transport: Any) -> Step:
    from aiida_hpaint.workflows.engine.upstream import count_scheduler_jobs

    scheduler: Any = computer.get_scheduler()
    scheduler.set_transport(transport)
    message = count_scheduler_jobs(transport, scheduler, computer)
    return Step("scheduler", True, f"{computer.scheduler_type}: {message}")


def _explain_connection(computer: Computer) -> str:
    if computer.transport_type == "core.local":
        return "this machine should always answer"
    host = shlex.quote(computer.hostname)
    return (
        f"`ssh {host}` must work without a password and without a question: add a `Host "
        f"{computer.hostname}` block with user and key to ~/.ssh/config, log in once by hand so "
        "that the host key is known, and add your key to ssh-agent if it has a passphrase"
    )


def _summarise(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
