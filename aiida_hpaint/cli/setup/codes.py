"""aiida-hpaint setup codes, and setup check."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.options import add_options

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode, Computer, InstalledCode

    from aiida_hpaint.science.environment.workload import Workload

CODES = """Set up the programs of a computer, and check with a short job that they can do the work.

COMPUTER is a name from `aiida-hpaint setup computer`. --python is the interpreter of an environment
there with aiida-hpaint of this very version; `aiida-hpaint setup requirements` prints what to
install there. --pw and --pp are Quantum ESPRESSO, for --validate dft and --start-from peaks.

Queue, account, walltime, GPUs and --options are those of the check, and remembered with the codes:
their jobs have them where a submission says nothing else.

The check runs through the scheduler, needs nothing but a Python there, and tells versions,
GPUs, cores, room on the disk, generators and potentials with their sha256 compared with this side.
It is a node (hpaint.check), so that what was found where can be asked for later.

\b
Examples:
  aiida-hpaint setup codes gpu --python /opt/hpaint/bin/python --queue gpu --gpus 1
  aiida-hpaint setup codes cluster --python /opt/hpaint/bin/python --account mat123 \\
      --walltime 3600 --generator xtalpaint/td-pos-only --potential sevennet-0
  aiida-hpaint setup codes cluster --pw /opt/qe/bin/pw.x --prepend 'module load QuantumESPRESSO'
  aiida-hpaint setup check python@gpu            check again
"""

CHECK = """Check codes with a short job each, or show what a check found.

WHAT are labels of codes (python@cluster), or nodes of checks that were submitted before.

\b
Examples:
  aiida-hpaint setup check python@cluster pw@cluster
  aiida-hpaint setup check python@gpu --gpus 1 --generator mine
  aiida-hpaint setup check 1234
"""

REQUIREMENTS = """Print what a computer needs on which only jobs run, as pip takes it.

\b
Examples:
  aiida-hpaint setup requirements > requirements.txt
  aiida-hpaint setup requirements --stage sample
There:
  python3 -m venv hpaint
  hpaint/bin/pip install -r requirements.txt
  hpaint/bin/pip install --no-deps aiida-hpaint==VERSION
"""

_WANTED = (
    click.option(
        "--stage",
        "stages",
        type=click.Choice(["sample", "relax", "train"]),
        multiple=True,
        help="What the code is for; may be repeated. Without it, sample and relax.",
    ),
    click.option(
        "--generator",
        "generators",
        multiple=True,
        metavar="NAME",
        help="Has to be there; may be repeated. Without it, the default one.",
    ),
    click.option(
        "--potential",
        "potentials",
        multiple=True,
        metavar="NAME[=FILE]",
        help="Has to be there, with its model file; may be repeated. Without it, the default one.",
    ),
)
_JOBS = (
    click.option("--queue", metavar="NAME", help="Queue or partition."),
    click.option("--account", metavar="NAME", help="Who pays."),
    click.option("--walltime", type=click.IntRange(min=60), metavar="S", help="Seconds of a job."),
    click.option("--gpus", type=click.IntRange(min=0), metavar="N", help="GPUs of a job (Slurm)."),
    click.option(
        "--options",
        metavar="YAML",
        help="Other metadata.options of AiiDA, as a file or as text: 'qos: high'.",
    ),
)


_PROGRAMS = (
    click.option("--python", metavar="PATH", help="Interpreter there."),
    click.option("--pw", metavar="PATH", help="pw.x there."),
    click.option("--pp", metavar="PATH", help="pp.x there."),
    click.option(
        "--label",
        metavar="NAME",
        help="Of the code; without it, python, pw and pp, with it NAME, NAME-pw and NAME-pp.",
    ),
    click.option(
        "--prepend",
        metavar="FILE|TEXT",
        help="Lines of job scripts before these programs: `module load ...`.",
    ),
)
_NO_CHECK = (click.option("--no-check", is_flag=True, help="Make codes without a look."),)


@click.command(help=CODES)
@click.argument("computer")
@add_options(_PROGRAMS, _JOBS, _WANTED, _NO_CHECK)
@click.pass_obj
def codes(
    obj: dict[str, str | None],
    /,
    computer: str,
    label: str | None,
    prepend: str | None,
    no_check: bool,
    **flags: Any,
) -> None:
    """Set up the programs of a computer, and check them with a short job."""
    from aiida.plugins import CalculationFactory

    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.computer_settings import read_text
    from aiida_hpaint.cli.setup.remote_codes import PLUGINS, ensure_remote_code, find_computer

    paths = {kind: flags[kind] for kind in PLUGINS if flags[kind]}
    if not paths:
        raise click.UsageError("say which programs to set up: --python, --pw or --pp")
    wanted = _wanted(flags)
    session.load_profile(obj["profile"])
    from aiida_hpaint.workflows.engine.options import check_options

    place, look = find_computer(computer), not no_check
    if look:
        ensure_daemon()
    jobs = _options(place, flags)
    for kind in paths:
        check_options(f"{kind}@{place.label}", jobs, CalculationFactory(PLUGINS[kind]), place)
    found = []
    for kind, path in paths.items():
        name = kind if label is None else label if kind == "python" else f"{label}-{kind}"
        code, is_new = ensure_remote_code(place, kind, name, path, read_text(prepend), look)
        click.echo(f"code      {code.full_label} ({path}){', made now' if is_new else ''}")
        _remember(code, jobs)
        found.append(code)
    if look and not _check(found, wanted):
        raise click.exceptions.Exit(1)
    _tell_next(found)


@click.command(help=CHECK)
@click.argument("what", nargs=-1, required=True)
@add_options(_JOBS, _WANTED)
@click.pass_obj
def check(obj: dict[str, str | None], /, what: tuple[str, ...], **flags: Any) -> None:
    """Check codes with a short job each, or show what a check found."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.remote_check import show_check, wait_for

    wanted = _wanted(flags)
    session.load_profile(obj["profile"])
    from aiida_hpaint.workflows.restore.build import find_code

    checks = [_load_check(int(one)) for one in what if one.isdigit()]
    codes: list[Any] = [find_code(one) for one in what if not one.isdigit()]
    if codes:
        ensure_daemon()
    well = not codes or _check(codes, wanted, flags)
    wait_for(checks)
    shown = [show_check(node) for node in checks]
    if not (well and all(shown)):
        raise click.exceptions.Exit(1)


@click.command(help=REQUIREMENTS)
@add_options(_WANTED)
def requirements(**flags: Any) -> None:
    """Print what a computer needs on which only jobs run."""
    from aiida_hpaint.science.environment.workload import list_requirements

    for line in list_requirements(_wanted(flags)):
        click.echo(line)


def _wanted(flags: Mapping[str, Any]) -> Workload:
    from aiida_hpaint.science.environment.workload import Workload
    from aiida_hpaint.science.relaxation.potentials import find_potential
    from aiida_hpaint.science.settings import PotentialSettings

    values: dict[str, Any] = {"gpus": flags.get("gpus") or 0}
    values |= {name: flags[name] for name in ("stages", "generators") if flags[name]}
    if flags["potentials"]:
        chosen = []
        for text in flags["potentials"]:
            name, _, model = text.partition("=")
            if find_potential(name).needs_file and not model:
                raise click.ClickException(f"--potential {name} needs its file: {name}=/PATH/THERE")
            chosen.append(PotentialSettings(name=name, model=model or None))
        values["potentials"] = tuple(chosen)
    return Workload(**values)


def _options(computer: Computer, flags: Mapping[str, Any]) -> dict[str, Any]:
    """What flags say of jobs, as `metadata.options`."""
    import yaml

    from aiida_hpaint.cli.setup.computer_settings import read_text
    from aiida_hpaint.cli.setup.remote_codes import gpu_options

    try:
        given = yaml.safe_load(read_text(flags.get("options")) or "") or {}
    except yaml.YAMLError as error:
        raise click.ClickException(f"--options is no YAML: {error}") from None
    if not isinstance(given, dict):
        raise click.ClickException("--options: write keys and values, like 'qos: high'")
    names = {"queue": "queue_name", "account": "account", "walltime": "max_wallclock_seconds"}
    given |= {option: flags[flag] for flag, option in names.items() if flags.get(flag)}
    return gpu_options(computer, flags.get("gpus") or 0, given)


def _remember(code: InstalledCode, given: Mapping[str, Any]) -> None:
    from aiida_hpaint.workflows.engine.code_options import remember_options, remembered_options

    if given:
        remember_options(code, given)
    for name, value in remembered_options(code).items():
        click.echo(f"  {name}: {value}")


def _check(
    codes: Sequence[InstalledCode], wanted: Workload, flags: Mapping[str, Any] | None = None
) -> bool:
    """Submit the checks of codes, wait, and show them; whether all is well."""
    from aiida_hpaint.cli.setup.remote_check import show_check, submit_check, wait_for

    nodes = [
        submit_check(code, wanted, _options(code.computer, flags) if flags else {})
        for code in codes
    ]
    click.echo(f"Checking {', '.join(code.full_label for code in codes)} with a short job each")
    wait_for(nodes)
    shown = [show_check(node) for node in nodes]
    return all(shown)


def _load_check(pk: int) -> CalcJobNode:
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    try:
        node: Any = load_node(pk)
    except NotExistent:
        raise click.ClickException(f"there is no node {pk}") from None
    if getattr(node, "process_type", None) != "aiida.calculations:hpaint.check":
        raise click.ClickException(f"node {pk} is no check of a code")
    found: CalcJobNode = node
    return found


def _tell_next(codes: Sequence[InstalledCode]) -> None:
    by_plugin = {str(code.default_calc_job_plugin): code.full_label for code in codes}
    python, pw = by_plugin.get("pythonjob.pythonjob"), by_plugin.get("quantumespresso.pw")
    if python is not None:
        more = f" --validate dft --dft-code {shlex.quote(pw)}" if pw else ""
        click.echo(f"Next: aiida-hpaint submit hosts/*.cif --code {shlex.quote(python)}{more}")
    elif pw is not None:
        click.echo(f"Next: --validate dft --dft-code {shlex.quote(pw)} with restore or submit")
