"""A computer over SSH and Slurm, whose Python has nothing of AiiDA."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster import PYTHON, Cluster

ONE_THREAD = "export OMP_NUM_THREADS=1"
ATTEMPTS = 4
"""Of AiiDA at what needs a connection, 1, 2 and 4 s apart, before it pauses the job."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster that runs as long as the tests do."""
    if not PYTHON.exists():
        pytest.fail(f"there is no {PYTHON}: `make test-hpc` makes it", pytrace=False)
    # Whoever ends the tests wants the daemon to end, too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = os.environ.get("HPAINT_CLUSTER") or tempfile.mkdtemp(prefix="hpaint-hpc-")
    cluster = Cluster(Path(folder))
    try:
        cluster.start(Path(sys.prefix), Path(os.environ["AIIDA_PATH"]))
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def hpc_profile(cluster: Cluster) -> Iterator[Any]:
    """A profile and a daemon that find the cluster by the SSH configuration of its users."""
    home = os.environ.get("HOME", "")
    os.environ["HOME"] = str(cluster.home)
    from aiida.manage.configuration import get_config

    from aiida_hpaint.cli.setup.local import ensure_profile

    profile, _ = ensure_profile()
    config = get_config()
    config.set_option("transport.task_maximum_attempts", ATTEMPTS, scope=profile.name)
    config.set_option("transport.task_retry_initial_interval", 1, scope=profile.name)
    config.store()
    yield profile
    os.environ["HOME"] = home


@pytest.fixture(scope="session")
def hpc_daemon(hpc_profile: Any, request: pytest.FixtureRequest) -> Any:
    """A daemon with the options of `hpc_profile`."""
    return request.getfixturevalue("daemon")


@pytest.fixture(scope="session")
def computer(cluster: Cluster, hpc_daemon: Any) -> Any:
    """The cluster over asyncssh, as the default of `verdi computer setup` would have it."""
    return make_computer(cluster, "core.ssh_async", host="hpc", backend="asyncssh")


@pytest.fixture(scope="session")
def old_computer(cluster: Cluster, hpc_daemon: Any) -> Any:
    """The cluster over paramiko."""
    config = (cluster.home / ".ssh" / "config").read_text().split()
    values = dict(zip(config[::2], config[1::2], strict=True))
    return make_computer(
        cluster,
        "core.ssh",
        username=values["User"],
        port=int(values["Port"]),
        key_filename=values["IdentityFile"],
        key_policy="AutoAddPolicy",
        look_for_keys=False,
        allow_agent=False,
    )


def make_computer(cluster: Cluster, transport: str, **configuration: Any) -> Any:
    from aiida.orm import Computer

    computer = Computer(
        label=f"hpc-{transport.removeprefix('core.')}",
        hostname=configuration.get("host", "127.0.0.1"),
        transport_type=transport,
        scheduler_type="core.slurm",
        workdir=str(cluster.scratch),
    ).store()
    computer.set_default_mpiprocs_per_machine(1)
    computer.set_mpirun_command(["mpirun", "--allow-run-as-root", "-np", "{tot_num_mpiprocs}"])
    computer.configure(safe_interval=0.5, **configuration)
    computer.set_minimum_job_poll_interval(1)
    return computer


@pytest.fixture(scope="session")
def code(computer: Any) -> Any:
    """The Python of the remote side."""
    return make_code(computer, "python", PYTHON, "pythonjob.pythonjob")


@pytest.fixture(scope="session")
def old_code(old_computer: Any) -> Any:
    """The same over paramiko."""
    return make_code(old_computer, "python", PYTHON, "pythonjob.pythonjob")


@pytest.fixture(scope="session")
def pw(computer: Any) -> Any:
    """pw.x on the remote side."""
    return make_code(computer, "pw", shutil.which("pw.x"), "quantumespresso.pw", ONE_THREAD)


@pytest.fixture(scope="session")
def pp(computer: Any) -> Any:
    """pp.x on the remote side."""
    return make_code(computer, "pp", shutil.which("pp.x"), "quantumespresso.pp", ONE_THREAD)


def make_code(computer: Any, label: str, path: Any, plugin: str, prepend: str = "") -> Any:
    from aiida.orm import InstalledCode

    return InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=str(path),
        default_calc_job_plugin=plugin,
        prepend_text=prepend,
    ).store()


@pytest.fixture(scope="session")
def faulty(cluster: Cluster, code: Any) -> dict[str, Any]:
    """What has faults; it begins with the first test, because it takes minutes of mere waiting."""
    from faulty import submit_endless, submit_faulty

    return {"hosts": submit_faulty(cluster, code), "endless": submit_endless(code)}
