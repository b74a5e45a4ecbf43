from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.campaigns.advice import give_advice
from aiida_hpaint.cli.campaigns.status import describe_campaign, draw_bar


def state(**more: Any) -> Any:
    from aiida_hpaint.campaigns.state import CampaignState

    values: dict[str, Any] = {
        "name": "hydrides",
        "pk": 7,
        "restored": 40,
        "without": 10,
        "running": 20,
        "waiting": 20,
        "failures": (),
        "chunks": 5,
        "chunks_ended": 3,
        "alive": (12,),
        "jobs": (),
        "seconds_left": None,
        "basis": "",
    }
    return CampaignState(**{**values, **more})


def failure(hosts: int, reason: str) -> Any:
    from aiida_hpaint.campaigns.state import FailureGroup

    return FailureGroup(reason, hosts, (31, 32))


def test_a_bar_of_what_is_done_failed_running_and_waiting() -> None:
    drawn = draw_bar(state(failures=(failure(10, "x"),)))
    assert [drawn.count(sign) for sign in "#x-."] == [20, 4, 8, 8]
    assert len(draw_bar(state(restored=0, without=0, running=0, waiting=0))) == 42


def test_what_failed_why_and_what_to_do() -> None:
    from aiida_hpaint.campaigns.active_jobs import ActiveJob

    jobs = (
        ActiveJob(40, "PwCalculation", "paused", "Pausing after 5 failures"),
        ActiveJob(41, "x", "queued", ""),
    )
    failures = (failure(3, "it ended without a result, killed or out of memory or time"),)
    told = "\n".join(
        describe_campaign(
            state(jobs=jobs, failures=failures, seconds_left=5400.0, basis="3 chunks")
        )
    )
    assert "93: 40 restored, 10 without a candidate, 20 running, 20 waiting, 3 failed" in told
    assert "1 paused, 1 queued" in told
    assert "`verdi process play 40`" in told
    assert "1 h 30 min, by 3 chunks" in told
    assert "3 hosts: it ended without a result" in told
    assert "ask for more memory or walltime" in told
    assert "`verdi process report 31` (and 1 more)" in told
    assert "Submit again" not in told
    assert "Submit again" in "\n".join(describe_campaign(state(alive=(), failures=failures)))


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("unfinished within the walltime of its jobs", "max_wallclock_seconds"),
        ("it was never started: the process of the campaign ended before", "it was stopped"),
        ("RuntimeError: device 'cuda' was asked for", "ask for a GPU"),
    ],
)
def test_advice(reason: str, words: str) -> None:
    assert words in give_advice(reason)


def run(*words: str) -> Any:
    return CliRunner().invoke(main, words)


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["submit"], "give FILES, a campaign.yaml, --group or --archive"),
        (["submit", "--group", "x"], "--group is for campaigns: name one"),
        (["submit", "a.cif", "--dry-run"], "--dry-run is for campaigns"),
        (["submit", "--campaign", "c", "--group", "no such"], "there is no group 'no such'"),
        (["submit", "--campaign", "c", "--group", "g", "--jobs", "3"], "has --max-jobs"),
        (
            ["submit", "--campaign", "c", "--group", "g", "--start-from", "peaks"],
            "not available for campaigns",
        ),
        (["status", "no such"], "there is no node no such"),
        (["status", "--watch"], "--watch follows a campaign"),
        (["pick", "no such"], "there is no node no such"),
    ],
)
def test_what_is_refused(words: list[str], message: str) -> None:
    result = run(*words)
    assert result.exit_code != 0
    assert message in result.output
