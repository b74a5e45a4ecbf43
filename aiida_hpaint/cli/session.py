"""AiiDA as the commands need it: a profile, a computer, a code and a daemon."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.engine.daemon.client import DaemonClient
    from aiida.manage.configuration import Profile
    from aiida.orm import Computer, InstalledCode, ProcessNode
    from aiida_workgraph import WorkGraph

PROFILE = "hpaint"
"""Name of the profile that `setup` makes where there is none."""

TIMEOUT = 60
"""Seconds that the daemon may take to start or stop; a busy machine is slow at it."""

DYING = 5
"""Seconds that a killed process may take to be gone."""


def load(name: str | None = None) -> Profile:
    """Load a profile that is there.

    Raises
    ------
    ClickException
        If there is none, or none of that name.
    """
    from aiida import load_profile
    from aiida.common.exceptions import ConfigurationError

    try:
        return load_profile(name)
    except ConfigurationError as error:
        raise click.ClickException(
            f"{_sentence(error)}\nRun `aiida-hpaint setup` once, or restore with --no-aiida."
        ) from None


def ensure_profile(name: str | None = None) -> tuple[Profile, bool]:
    """The profile, made with SQLite and the ZeroMQ broker if there is none; and whether it is new.

    Raises
    ------
    ClickException
        If the profile has no broker, without which there is no daemon.
    """
    from aiida import load_profile
    from aiida.manage.configuration import get_config

    config = get_config(create=True)
    wanted = name or os.environ.get("AIIDA_PROFILE") or config.default_profile_name or PROFILE
    is_new = wanted not in config.profile_names
    if is_new:
        _create_profile(wanted)
    profile = load_profile(wanted, allow_switch=True)
    if profile.process_control_backend is None:
        raise click.ClickException(
            f"the profile {wanted} has no broker, and a daemon needs one:\n"
            f"run `verdi profile configure-broker core.zeromq -p {wanted}`,"
            " or choose another profile with -p"
        )
    return profile, is_new


def ensure_computer() -> tuple[Computer, bool]:
    """The computer `localhost`, configured; and whether it is new."""
    from aiida.common.exceptions import NotExistent
    from aiida.manage.configuration import get_config, get_profile
    from aiida.orm import Computer, load_computer

    try:
        computer, is_new = load_computer("localhost"), False
    except NotExistent:
        profile = get_profile()
        scratch = Path(get_config().dirpath) / "scratch" / (profile.name if profile else PROFILE)
        computer = Computer(
            label="localhost",
            hostname="localhost",
            description="This machine, set up by aiida-hpaint",
            transport_type="core.local",
            scheduler_type="core.direct",
            workdir=str(scratch),
        ).store()
        computer.set_default_mpiprocs_per_machine(1)
        is_new = True
    if is_new or not computer.is_configured:
        computer.configure(safe_interval=0)
        computer.set_minimum_job_poll_interval(1)
    return computer, is_new


def ensure_code(computer: Computer) -> tuple[InstalledCode, bool]:
    """The code that runs this Python; and whether it is new."""
    from aiida.orm import InstalledCode, QueryBuilder

    from aiida_hpaint.workflows.restore.build import CODE_LABEL, default_code

    try:
        return default_code(), False
    except ValueError:
        pass
    query = QueryBuilder().append(InstalledCode, project="label")
    taken = set(query.all(flat=True))
    names = (CODE_LABEL if i == 1 else f"{CODE_LABEL}-{i}" for i in range(1, len(taken) + 3))
    code = InstalledCode(
        label=next(name for name in names if name not in taken),
        computer=computer,
        filepath_executable=sys.executable,
        default_calc_job_plugin="pythonjob.pythonjob",
        description="The Python in which `aiida-hpaint setup` ran",
    ).store()
    return code, True


def ensure_daemon(mend: bool = False) -> bool:
    """Have a daemon run this environment's code; whether it had to be started.

    Parameters
    ----------
    mend
        Start it anew where a process never began, so that it is put into the queue again.

    Raises
    ------
    ClickException
        If it does not start.
    """
    from aiida.engine.daemon.client import DaemonException, get_daemon_client

    from aiida_hpaint.cli.orphans import stop_orphans
    from aiida_hpaint.workflows.engine.stuck import find_stuck

    client = get_daemon_client()
    try:
        if is_running(client) and is_current(client) and not (mend and find_stuck()):
            return False
        if is_running(client):
            client.stop_daemon(wait=True, timeout=TIMEOUT)
        # Also where only the supervisor was killed: what it left works for the same profile.
        stop_orphans(client.profile.name, DYING)
        _forget_dead_broker()
        _repair(client.profile.name)
        client.start_daemon(timeout=TIMEOUT)
    except DaemonException as error:
        raise click.ClickException(f"the AiiDA daemon does not start: {error}") from None
    return True


def submit(what: WorkGraph | ProcessBuilder) -> ProcessNode:
    """Submit to the daemon, which is started if need be."""
    from aiida.engine import ProcessBuilder
    from aiida.engine import submit as submit_builder

    if ensure_daemon():
        click.echo("Started the AiiDA daemon.")
    if isinstance(what, ProcessBuilder):
        return submit_builder(what)
    what.submit()
    node: ProcessNode = what.process
    return node


def is_running(client: DaemonClient) -> bool:
    """Whether there is a daemon; after a crash only the file with its process id is left."""
    return client.is_daemon_running and not client._is_pid_file_stale


def is_current(client: DaemonClient) -> bool:
    """Whether the daemon was started by this Python, with the packages that are installed now."""
    started = client._get_daemon_env_info()
    if started is None:
        return True
    now = client._get_package_version_snapshot()
    same_python = Path(started["python_binary"]).parent == Path(sys.executable).parent
    return same_python and started["packages"].get("aiida-hpaint") == now.get("aiida-hpaint")


def _create_profile(name: str) -> None:
    """What `verdi presto --use-zeromq` does, without its output."""
    from aiida.manage.configuration import create_profile, get_config
    from aiida.plugins import BrokerFactory

    config = get_config(create=True)
    profile = create_profile(
        config,
        name=name,
        email="aiida@localhost",
        storage_backend="core.sqlite_dos",
        storage_config={},
        broker_backend="core.zeromq",
        broker_config=BrokerFactory("core.zeromq").get_default_config(),
    )
    config.set_option("runner.poll.interval", 1, scope=profile.name)
    # The default of 2 s makes `verdi daemon stop` fail on a busy machine.
    config.set_option("daemon.timeout", 20, scope=profile.name)
    if config.default_profile_name is None:
        config.set_default_profile(profile.name, overwrite=True)
    config.store()


def _forget_dead_broker() -> None:
    """Remove what a broker that was killed left behind.

    A worker that starts before the new broker would connect to the old one's socket, and wait
    there for ever: aiida-core 2.9 looks whether the address exists, not whether someone listens.
    """
    from aiida.brokers.zeromq.broker import ZeromqBroker
    from aiida.manage import get_manager

    manager = get_manager()
    broker = manager.get_broker()
    if not isinstance(broker, ZeromqBroker) or not _ends(broker.check_service_reachable):
        return
    for path in (broker._service_sockets_file, broker._service_pid_file):
        path.unlink(missing_ok=True)
    manager.reset_broker()
    manager.reset_runner()


def _ends(is_alive: Callable[[], bool]) -> bool:
    """Whether something is dead, or dies soon: a killed process lives on while it is torn down."""
    deadline = time.monotonic() + DYING
    while is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _repair(profile: str) -> None:
    """Put processes back into the queue that a daemon which died left out of it."""
    from aiida.orm import ProcessNode, QueryBuilder

    alive = {"attributes.process_state": {"in": ["created", "running", "waiting"]}}
    if QueryBuilder().append(ProcessNode, filters=alive).count():
        verdi = str(Path(sys.executable).parent / "verdi")
        command = [verdi, "-p", profile, "process", "repair", "--force"]
        subprocess.run(command, check=False, capture_output=True)


def _sentence(error: Exception) -> str:
    text = str(error).strip() or "no AiiDA profile was found"
    return text[0].upper() + text[1:].rstrip(".") + "."
