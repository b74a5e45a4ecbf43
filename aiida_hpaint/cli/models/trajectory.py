"""aiida-hpaint trajectory: figures and files of recorded sampling trajectories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from aiida_hpaint.cli.commands import Group
from aiida_hpaint.cli.completion import complete_files_or_processes
from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.science.wording import format_count

if TYPE_CHECKING:
    from aiida_hpaint.science.structures import Recording

Function = TypeVar("Function", bound=Callable[..., Any])

_HELP = """Plot, animate and export recorded sampling trajectories.

SOURCE is a trajectory.npz of `aiida-hpaint restore --record --no-aiida`, or the PK of a restoration
that was run with --record (or of a stage, a job or a trajectory in it).

\b
Examples:
  aiida-hpaint restore host.cif --record --no-aiida
  aiida-hpaint trajectory plot restored/trajectory.npz -o rmsd.png
  aiida-hpaint trajectory plot PK --reference complete.cif -o rmsd.pdf
  aiida-hpaint trajectory animate PK --host brucite --sample 3 \\
      -o trajectory.gif
  aiida-hpaint trajectory export PK -o frames.extxyz
"""

PLOT = """Plot the distance of the inserted sites from their final positions, step by step.

Thin lines are positions; bold lines are their means, that is each step before new noise is added.
Distances are root mean squares in Å, minimised over permutations of sites of the same element and
over periodic images. With --reference, distances are measured from a known structure, up to the
symmetry of the host.

\b
Examples:
  aiida-hpaint trajectory plot restored/trajectory.npz -o rmsd.png
  aiida-hpaint trajectory plot PK --reference complete.cif \\
      --sample 0 --sample 3 -o rmsd.pdf
"""

ANIMATE = """Animate the trajectory of one sample as a GIF.

The host is fixed; the inserted sites, with a bold outline, move.

\b
Example:
  aiida-hpaint trajectory animate restored/trajectory.npz --sample 3 \\
      -o trajectory.gif
"""

EXPORT = """Write every recorded frame as extended XYZ, for ASE, OVITO or VMD.

Frames are ordered by sample. Their comment lines hold `step`, `sample` and `host`, and the column
`inserted` marks the inserted sites.

\b
Example:
  aiida-hpaint trajectory export restored/trajectory.npz -o frames.extxyz
"""


def _try_file(_context: click.Context, _option: click.Parameter, path: Path) -> Path:
    from aiida_hpaint.science.outputs import try_file

    try_file(path)
    return path


def _common(command: Function) -> Function:
    decorators: Sequence[Callable[[Any], Any]] = (
        click.argument("source", metavar="SOURCE", shell_complete=complete_files_or_processes),
        click.option(
            "-o",
            "--output",
            type=click.Path(path_type=Path, dir_okay=False, writable=True),
            required=True,
            callback=_try_file,
            help="File to write.",
        ),
        click.option("--host", metavar="LABEL", help="Host to use; default: the first."),
    )
    for decorate in reversed(decorators):
        command = decorate(command)
    return command


_samples = click.option(
    "--sample",
    "samples",
    type=click.IntRange(min=0),
    multiple=True,
    metavar="I",
    help="Sample of the host, counted from 0; may be repeated. Default: all samples.",
)


@click.group(cls=Group, help=_HELP)
def trajectory() -> None:
    """Plot, animate and export recorded sampling trajectories."""


@trajectory.command(help=PLOT)
@_common
@_samples
@click.option(
    "--reference",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="CIF",
    help="Complete structure in the cell of the host; default: the final positions of each sample.",
)
@click.pass_obj
def plot(
    obj: dict[str, Any],
    /,
    source: str,
    output: Path,
    host: str | None,
    samples: tuple[int, ...],
    reference: Path | None,
) -> None:
    """Plot the distance of the inserted sites from their final positions, step by step."""
    from aiida_hpaint.science.evaluation.trajectories import compute_deviations
    from aiida_hpaint.science.evaluation.trajectory_plot import check_format, plot_deviations
    from aiida_hpaint.science.structures import read_hosts

    check_format(output)
    recording = _read(obj["profile"], source, host, samples)
    known = None if reference is None else read_hosts(reference)
    found = compute_deviations(recording, known)
    label = recording.samples.labels[0]
    names = [f"sample {index}" for index in recording.trajectory.samples]
    target = "the end" if known is None else "the reference"
    plot_deviations(found, names, output, f"{label}, {recording.trajectory.scheme}", target)
    click.echo(
        f"{output}: {format_count(len(recording), 'sample')} of {label}, {found.steps[-1]} steps"
    )


@trajectory.command(help=ANIMATE)
@_common
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="I",
    help="Sample of the host, counted from 0.",
)
@click.option(
    "--fps",
    type=click.IntRange(min=1, max=50),
    default=12,
    show_default=True,
    help="Frames per second.",
)
@click.pass_obj
def animate(
    obj: dict[str, Any], /, source: str, output: Path, host: str | None, sample: int, fps: int
) -> None:
    """Animate the trajectory of one sample as a GIF."""
    from aiida_hpaint.science.evaluation.animation import animate as write_gif

    if output.suffix.lower() != ".gif":
        raise CommandError(
            f"{output}: the animation is a GIF: choose a file name that ends in .gif"
        )
    recording = _read(obj["profile"], source, host, (sample,))
    pictures = write_gif(recording, 0, output, fps)
    click.echo(f"{output}: sample {sample} of {recording.samples.labels[0]}, {pictures} frames")


@trajectory.command(help=EXPORT)
@_common
@_samples
@click.pass_obj
def export(
    obj: dict[str, Any], /, source: str, output: Path, host: str | None, samples: tuple[int, ...]
) -> None:
    """Write every recorded frame as extended XYZ."""
    from aiida_hpaint.science.structures import concatenate, write_extxyz

    recording = _read(obj["profile"], source, host, samples)
    frames = concatenate([recording.frames(row) for row in range(len(recording))])
    write_extxyz(frames, output)
    drawn = format_count(len(recording), "sample")
    click.echo(f"{output}: {format_count(len(frames), 'frame')} of {drawn}")


def _read(profile: str | None, source: str, host: str | None, samples: Sequence[int]) -> Recording:
    """Read the recording of one host; an existing file takes precedence over a node."""
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.science.structures import Recording

    silence_warnings()
    if Path(source).is_file():
        return _choose([Recording.load(Path(source))], host, samples)
    if not source.isdigit() and "-" not in source:
        raise CommandError(f"there is no file {source}, and it is not the PK or UUID of a node")
    from aiida_hpaint.cli import session

    session.load_profile(profile)
    from aiida_hpaint.workflows.restore.recordings import find_recordings

    return _choose(find_recordings(source), host, samples)


def _choose(recordings: Sequence[Recording], host: str | None, samples: Sequence[int]) -> Recording:
    labels = dict.fromkeys(label for found in recordings for label in found.samples.labels)
    chosen = next(iter(labels), "") if host is None else host
    for recording in recordings:
        if chosen in recording.samples.labels:
            hosts = recording.trajectory.hosts.tolist()
            first = hosts[recording.samples.labels.index(chosen)]
            rows = [row for row, other in enumerate(hosts) if other == first]
            return _pick(recording[rows], samples)
    raise CommandError(f"there is no host '{chosen}': choose from {', '.join(labels)}")


def _pick(recording: Recording, samples: Sequence[int]) -> Recording:
    numbers = recording.trajectory.samples.tolist()
    missing = sorted(set(samples) - set(numbers))
    if missing:
        raise CommandError(
            f"there is no sample {missing[0]}: the host has samples 0 to {max(numbers)}"
        )
    chosen = [row for row, number in enumerate(numbers) if not samples or number in samples]
    return recording[chosen]
