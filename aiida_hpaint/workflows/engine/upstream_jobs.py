"""Jobs on this machine: what aiida-core 2.9 starts shells for, and looks for at intervals.

As for `upstream`, tests/workflows/engine/test_upstream_jobs.py has a test that fails once this is
not needed any more.
"""

from __future__ import annotations

import os
import pwd
from asyncio import Future
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from aiida.engine.processes.calcjobs.manager import JobsList
from aiida.orm import AuthInfo, Computer
from aiida.transports.plugins.local import LocalTransport

from aiida_hpaint.workflows.engine.codes import is_this_machine

__all__ = ["shorten_local_jobs"]


def shorten_local_jobs() -> None:
    """Let aiida-core wait less for jobs on this machine; repeated calls change nothing.

    Where there is no scheduler, the id of a job is that of its process, whose end Linux tells at
    once. Jobs are still looked for at intervals, too. The name of the user, which each job asks
    for, needs no login shell.
    """
    jobs: Any = JobsList
    jobs.request_job_info_update = _request_and_watch
    transport: Any = LocalTransport
    transport.whoami = _get_user_name


_ask_shell: Any = LocalTransport.whoami
_request = JobsList.request_job_info_update


def _get_user_name(self: LocalTransport) -> str:
    """Return the name of the user that runs this process."""
    with suppress(KeyError):  # a number without a name, as in containers
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(_ask_shell(self))


@contextmanager
def _request_and_watch(
    self: JobsList, authinfo: AuthInfo, job_id: Hashable
) -> Iterator[Future[Any]]:
    """Request news of a job, and give them when its process ends."""
    with _request(self, authinfo, job_id) as request:
        loop, tell = request.get_loop(), partial(_tell_end, self, job_id, request)
        try:
            descriptor = _open_process(authinfo.computer, job_id)
        except ProcessLookupError:
            descriptor = None
            loop.call_soon(tell)
        if descriptor is None:
            yield request
            return
        loop.add_reader(descriptor, tell, descriptor)
        try:
            yield request
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)


def _open_process(computer: Computer, job_id: Hashable) -> int | None:
    """Return a descriptor that can be read once a job has ended; None where there is none.

    Raises
    ------
    ProcessLookupError
        If the job has ended already.
    """
    if not hasattr(os, "pidfd_open") or computer.scheduler_type != "core.direct":
        return None
    if not is_this_machine(computer):
        return None
    try:
        return os.pidfd_open(int(str(job_id)))
    except ProcessLookupError:
        raise
    except (OSError, ValueError):  # an old kernel, or the descriptors are used up
        return None


def _tell_end(
    jobs: Any, job_id: Hashable, request: Future[Any], descriptor: int | None = None
) -> None:
    """Answer as if the list of jobs had been read, and lacked this one."""
    if descriptor is not None:
        request.get_loop().remove_reader(descriptor)
    if not request.done():
        jobs._job_update_requests.pop(str(job_id), None)
        request.set_result(None)
