"""The check of a code: a job that asks its computer, and what the answer means."""

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
"""Plugins of programs that say their version and nothing more."""

LONGEST = 1800
"""Walltime of a check, s: short jobs wait less."""


def submit_check(code: InstalledCode, wanted: Workload, given: Mapping[str, Any]) -> CalcJobNode:
    """Submit the job that asks the computer of a code.

    Parameters
    ----------
    code
        What is checked.
    wanted
        What its jobs are to do.
    given
        Options, beside those that the code remembers.
    """
    from aiida.engine import submit
    from aiida.orm import Dict

    from aiida_hpaint.calculations.check import CheckCalculation
    from aiida_hpaint.science.environment.workload import build_question

    program = PROGRAMS.get(str(code.default_calc_job_plugin))
    asked = build_question(wanted)
    if program is not None:
        asked = {"asked": asked["asked"], "program": program}
    # Settings that cache jobs must never bring up an old answer.
    metadata = {
        "options": check_job_options(code, given),
        "label": f"check {code.full_label}",
        "disable_cache": True,
    }
    node: Any = submit(CheckCalculation, code=code, question=Dict(asked), metadata=metadata)
    checked: CalcJobNode = node
    return checked


def check_job_options(code: InstalledCode, given: Mapping[str, Any]) -> dict[str, Any]:
    """`metadata.options` of a check: those of the jobs of a code, on one core for programs."""
    from aiida_hpaint.workflows.dft.inputs import pw_options
    from aiida_hpaint.workflows.engine.code_options import with_remembered
    from aiida_hpaint.workflows.restore.build import job_options

    label = f"the check of {code.full_label}"
    if code.default_calc_job_plugin in PROGRAMS:
        known = with_remembered(code, given)
        known.pop("resources", None)
        options = pw_options(code, known)
    else:
        options = job_options(label, given, code)
    walltime = options.get("max_wallclock_seconds") or LONGEST
    return {**options, "max_wallclock_seconds": min(walltime, LONGEST)}


def wait_for(nodes: Sequence[CalcJobNode], interval: float = 0.5) -> None:
    """Return when all have ended, telling what they wait for.

    Raises
    ------
    ClickException
        If the user does not want to wait; the jobs go on.
    """
    told: dict[int, str] = {}
    try:
        while any(not node.is_terminated for node in nodes):
            for node in nodes:
                _tell_change(node, told)
            time.sleep(interval)
    except KeyboardInterrupt:
        pks = " ".join(str(node.pk) for node in nodes)
        raise click.ClickException(
            f"the job goes on; `aiida-hpaint setup check {pks}` shows what it found"
        ) from None


def findings_of(node: CalcJobNode) -> tuple[list[Finding], list[str]]:
    """What a check found, and what to do about it."""
    from aiida_hpaint.science.environment.assessment import assess_answer
    from aiida_hpaint.science.environment.findings import Finding, list_remedies
    from aiida_hpaint.science.environment.workload import read_workload

    if not node.is_finished_ok:
        return [_failure(node)], [f"see `verdi process report {node.pk}`"]
    answer, asked = node.outputs.answer.get_dict(), node.inputs.question.get_dict()
    if "program" in asked:
        found = Finding(f"{asked['program']}.x", str(answer["version"]), "")
        return [found], []
    # What the code calls may be a script around the interpreter; commands are to go through it.
    program = str(node.inputs.code.filepath_executable)
    answer["python"]["executable"] = program
    findings = assess_answer(answer, read_workload(asked))
    return findings, list_remedies(findings, program)


def show_check(node: CalcJobNode) -> bool:
    """Show what a check found and what to do; whether nothing required is missing."""
    from aiida_hpaint.cli.console import make_console
    from aiida_hpaint.science.environment.findings import select_problems
    from aiida_hpaint.science.structures.names import shown

    findings, commands = findings_of(node)
    make_console().print(_table(node, findings))
    if not select_problems(findings):
        return True
    name = node.inputs.code.computer.label
    click.echo(f"What to do on {name}:")
    for command in commands:
        click.echo(f"  {shown(command)}")
    return False


def _table(node: CalcJobNode, findings: Sequence[Finding]) -> Any:
    from rich.table import Table
    from rich.text import Text

    from aiida_hpaint.science.structures.names import shown

    table = Table(title=Text(f"{node.inputs.code.full_label}, checked by node {node.pk}"))
    for title in ("what", "there", "needed"):
        table.add_column(title, overflow="fold")
    table.add_column("", no_wrap=True)
    for found in findings:
        style = "bold red" if found.is_problem else "green" if found.status == "ok" else "yellow"
        # What other machines say is text, and never acts on a terminal.
        cells = (Text(shown(cell)) for cell in (found.item, found.found or "-", found.needed))
        table.add_row(*cells, Text(found.status, style))
        if found.remedy and not found.is_problem and found.status != "ok":
            table.add_row("", Text(shown(found.remedy), "dim"), "", "")
    return table


def _failure(node: CalcJobNode) -> Finding:
    from aiida_hpaint.science.environment.findings import Finding

    said = node.exit_message or node.exception or "it was killed"
    return Finding("the job", " ".join(str(said).split())[:300], "an answer", "broken")


def _tell_change(node: CalcJobNode, told: dict[int, str]) -> None:
    state = node.get_scheduler_state()
    text = f"job {node.get_job_id()} is {state.value}" if state is not None else "it is prepared"
    if node.paused:
        text = f"paused, see `verdi process report {node.pk}`"
    if node.pk is not None and told.get(node.pk) != text:
        told[node.pk] = text
        click.echo(f"  {node.label}: {text}", err=True)
