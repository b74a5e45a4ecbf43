"""aiida-hpaint setup codes, setup check and setup requirements."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_codes, complete_computers
from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.options import add_options
from aiida_hpaint.cli.setup.containers import CONTAINER_OPTIONS, read_container

if TYPE_CHECKING:
    from aiida.orm import CalcJobNode, Computer, InstalledCode

    from aiida_hpaint.cli.setup.containers import Container
    from aiida_hpaint.science.environment.workload import Workload

CODES = """Set up the programs of a computer, and check them with a short job.

COMPUTER is a name from `aiida-hpaint setup computer`. --python is the interpreter of an environment
there with the same version of aiida-hpaint as here; `aiida-hpaint setup requirements` prints its
requirements. --pw and --pp are Quantum ESPRESSO, for --validate dft and --start-from peaks.

Queue, account, walltime, GPUs and --options are used for the check, and stored with the codes as
defaults of their jobs.

The check is a job that only needs a Python there. It reports versions, GPUs, cores, free disk
space, and the sha256 of generators and potentials, compared with this machine. Each check is a
node (hpaint.check), so that its report can be queried later.

\b
Examples:
  aiida-hpaint setup codes gpu --python /opt/hpaint/bin/python \\
      --queue gpu --gpus 1
  aiida-hpaint setup codes cluster \\
      --python /opt/hpaint/bin/python --account mat123 \\
      --walltime 3600 --generator xtalpaint/td-pos-only --potential sevennet-0
  aiida-hpaint setup codes cluster --pw /opt/qe/bin/pw.x \\
      --prepend 'module load QuantumESPRESSO'
  aiida-hpaint setup codes gpu --container /images/hpaint.sif \\
      --python python3 --label boxed
  aiida-hpaint setup check python@gpu            check again
"""

CHECK = """Check codes with a short job each, or show what a check found.

WHAT are labels of codes to check (python@cluster), or PKs of earlier checks to show.

\b
Examples:
  aiida-hpaint setup check python@cluster pw@cluster
  aiida-hpaint setup check python@gpu --gpus 1 --generator mine
  aiida-hpaint setup check 1234
"""

REQUIREMENTS = """Print the requirements of a computer that only runs jobs, for pip.

\b
Examples:
  aiida-hpaint setup requirements > requirements.txt
  aiida-hpaint setup requirements --stage sample
On that computer:
  python3 -m venv hpaint
  hpaint/bin/pip install -r requirements.txt
  hpaint/bin/pip install --no-deps aiida_hpaint-VERSION-py3-none-any.whl
"""

_STAGE_OPTIONS = (
    click.option(
        "--stage",
        "stages",
        type=click.Choice(["sample", "relax", "train"]),
        multiple=True,
        help="Stage that the code runs; may be repeated.  [default: sample and relax]",
    ),
    click.option(
        "--generator",
        "generators",
        multiple=True,
        metavar="NAME",
        help="Generator that must be installed there; may be repeated.  [default: the default one]",
    ),
    click.option(
        "--potential",
        "potentials",
        multiple=True,
        metavar="NAME[=FILE]",
        help="Potential that must be installed there, with its model file; may be repeated.  "
        "[default: the default one]",
    ),
)
_JOB_OPTIONS = (
    click.option("--queue", metavar="NAME", help="Queue or partition of the jobs."),
    click.option("--account", metavar="NAME", help="Account that is charged for the jobs."),
    click.option(
        "--walltime", type=click.IntRange(min=60), metavar="S", help="Walltime of a job, s."
    ),
    click.option("--gpus", type=click.IntRange(min=0), metavar="N", help="GPUs of a job (Slurm)."),
    click.option(
        "--options",
        metavar="YAML",
        help="Other metadata.options of AiiDA, a file or text, like 'qos: high'.",
    ),
)


_PROGRAM_OPTIONS = (
    click.option("--python", metavar="PATH", help="Path of the Python interpreter there."),
    click.option("--pw", metavar="PATH", help="Path of pw.x there."),
    click.option("--pp", metavar="PATH", help="Path of pp.x there."),
    click.option(
        "--label",
        metavar="NAME",
        help="Label of the codes: NAME, NAME-pw and NAME-pp.  [default: python, pw and pp]",
    ),
    click.option(
        "--prepend",
        metavar="FILE|TEXT",
        help="Lines of job scripts before these programs, like `module load ...`.",
    ),
)
_CHECK_OPTIONS = (
    click.option("--no-check", is_flag=True, help="Create the codes without checking them."),
)


@click.command(cls=Command, help=CODES)
@click.argument("computer", shell_complete=complete_computers)
@add_options(_PROGRAM_OPTIONS, CONTAINER_OPTIONS, _JOB_OPTIONS, _STAGE_OPTIONS, _CHECK_OPTIONS)
@click.pass_obj
def codes(
    obj: dict[str, str | None],
    /,
    computer: str,
    label: str | None,
    prepend: str | None,
    no_check: bool,
    image: str | None,
    engine_command: str | None,
    **flags: Any,
) -> None:
    """Set up the programs of a computer, and check them with a short job."""
    from aiida.plugins import CalculationFactory

    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.computer_settings import read_text
    from aiida_hpaint.cli.setup.remote_codes import PLUGINS, find_computer, prepare_remote_code

    paths = {kind: flags[kind] for kind in PLUGINS if flags[kind]}
    if not paths:
        raise click.UsageError("name the programs to set up: --python, --pw or --pp")
    container, workload = read_container(image, engine_command), _make_workload(flags)
    session.load_profile(obj["profile"])
    from aiida_hpaint.workflows.engine.options import check_options

    place, must_check = find_computer(computer), not no_check
    if must_check:
        ensure_daemon()
    jobs = _make_options(place, flags)
    for kind in paths:
        check_options(f"{kind}@{place.label}", jobs, CalculationFactory(PLUGINS[kind]), place)
    prepared = []
    for kind, path in paths.items():
        name = kind if label is None else label if kind == "python" else f"{label}-{kind}"
        more = read_text(prepend), must_check, container
        prepared.append((path, *prepare_remote_code(place, kind, name, path, *more)))
    # None is stored if one of them is wrong.
    found = [_store_code(*one, jobs, container) for one in prepared]
    if must_check and not _check(found, workload):
        raise click.exceptions.Exit(1)
    _suggest_next(found)


@click.command(cls=Command, help=CHECK)
@click.argument("what", nargs=-1, required=True, shell_complete=complete_codes)
@add_options(_JOB_OPTIONS, _STAGE_OPTIONS)
@click.pass_obj
def check(obj: dict[str, str | None], /, what: tuple[str, ...], **flags: Any) -> None:
    """Check codes with a short job each, or show what a check found."""
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.remote_check import show_check, wait_for_checks

    workload = _make_workload(flags)
    session.load_profile(obj["profile"])
    from aiida_hpaint.workflows.engine.codes import find_code

    checks = [_load_check(int(one)) for one in what if one.isdigit()]
    codes: list[Any] = [find_code(one) for one in what if not one.isdigit()]
    if codes:
        ensure_daemon()
    passed = [not codes or _check(codes, workload, flags)]
    wait_for_checks(checks)
    passed += [show_check(node) for node in checks]
    if not all(passed):
        raise click.exceptions.Exit(1)


@click.command(cls=Command, help=REQUIREMENTS)
@add_options(_STAGE_OPTIONS)
def requirements(**flags: Any) -> None:
    """Print the requirements of a computer that only runs jobs."""
    from aiida_hpaint.science.environment.workload import list_requirements

    for line in list_requirements(_make_workload(flags)):
        click.echo(line)


def _make_workload(flags: Mapping[str, Any]) -> Workload:
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
                raise CommandError(f"--potential {name} needs its file: write {name}=/PATH/THERE")
            chosen.append(PotentialSettings(name=name, model=model or None))
        values["potentials"] = tuple(chosen)
    return Workload(**values)


def _make_options(computer: Computer, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `metadata.options` of jobs that the options give."""
    from aiida_hpaint.cli.setup.computer_settings import read_text
    from aiida_hpaint.cli.setup.remote_codes import add_gpu_options
    from aiida_hpaint.cli.yaml_text import parse_yaml

    given = parse_yaml(read_text(flags.get("options")) or "", "--options") or {}
    if not isinstance(given, dict):
        raise CommandError("--options: write keys and values, like 'qos: high'")
    names = {"queue": "queue_name", "account": "account", "walltime": "max_wallclock_seconds"}
    given |= {option: flags[flag] for flag, option in names.items() if flags.get(flag)}
    return add_gpu_options(computer, flags.get("gpus") or 0, given)


def _store_code(
    path: str,
    code: InstalledCode,
    is_new: bool,
    options: Mapping[str, Any],
    container: Container | None,
) -> InstalledCode:
    """Store a code with the options of its jobs, and say so."""
    from aiida_hpaint.workflows.engine.options import get_saved_options, save_options

    code.store()
    where = path if container is None else f"{path} in {container.image}"
    click.echo(f"code      {code.full_label} ({where}){', created' if is_new else ''}")
    if options:
        save_options(code, options)
    for name, value in get_saved_options(code).items():
        click.echo(f"  {name}: {value}")
    return code


def _check(
    codes: Sequence[InstalledCode], workload: Workload, flags: Mapping[str, Any] | None = None
) -> bool:
    """Submit the checks of codes, wait, and show them; return whether all passed."""
    from aiida_hpaint.cli.setup.remote_check import show_check, submit_check, wait_for_checks

    nodes = [
        submit_check(code, workload, _make_options(code.computer, flags) if flags else {})
        for code in codes
    ]
    click.echo(f"Checking {', '.join(code.full_label for code in codes)} with a short job each")
    wait_for_checks(nodes)
    passed = [show_check(node) for node in nodes]
    return all(passed)


def _load_check(pk: int) -> CalcJobNode:
    from aiida.common.exceptions import NotExistent
    from aiida.orm import load_node

    try:
        node: Any = load_node(pk)
    except NotExistent:
        raise CommandError(f"there is no node {pk}") from None
    if getattr(node, "process_type", None) != "aiida.calculations:hpaint.check":
        raise CommandError(f"node {pk} is not a check of a code")
    found: CalcJobNode = node
    return found


def _suggest_next(codes: Sequence[InstalledCode]) -> None:
    by_plugin = {str(code.default_calc_job_plugin): code.full_label for code in codes}
    python, pw = by_plugin.get("pythonjob.pythonjob"), by_plugin.get("quantumespresso.pw")
    if python is not None:
        more = f" --validate dft --dft-code {shlex.quote(pw)}" if pw else ""
        click.echo(f"Next: aiida-hpaint submit hosts/*.cif --code {shlex.quote(python)}{more}")
    elif pw is not None:
        click.echo(f"Next: --validate dft --dft-code {shlex.quote(pw)} with restore or submit")
