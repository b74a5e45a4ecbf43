"""A profile to work in, and processes that are submitted to its daemon."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiida_hpaint.cli.errors import CommandError, begin_work
from aiida_hpaint.cli.verbosity import say
from aiida_hpaint.science.start_up import importing
from aiida_hpaint.science.wording import suggest

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.manage.configuration import Profile
    from aiida.orm import ProcessNode
    from aiida_workgraph import WorkGraph


def load_profile(name: str | None = None) -> Profile:
    """Load an existing profile; without a name, the default one.

    Raises
    ------
    CommandError
        If there is no profile, or none of that name.
    """
    with importing():
        import aiida
        from aiida.common.exceptions import ConfigurationError

    try:
        return aiida.load_profile(name)
    except ConfigurationError as error:
        reason = str(error).strip().rstrip(".") or "no AiiDA profile was found"
        raise CommandError(
            f"{reason[0].upper()}{reason[1:]}.{_suggest_profile(name)}\n"
            "Run `aiida-hpaint setup` once, or restore with --no-aiida."
        ) from None


def _suggest_profile(name: str | None) -> str:
    from aiida.common.exceptions import ConfigurationError
    from aiida.manage.configuration import get_config

    try:
        return suggest(name or "", get_config().profile_names)
    except ConfigurationError:  # there is none yet
        return ""


def submit_to_daemon(process: WorkGraph | ProcessBuilder) -> ProcessNode:
    """Submit a process to the daemon, starting the daemon first if necessary."""
    begin_work()
    from aiida.engine import ProcessBuilder, submit

    from aiida_hpaint.cli.daemon import ensure_daemon

    if ensure_daemon():
        say("Started the AiiDA daemon.")
    if isinstance(process, ProcessBuilder):
        return submit(process)
    process.submit()
    node: ProcessNode = process.process
    return node


def describe_end(node: ProcessNode) -> str:
    """Return how a process ended: its exit status, or its exception."""
    if node.is_excepted or node.is_killed:
        return str(node.exception or "killed")
    return f"exit status {node.exit_status}: {node.exit_message}"
