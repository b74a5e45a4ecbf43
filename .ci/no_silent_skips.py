"""Pytest plugin: a skipped test fails the run, unless its reason is one that CI cannot mend."""

from __future__ import annotations

import pytest

EXPECTED = (
    "needs a GPU",
    # Potentials that are used where a user has installed them; no extra brings them.
    "could not import 'chgnet",
    "could not import 'mace",
    "could not import 'mattersim",
)
"""What a reason may start with."""

_unexpected: list[str] = []


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(EXPECTED):
        _unexpected.append(f"{report.nodeid}: {reason}")


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note skips of tests."""
    _note(report)


def pytest_collectreport(report: pytest.CollectReport) -> None:
    """Note skips of whole modules."""
    _note(report)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn success into failure if anything was skipped unexpectedly."""
    if _unexpected and session.exitstatus in (
        pytest.ExitCode.OK,
        pytest.ExitCode.NO_TESTS_COLLECTED,
    ):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were skipped."""
    for line in _unexpected:
        terminalreporter.write_line(f"UNEXPECTED SKIP {line}", red=True)
