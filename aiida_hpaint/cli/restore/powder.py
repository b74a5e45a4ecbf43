"""aiida-hpaint powder: powder patterns of candidates, beside each other or a measured one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.restore.complete import read_complete
from aiida_hpaint.cli.verbosity import say

if TYPE_CHECKING:
    from aiida_hpaint.science.diffraction import Agreement, Measurement, Radiation
    from aiida_hpaint.science.structures import StructureBatch
    from aiida_hpaint.science.types import FloatArray

_HELP = """Compute powder patterns of structures, and say which of them a measurement supports.

FILES are complete structures: CIFs that `restore` wrote, its candidates.extxyz, a published
reference. X-ray diffraction barely sees hydrogen; neutrons do, and deuterium best.

Without --measured, the table says for each pair of structures how many counts the strongest point
needs before the patterns can be told apart (five standard deviations, background a tenth of the
strongest point), which is how to plan a measurement or to know that a refinement cannot decide.

With --measured, each structure is fitted to the measured pattern: scale, background, peak shape and
zero shift; cell and atoms stay. The table has Rwp and chi², the lowest first. Files are columns of
2theta, intensity and, if known, uncertainty (.xy, .xye, .dat), or a CIF with a powder pattern.

\b
Examples:
  aiida-hpaint powder restored/candidates.extxyz \\
      --radiation neutron --deuterated -o patterns.svg
  aiida-hpaint powder restored/gypsum.cif published.cif
  aiida-hpaint powder restored/candidates.extxyz --measured gypsum.xye \\
      -o fits.svg
"""


@click.command("powder", cls=Command, help=_HELP)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILES...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "--radiation",
    type=click.Choice(["x-ray", "neutron"]),
    help="What is diffracted.  [default: what the measured file says, else x-ray]",
)
@click.option(
    "--wavelength",
    type=click.FloatRange(min=0.1, max=10),
    help="Å.  [default: what the measured file says, else 1.54056, Cu K-alpha-1]",
)
@click.option("--deuterated", is_flag=True, help="H is deuterium (for neutrons).")
@click.option(
    "--measured",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="Measured pattern to compare with.",
)
@click.option(
    "--range",
    "limits",
    type=click.FloatRange(0, 180),
    nargs=2,
    default=(5.0, 120.0),
    show_default=True,
    metavar="LOW HIGH",
    help="Angles 2theta in degrees.",
)
@click.option(
    "--width",
    type=click.FloatRange(min=0.005),
    default=0.1,
    show_default=True,
    help="Full width of peaks at half maximum, degrees, where nothing is measured.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    help="Figure to write (png, pdf, svg).",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def powder(
    files: tuple[Path, ...],
    measured: Path | None,
    output: Path | None,
    limits: tuple[float, float],
    as_json: bool,
    **flags: Any,
) -> None:
    """Compute powder patterns of structures, and compare them with a measured one."""
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.science.diffraction import compute_reflections, read_measurement
    from aiida_hpaint.science.evaluation.trajectory_plot import check_format
    from aiida_hpaint.science.outputs import try_file

    silence_warnings()
    if output is not None:
        check_format(output)
        try_file(output)
    if limits[0] >= limits[1]:
        raise click.BadParameter(f"{limits[0]:g} is not below {limits[1]:g}", param_hint="--range")
    structures = read_complete(files)
    measurement = None if measured is None else read_measurement(measured).cut(*limits)
    radiation, assumed = _choose_radiation(measurement, **flags)
    reflections = [compute_reflections(one, radiation, limits[1]) for one in structures]
    if measurement is None:
        _show_distinction(
            structures, reflections, radiation, flags["width"], limits, output, as_json
        )
        return
    for note in (*measurement.notes, *assumed):
        say(f"Note: {note}")
    _show_agreement(structures, reflections, radiation, measurement, output, as_json)


def _choose_radiation(
    measurement: Measurement | None,
    radiation: Literal["x-ray", "neutron"] | None,
    wavelength: float | None,
    deuterated: bool,
    **_: Any,
) -> tuple[Radiation, list[str]]:
    """Return the radiation of the options or of the measured file, and what was assumed."""
    from aiida_hpaint.science.diffraction import Radiation

    default, assumed = Radiation(), []
    kind = radiation or (measurement.kind if measurement else None)
    length = wavelength or (measurement.wavelength if measurement else None)
    if measurement is not None and kind is None:
        assumed.append("The file does not say which radiation: X-rays were assumed.")
    if measurement is not None and length is None:
        assumed.append(f"The file has no wavelength: {default.wavelength:g} Å was assumed.")
    return Radiation(kind or default.kind, length or default.wavelength, deuterated), assumed


def _describe(radiation: Radiation) -> str:
    hydrogen = ", H as deuterium" if radiation.deuterated else ""
    return (
        f"{radiation.kind.replace('x-ray', 'X-ray')} powder, {radiation.wavelength:g} Å{hydrogen}"
    )


def _show_distinction(
    structures: StructureBatch,
    reflections: list[Any],
    radiation: Radiation,
    width: float,
    limits: tuple[float, float],
    output: Path | None,
    as_json: bool,
) -> None:
    """Print which patterns can be told apart; draw them."""
    import numpy as np
    from rich.table import Table

    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.science.diffraction import (
        PeakShape,
        compute_profile,
        estimate_needed_counts,
    )
    from aiida_hpaint.science.diffraction.figure import draw_patterns

    grid = np.arange(limits[0], limits[1], width / 5)
    shape = PeakShape(w=width**2)
    profiles: FloatArray = np.stack([compute_profile(one, grid, shape) for one in reflections])
    counts = estimate_needed_counts(profiles)
    if as_json:
        finite = [[None if not np.isfinite(n) else float(n) for n in row] for row in counts]
        found = {"radiation": _describe(radiation), "labels": list(structures.labels)}
        click.echo(json.dumps({**found, "counts": finite}, indent=2))
    elif len(structures) == 1:
        click.echo(f"{structures.labels[0]} is the only structure: there is none to tell it from.")
        if output is None:
            click.echo("-o FILE.svg draws its pattern, --measured FILE compares it.")
    else:
        click.echo(f"Counts that tell apart: {_describe(radiation)}")
        table = Table("if this is right")
        for place in range(len(structures)):
            table.add_column(str(place), justify="right")
        for place, label in enumerate(structures.labels):
            cells = ("-" if a == place else _count(n) for a, n in enumerate(counts[place]))
            table.add_row(f"{place}: {label}", *cells)
        print_table(table)
    if output is not None:
        draw_patterns(grid, profiles, structures.labels, _describe(radiation), output)
        click.echo(f"Figure: {output}", err=True)


def _count(counts: float) -> str:
    if counts == float("inf"):
        return "never"
    return "< 1" if counts < 1 else f"{counts:.0f}" if counts < 1e5 else f"{counts:.0e}"


def _show_agreement(
    structures: StructureBatch,
    reflections: list[Any],
    radiation: Radiation,
    measurement: Measurement,
    output: Path | None,
    as_json: bool,
) -> None:
    """Print how well each structure agrees with the measured pattern; draw them."""
    from rich.table import Table

    from aiida_hpaint.cli.console import print_table
    from aiida_hpaint.science.diffraction import fit_pattern
    from aiida_hpaint.science.diffraction.figure import draw_fits

    fits: list[Agreement] = [fit_pattern(measurement, one) for one in reflections]
    order = sorted(range(len(fits)), key=lambda row: fits[row].r_weighted)
    if as_json:
        rows = [
            {
                "label": structures.labels[row],
                "r_weighted": fits[row].r_weighted,
                "chi_squared": fits[row].chi_squared,
                "shift": fits[row].shape.shift,
            }
            for row in order
        ]
        click.echo(json.dumps({"radiation": _describe(radiation), "fits": rows}, indent=2))
    else:
        table = Table("structure", title=f"Agreement: {_describe(radiation)}")
        for title in ("Rwp %", "chi²", "zero shift °"):
            table.add_column(title, justify="right")
        for row in order:
            fit = fits[row]
            numbers = (100 * fit.r_weighted, fit.chi_squared, fit.shape.shift)
            table.add_row(
                structures.labels[row],
                *(f"{value:.{2 + k // 2}f}" for k, value in enumerate(numbers)),
            )
        print_table(table)
    if output is not None:
        labels = [structures.labels[row] for row in order]
        draw_fits(measurement, [fits[row] for row in order], labels, _describe(radiation), output)
        click.echo(f"Figure: {output}", err=True)
