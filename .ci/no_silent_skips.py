"""Pytest plugin: a skipped test fails the run, unless its reason is one that CI cannot mend.

It also names the tests that are left to `make test-long`.
"""

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
_long: list[str] = []


def _note(report: pytest.TestReport | pytest.CollectReport) -> None:
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not reason.removeprefix("Skipped: ").startswith(EXPECTED):
        _unexpected.append(f"{report.nodeid}: {reason}")


def pytest_deselected(items: list[pytest.Item]) -> None:
    """Note tests that are left out because they take long."""
    _long.extend(item.nodeid for item in items if item.get_closest_marker("long"))


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
    """Say which tests were skipped or left out."""
    for name in _long:
        terminalreporter.write_line(f"LEFT TO make test-long {name}")
    for line in _unexpected:
        terminalreporter.write_line(f"UNEXPECTED SKIP {line}", red=True)
