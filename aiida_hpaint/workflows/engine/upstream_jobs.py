"""Ends of jobs on this machine, which aiida-core 2.9 only looks for at intervals.

As for `upstream`, tests/workflows/engine/test_upstream_jobs.py has a test that fails once this is
not needed any more.
"""

from __future__ import annotations

import os
from asyncio import Future
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from aiida.engine.processes.calcjobs.manager import JobsList
from aiida.orm import AuthInfo, Computer

from aiida_hpaint.workflows.engine.codes import is_this_machine

__all__ = ["notice_ends_of_jobs"]


def notice_ends_of_jobs() -> None:
    """Let aiida-core notice at once that a job on this machine has ended; repeated calls are free.

    Where there is no scheduler, the id of a job is that of its process, whose end Linux tells. Jobs
    are still looked for at intervals, too.
    """
    jobs: Any = JobsList
    jobs.request_job_info_update = _request_and_watch


_request = JobsList.request_job_info_update


@contextmanager
def _request_and_watch(
    self: JobsList, authinfo: AuthInfo, job_id: Hashable
) -> Iterator[Future[Any]]:
    """Request news of a job, and give them when its process ends."""
    with _request(self, authinfo, job_id) as request:
        descriptor = _open_process(authinfo.computer, job_id)
        if descriptor is None:
            yield request
            return
        loop = request.get_loop()
        loop.add_reader(descriptor, partial(_tell_end, self, job_id, request, descriptor))
        try:
            yield request
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)


def _open_process(computer: Computer, job_id: Hashable) -> int | None:
    """Return a descriptor that can be read once a job has ended; None where there is none."""
    if not hasattr(os, "pidfd_open") or computer.scheduler_type != "core.direct":
        return None
    if not is_this_machine(computer):
        return None
    try:
        return os.pidfd_open(int(str(job_id)))
    except (OSError, ValueError):  # it has ended already, or the descriptors are used up
        return None


def _tell_end(jobs: Any, job_id: Hashable, request: Future[Any], descriptor: int) -> None:
    """Answer as if the list of jobs had been read, and lacked this one."""
    request.get_loop().remove_reader(descriptor)
    if not request.done():
        jobs._job_update_requests.pop(str(job_id), None)
        request.set_result(None)
