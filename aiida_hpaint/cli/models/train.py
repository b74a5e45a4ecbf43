"""aiida-hpaint train: a new model from a configuration."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stdout
from pathlib import Path
from typing import Any, TextIO

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.verbosity import is_quiet, say

_HELP = """Train a model with the settings in CONFIG, a YAML file.

\b
  data: crystals/              # complete: a folder of CIFs, extxyz, npz
  held_out: known.extxyz       # these and what matches them are left out
  output: runs/mine
  name: mine
  steps: 20000
  network: {width: 128, layers: 4}     # or {architecture: gemnet, ...}

`data` and `output` are required; the documentation lists all settings. The finished model
(weights and card) is written to the output folder and can be used at once. Ctrl-C keeps a
checkpoint. With --submit, AiiDA jobs train the model, and it becomes a node.

\b
Examples:
  aiida-hpaint train mine.yaml
  aiida-hpaint train mine.yaml --resume runs/mine/last.ckpt
  aiida-hpaint restore host.cif --generator runs/mine/mine.safetensors
  aiida-hpaint benchmark known.extxyz --generator runs/mine/mine.safetensors \\
      --output runs/test
  aiida-hpaint train mine.yaml --submit --code python@cluster --walltime 24
"""


@click.command(cls=Command, help=_HELP)
@click.argument("config", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--resume",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="CHECKPOINT",
    help="Checkpoint to continue from; the result is that of an uninterrupted run.",
)
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0),
    metavar="S",
    help="Time after which training stops with a checkpoint, in seconds.",
)
@click.option(
    "--submit", is_flag=True, help="Submit to AiiDA instead of training here, and return."
)
@options.add_code_option
@click.option(
    "--walltime",
    type=click.FloatRange(min=0, min_open=True),
    metavar="HOURS",
    help="Walltime of each job, in hours; the next job continues the training.",
)
@click.pass_obj
def train(
    obj: dict[str, Any],
    config: Path,
    resume: Path | None,
    max_seconds: float | None,
    submit: bool,
    code: str | None,
    walltime: float | None,
) -> None:
    """Train a model from a configuration."""
    if submit:
        if resume is not None or max_seconds is not None:
            raise click.UsageError("--resume and --max-seconds do not work with --submit")
        _submit(obj["profile"], config, code, walltime)
        return
    if code is not None or walltime is not None:
        raise click.UsageError("--code and --walltime need --submit")
    deadline = None if max_seconds is None else time.monotonic() + max_seconds
    _train(config, resume, deadline)


def _train(config: Path, resume: Path | None, deadline: float | None) -> None:
    import logging

    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.settings import read_settings_file
    from aiida_hpaint.science.diffusion.training import train as training
    from aiida_hpaint.science.diffusion.training.export import export_model
    from aiida_hpaint.science.diffusion.training.settings import TrainingSettings
    from aiida_hpaint.science.outputs import lock_folder

    silence_warnings()
    # Hide Lightning's notes on unused hardware and on other products.
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    settings = read_settings_file(config, TrainingSettings)
    with watch_for_interrupts() as is_interrupted:
        if not training.is_first_process():
            training.train(settings, resume, deadline, is_interrupted)
            return
        # A second training would write its checkpoints over those of the first.
        with lock_folder(settings.output):
            with _open_bars() as stream, redirect_stdout(stream):
                trained = training.train(settings, resume, deadline, is_interrupted)
            if not trained.finished:
                click.echo(
                    f"Stopped after {trained.steps} of {settings.steps} steps. Continue with\n"
                    f"  aiida-hpaint train {config} --resume {trained.checkpoint}"
                )
                raise click.exceptions.Exit(1 if is_interrupted() else 0)
            path = settings.output / f"{settings.name}.safetensors"
            card = export_model(trained.checkpoint, settings, path)
            click.echo(f"{path}: model '{card.name}', sha256 {card.sha256[:12]}")


@contextmanager
def watch_for_interrupts() -> Iterator[Callable[[], bool]]:
    """Yield a function that says whether Ctrl-C was pressed; a second one ends the process."""
    asked, pid = threading.Event(), os.getpid()

    def ask(*_: object) -> None:
        asked.set()
        if os.getpid() == pid:  # not in the processes that read the data
            signal.signal(signal.SIGINT, before)
            say("Stopping after the next step, with a checkpoint. Ctrl-C stops at once.")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _open_bars() -> AbstractContextManager[TextIO]:
    """Return where Lightning's bars go, which it writes to stdout, where results belong."""
    if is_quiet():
        return open(os.devnull, "w", encoding="utf-8")
    return nullcontext(sys.stderr)


def _submit(profile: str | None, config: Path, code: str | None, walltime: float | None) -> None:
    from aiida_hpaint.cli import session
    from aiida_hpaint.cli.settings import read_settings_file
    from aiida_hpaint.science.diffusion.training.settings import TrainingSettings

    settings = read_settings_file(config, TrainingSettings)
    session.load_profile(profile)
    from aiida_hpaint.workflows.training.build import build_training

    options = {} if walltime is None else {"max_wallclock_seconds": round(3600 * walltime)}
    builder = build_training(settings, code=code, options=options)
    node = session.submit_to_daemon(builder)
    click.echo(f"Submitted as node {node.pk}.")
    click.echo(f"  verdi process report {node.pk}")
    click.echo(f"  verdi process show {node.pk}     # lists its outputs: model, curve, report")
