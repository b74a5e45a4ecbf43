"""Check a code: submit a job that describes its computer, and show what is missing there."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.setup.remote_codes import PLUGINS

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode, InstalledCode

    from aiida_hpaint.science.environment.findings import Finding
    from aiida_hpaint.science.environment.workload import Workload

PROGRAMS = {plugin: kind for kind, plugin in PLUGINS.items() if kind != "python"}
"""Plugins of programs that only report their version."""

MAX_WALLTIME = 1800
"""Longest walltime of a check, s; short jobs wait less in the queue."""


def submit_check(code: InstalledCode, workload: Workload, given: Mapping[str, Any]) -> CalcJobNode:
    """Submit the job that checks a code.

    Parameters
    ----------
    code
        Code to check.
    workload
        What its jobs will need.
    given
        Job options that replace those stored with the code.
    """
    from aiida.engine import submit
    from aiida.orm import Dict

    from aiida_hpaint.calculations.check import CheckCalculation
    from aiida_hpaint.science.environment.workload import build_question

    program = PROGRAMS.get(str(code.default_calc_job_plugin))
    question = build_question(workload)
    if program is not None:
        question = {"asked": question["asked"], "program": program}
    # Caching must never return an old answer.
    metadata = {
        "options": make_check_options(code, given),
        "label": f"check {code.full_label}",
        "disable_cache": True,
    }
    node: Any = submit(CheckCalculation, code=code, question=Dict(question), metadata=metadata)
    check: CalcJobNode = node
    return check


def make_check_options(code: InstalledCode, given: Mapping[str, Any]) -> dict[str, Any]:
    """Make `metadata.options` of a check: those of jobs of a code, on one core for programs."""
    from aiida_hpaint.workflows.dft.inputs import make_pw_options
    from aiida_hpaint.workflows.engine.options import add_saved_options, complete_job_options

    label = f"the check of {code.full_label}"
    if code.default_calc_job_plugin in PROGRAMS:
        known = add_saved_options(code, given)
        known.pop("resources", None)
        options = make_pw_options(code, known)
    else:
        options = complete_job_options(label, given, code)
    walltime = options.get("max_wallclock_seconds") or MAX_WALLTIME
    return {**options, "max_wallclock_seconds": min(walltime, MAX_WALLTIME)}


def wait_for_checks(nodes: Sequence[CalcJobNode], interval: float = 0.5) -> None:
    """Wait until all checks have ended, showing what they wait for.

    Raises
    ------
    ClickException
        If the user stops waiting; the jobs continue.
    """
    shown: dict[int, str] = {}
    try:
        while any(not node.is_terminated for node in nodes):
            for node in nodes:
                _show_change(node, shown)
            time.sleep(interval)
    except KeyboardInterrupt:
        pks = " ".join(str(node.pk) for node in nodes)
        raise click.ClickException(
            f"the job is still running: `aiida-hpaint setup check {pks}` shows its report"
        ) from None


def read_findings(node: CalcJobNode) -> tuple[list[Finding], list[str]]:
    """Return what a check found, and the commands that correct it."""
    from aiida_hpaint.science.environment.assessment import assess_answer
    from aiida_hpaint.science.environment.findings import Finding, list_remedies
    from aiida_hpaint.science.environment.workload import read_workload

    if not node.is_finished_ok:
        reason = node.exit_message or node.exception or "it was killed"
        text = " ".join(str(reason).split())[:300]
        found = Finding("the job", text, "an answer", "broken")
        return [found], [f"see `verdi process report {node.pk}`"]
    answer, asked = node.outputs.answer.get_dict(), node.inputs.question.get_dict()
    if "program" in asked:
        found = Finding(f"{asked['program']}.x", str(answer["version"]), "")
        return [found], []
    # The code may call a script around the interpreter: commands must use that script.
    program = str(node.inputs.code.filepath_executable)
    answer["python"]["executable"] = program
    findings = assess_answer(answer, read_workload(asked))
    return findings, list_remedies(findings, program)


def show_check(node: CalcJobNode) -> bool:
    """Show what a check found and what to do; return whether nothing required is missing."""
    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.cli.setup.containers import describe_container
    from aiida_hpaint.science.environment.findings import select_problems
    from aiida_hpaint.science.structures.safe_text import escape_control_characters

    findings, commands = read_findings(node)
    print_table(_table(node, findings))
    if not select_problems(findings):
        return True
    name = node.inputs.code.computer.label
    image = describe_container(node.inputs.code).get("container")
    click.echo(f"What to do {f'in a new build of the image {image}' if image else f'on {name}'}:")
    for command in commands:
        click.echo(f"  {escape_control_characters(command)}")
    return False


def _table(node: CalcJobNode, findings: Sequence[Finding]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from aiida_hpaint.science.structures.safe_text import escape_control_characters

    table = Table(title=Text(f"{node.inputs.code.full_label}, checked by node {node.pk}"))
    table.add_column("what", no_wrap=True)
    for title in ("there", "needed"):
        table.add_column(title, overflow="fold")
    table.add_column("", no_wrap=True)
    for found in findings:
        style = "bold red" if found.is_problem else "green" if found.status == "ok" else "yellow"
        # Text from other machines must not control the terminal.
        cells = (
            Text(escape_control_characters(cell))
            for cell in (found.item, found.found or "-", found.needed)
        )
        table.add_row(*cells, Text(found.status, style))
        if found.remedy and not found.is_problem and found.status != "ok":
            table.add_row("", Text(escape_control_characters(found.remedy), "dim"), "", "")
    return table


def _show_change(node: CalcJobNode, shown: dict[int, str]) -> None:
    state = node.get_scheduler_state()
    text = f"job {node.get_job_id()} is {state.value}" if state is not None else "it is prepared"
    if node.paused:
        text = f"paused, see `verdi process report {node.pk}`"
    if node.pk is not None and shown.get(node.pk) != text:
        shown[node.pk] = text
        click.echo(f"  {node.label}: {text}", err=True)
