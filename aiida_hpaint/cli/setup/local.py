"""The profile, computer and code of this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_hpaint.cli.errors import CommandError

if TYPE_CHECKING:
    from aiida.manage.configuration import Profile
    from aiida.orm import Computer, InstalledCode

PROFILE = "hpaint"
"""Name of the profile that `setup` creates where there is none."""


STORAGE = "hpaint.sqlite_wal"
"""Storage of that profile."""

POLL_INTERVAL = 5 if hasattr(os, "pidfd_open") else 1
"""Seconds between looks at the jobs of this machine, whose ends Linux tells."""


def ensure_profile(name: str | None = None) -> tuple[Profile, bool]:
    """Load a profile, creating it (SQLite, ZeroMQ broker) if necessary; return it and if it is new.

    Raises
    ------
    CommandError
        If the profile has no broker, without which it cannot have a daemon.
    """
    from aiida import load_profile
    from aiida.manage.configuration import get_config

    config = get_config(create=True)
    label = name or os.environ.get("AIIDA_PROFILE") or config.default_profile_name or PROFILE
    is_new = label not in config.profile_names
    if is_new:
        _create_profile(label)
    profile = load_profile(label, allow_switch=True)
    if profile.process_control_backend is None:
        raise CommandError(
            f"the profile {label} has no broker, which the daemon needs:\n"
            f"run `verdi profile configure-broker core.zeromq -p {label}`,"
            " or choose another profile with -p"
        )
    return profile, is_new


def _create_profile(name: str) -> None:
    """Do what `verdi presto --use-zeromq` does without its output, with a storage that can wait."""
    from aiida.manage.configuration import create_profile, get_config
    from aiida.plugins import BrokerFactory

    config = get_config(create=True)
    profile = create_profile(
        config,
        name=name,
        email="aiida@localhost",
        storage_backend=STORAGE,
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


def ensure_localhost() -> tuple[Computer, bool]:
    """Return the computer `localhost`, configured, and whether it is new."""
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
        # Jobs have the environment of the daemon; a login shell reads the user's files for each.
        computer.configure(safe_interval=0, use_login_shell=False)
        computer.set_minimum_job_poll_interval(POLL_INTERVAL)
    return computer, is_new


def ensure_local_code(computer: Computer) -> tuple[InstalledCode, bool]:
    """Return the code that runs this Python, and whether it is new."""
    from aiida.orm import InstalledCode, QueryBuilder

    from aiida_hpaint.workflows.engine.codes import CODE_LABEL, get_default_code

    try:
        return get_default_code(), False
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
