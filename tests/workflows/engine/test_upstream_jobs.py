"""Ends of jobs on this machine, which are noticed before the next look at the list of jobs."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
from types import SimpleNamespace
from typing import Any

import pytest

pytestmark = [
    pytest.mark.usefixtures("profile"),
    pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux"),
]


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return this machine, whose list of jobs is never looked at."""
    from aiida.engine.processes.calcjobs.manager import JobsList

    monkeypatch.setattr(JobsList, "_ensure_updating", lambda self: None)
    return SimpleNamespace(
        scheduler_type="core.direct", hostname="localhost", transport_type="core.local"
    )


async def wait_for_end(request_news: Any, computer: Any) -> tuple[bool, Any]:
    """Whether news of a job came until it had ended, and the list that was asked for them."""
    from aiida.engine.processes.calcjobs.manager import JobsList
    from aiida.orm import AuthInfo

    authinfo: Any = AuthInfo.__new__(AuthInfo)
    jobs = JobsList(authinfo, SimpleNamespace(loop=asyncio.get_running_loop()))  # type: ignore[arg-type]
    news_from: Any = SimpleNamespace(computer=computer)
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with request_news(jobs, news_from, str(process.pid)) as news:
        await asyncio.sleep(0)
        assert not news.done()
        process.communicate()
        await asyncio.sleep(0.05)
        return news.done() and news.result() is None, jobs


def test_the_end_of_a_job_is_noticed_at_once(computer: Any) -> None:
    from aiida_hpaint.workflows.engine import upstream_jobs

    is_noticed, jobs = asyncio.run(wait_for_end(upstream_jobs._request_and_watch, computer))
    assert is_noticed
    assert jobs._job_update_requests == {}
    is_noticed, _ = asyncio.run(wait_for_end(upstream_jobs._request, computer))
    assert not is_noticed, "aiida-core notices it now: `upstream_jobs` can go"


@pytest.mark.parametrize(
    "other", [{"scheduler_type": "core.slurm"}, {"transport_type": "core.ssh"}]
)
def test_jobs_elsewhere_are_looked_for_at_intervals(computer: Any, other: dict[str, str]) -> None:
    from aiida_hpaint.workflows.engine import upstream_jobs

    there = SimpleNamespace(**{**vars(computer), **other})
    is_noticed, _ = asyncio.run(wait_for_end(upstream_jobs._request_and_watch, there))
    assert not is_noticed


def test_a_job_without_a_process_is_looked_for_at_intervals(computer: Any) -> None:
    from aiida_hpaint.workflows.engine import upstream_jobs

    assert upstream_jobs._open_process(computer, "12.server") is None


def test_a_job_that_has_ended_already_is_noticed(computer: Any) -> None:
    from aiida.engine.processes.calcjobs.manager import JobsList
    from aiida.orm import AuthInfo

    from aiida_hpaint.workflows.engine import upstream_jobs

    process = subprocess.Popen(["true"])
    process.wait()

    async def wait() -> Any:
        authinfo: Any = AuthInfo.__new__(AuthInfo)
        queue: Any = SimpleNamespace(loop=asyncio.get_running_loop())
        jobs = JobsList(authinfo, queue)
        where: Any = SimpleNamespace(computer=computer)
        with upstream_jobs._request_and_watch(jobs, where, str(process.pid)) as news:
            return await asyncio.wait_for(news, 60)

    assert asyncio.run(wait()) is None


def test_the_name_of_the_user_is_that_of_a_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    from aiida.transports.plugins.local import LocalTransport

    from aiida_hpaint.workflows.engine import upstream_jobs

    with LocalTransport() as transport:
        name = upstream_jobs._ask_shell(transport)
        assert upstream_jobs._get_user_name(transport) == name
        monkeypatch.setattr(upstream_jobs.pwd, "getpwuid", {}.__getitem__)
        assert upstream_jobs._get_user_name(transport) == name


def test_the_engines_of_this_package_use_it() -> None:
    from aiida_hpaint.workflows.engine import durable, retries

    for module in (durable, retries):
        assert "\nshorten_local_jobs()\n" in inspect.getsource(module)
