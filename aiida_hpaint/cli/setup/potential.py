"""aiida-hpaint setup potential: fetch a potential, load it, and make it the default."""

from __future__ import annotations

from pathlib import Path

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_potentials

_HELP = """Set up the potential NAME: fetch and load it, and make it the default on this machine.

A published potential is fetched with its licence and sha256, unless it is here already; see
`aiida-hpaint models fetch`. Then it is loaded by its package. Whatever names no potential uses it
from then on, and names it in its results and in the provenance. Jobs on other computers find it if
it is fetched there too, or with --upload-potential.

With --compile, a job compiles the NequIP package for the computer of a code, once for each device;
restorations there with --upload-potential then use what it compiled. Compile again after an update
of torch there.

Where there is no network, give the file. `aiida-hpaint setup potential sevennet-0` goes back to the
embedded potential.

\b
Examples:
  aiida-hpaint setup potential nequip-oam-l
  aiida-hpaint setup potential nequip-oam-l --file downloaded.nequip.zip
  aiida-hpaint setup potential nequip-oam-l --compile python@gpu --device cuda
  aiida-hpaint setup potential sevennet-0
"""


@click.command("potential", cls=Command, help=_HELP)
@click.argument("name", shell_complete=complete_potentials)
@click.option("--sha256", metavar="HEX", help="Expected sha256 of the file; others are refused.")
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="File of the potential that was downloaded otherwise; it is copied.",
)
@click.option(
    "--compile",
    "code",
    metavar="CODE",
    help="Compile a NequIP package for this code, by a job of its own.",
)
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Device to compile for: the `potential.device` of restorations that use it.",
)
@click.pass_obj
def set_up_potential(
    obj: dict[str, str | None],
    name: str,
    sha256: str | None,
    file: Path | None,
    code: str | None,
    device: str,
) -> None:
    """Set up a potential."""
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.models.potentials import fetch_published_potential
    from aiida_hpaint.science.relaxation.potentials import find_potential, get_potential
    from aiida_hpaint.science.settings import PotentialSettings
    from aiida_hpaint.science.settings.default_potential import choose_default_potential

    silence_warnings()
    info = find_potential(name)
    if info.needs_file:
        raise click.UsageError(
            f"{info.name} reads files of your own: name one with each restoration, "
            "--set potential.model=FILE"
        )
    if info.is_published:
        fetch_published_potential(info.name, sha256, file)
    elif sha256 or file:
        raise click.UsageError(f"--sha256 and --file are for published potentials, not {info.name}")
    if code and info.package != "nequip":
        raise click.UsageError(f"--compile is for NequIP packages, and {info.name} is none")
    card = get_potential(PotentialSettings(name=info.name)).card
    click.echo(f"Loaded by {card.package} {card.package_version} on {card.device}.")
    choose_default_potential(info.name)
    click.echo(f"Default potential: {info.name}")
    if code:
        compile_for_code(obj["profile"], info.name, code, device)


def compile_for_code(profile: str | None, name: str, label: str, device: str) -> None:
    """Compile a fetched potential by a job, and say for what.

    Raises
    ------
    ClickException
        If it is not compiled, or the user stops waiting; the job then continues.
    """
    from aiida_hpaint.cli import session

    session.load_profile(profile)
    from aiida_hpaint.calculations.compile import find_compiled
    from aiida_hpaint.cli.daemon import ensure_daemon
    from aiida_hpaint.cli.setup.remote_check import wait_for_checks
    from aiida_hpaint.science.settings import PotentialSettings
    from aiida_hpaint.workflows.engine.codes import find_code
    from aiida_hpaint.workflows.engine.compilation import submit_compilation
    from aiida_hpaint.workflows.restore.model_files import store_potential

    ensure_daemon()
    code = find_code(label)
    _, package = store_potential(PotentialSettings(name=name))
    node = submit_compilation(package, code, device)
    click.echo(f"Compiling as node {node.pk} with {code.full_label}.")
    wait_for_checks([node])
    compiled = find_compiled(package, code, device)
    if not node.is_finished_ok or compiled is None:
        raise click.ClickException(
            f"{node.exit_message or node.exception}: see `verdi process report {node.pk}`"
        )
    target = compiled.base.attributes.get("compiled_for")
    click.echo(f"Compiled for {target['architecture']} with torch {target['torch']}.")
    click.echo(f"Use it: aiida-hpaint restore host.cif --code {label} --upload-potential")
