"""Record of a training run: checkpoints to continue from, loss curve and cost."""

from __future__ import annotations

import csv
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import lightning
import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback, ProgressBar, TQDMProgressBar
from torch import Tensor

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.outputs import replace_file

_INTERVAL = 30.0
"""Seconds between two lines of progress where there is no terminal."""

_RECORD_KEY = "aiida_hpaint"
"""Key of the record in a checkpoint."""

LAST_CHECKPOINT = "last.ckpt"
"""Last checkpoint of a run, finished or not."""


@dataclass(frozen=True)
class LossPoint:
    """A point of the loss curve.

    Attributes
    ----------
    step : steps done.
    loss : mean over the steps since the last row.
    validation : loss of the averaged weights on the validation structures, None in between.
    """

    step: int
    loss: float
    validation: float | None = None


class RunRecorder(Callback):
    """Callback that writes checkpoints and the loss curve, and stops the run at a deadline.

    Parameters
    ----------
    folder
        Where to write `last.ckpt`, `loss.csv` and, with `keep_all`, `step=N.ckpt`.
    facts
        Further entries of the record: settings and data.
    deadline
        Value of `time.monotonic()` after which to stop; None: never.
    stop
        Says after each step whether to stop; None: never.
    """

    def __init__(
        self,
        folder: Path,
        facts: dict[str, Any],
        *,
        save_every: int,
        log_every: int,
        keep_all: bool,
        deadline: float | None,
        stop: Callable[[], bool] | None = None,
    ) -> None:
        self.folder, self.facts, self.deadline, self.stop = folder, facts, deadline, stop
        self.save_every, self.log_every, self.keep_all = save_every, log_every, keep_all
        self.rows: list[LossPoint] = []
        self.before = 0.0
        self.began = time.monotonic()
        self.losses: list[Tensor] = []

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Start the clock, once data and weights are loaded."""
        self.began = time.monotonic()

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the loss, save a checkpoint, and check the deadline."""
        self.losses.append(outputs["loss"].detach())
        step = trainer.global_step
        if step % self.log_every == 0:
            self._add_row(trainer)
        if step % self.save_every == 0:
            name = f"step={step}.ckpt" if self.keep_all else LAST_CHECKPOINT
            self._save(trainer, self.folder / name)
        if self.deadline is not None or self.stop is not None:
            late = self.deadline is not None and time.monotonic() > self.deadline
            late = late or (self.stop is not None and self.stop())
            # All processes have to stop after the same step, or those that go on wait for ever.
            late = trainer.strategy.reduce_boolean_decision(late, all=False)
            trainer.should_stop = trainer.should_stop or late

    def on_validation_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Record the validation loss."""
        # A run that is stopped is validated once more than an uninterrupted one.
        if trainer.global_step % int(trainer.val_check_batch or 1) == 0:
            value = float(trainer.callback_metrics["validation_loss"])
            self._add_row(trainer, validation=value)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        """Save the last checkpoint, before the averaged weights replace the others."""
        if trainer.global_step >= trainer.max_steps:
            self._add_row(trainer)
        self._save(trainer, self.folder / LAST_CHECKPOINT)

    def _save(self, trainer: Trainer, path: Path) -> None:
        """Save a checkpoint whole, or leave the earlier one: a copy may be cut short."""
        part = path.with_name(f"{path.name}.part")
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            part.replace(path)

    def on_save_checkpoint(
        self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Add the record to the checkpoint."""
        validations = [row.validation for row in self.rows if row.validation is not None]
        checkpoint[_RECORD_KEY] = {
            **self.facts,
            "seconds": self.before + time.monotonic() - self.began,
            "validation_loss": validations[-1] if validations else None,
            "rows": [[row.step, row.loss, row.validation] for row in self.rows],
            "losses": [float(loss) for loss in self.losses],
            **_describe_machine(trainer),
        }

    def on_load_checkpoint(
        self, trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Continue the record of the run that is resumed."""
        record = checkpoint[_RECORD_KEY]
        self.before = record["seconds"]
        self.rows = [LossPoint(*row) for row in record["rows"]]
        self.losses = [torch.tensor(loss) for loss in record["losses"]]

    def _add_row(self, trainer: Trainer, validation: float | None = None) -> None:
        step = trainer.global_step
        if self.rows and self.rows[-1].step == step:
            known = self.rows.pop()
            kept = known.validation if validation is None else validation
            self.rows.append(LossPoint(step, known.loss, kept))
        elif self.losses:
            mean = float(torch.stack([loss.cpu() for loss in self.losses]).mean())
            self.losses = []
            self.rows.append(LossPoint(step, mean, validation))
        if trainer.is_global_zero:
            write_curve(self.rows, self.folder / "loss.csv")


def read_record(checkpoint: Path) -> dict[str, Any]:
    """Read the record in a checkpoint, with `steps` and `weights`; nothing in it is executed.

    Raises
    ------
    CheckpointError
        If it is not a checkpoint of a training run.
    """
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    except UnpicklingError as error:  # its message advises to run what the file contains
        raise CheckpointError(
            f"{checkpoint} is not a readable checkpoint: training writes last.ckpt into its output"
        ) from error
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{checkpoint} is not a readable checkpoint: {error}") from error
    if _RECORD_KEY not in state:
        raise CheckpointError(f"{checkpoint} is not a checkpoint of `aiida-hpaint train`")
    return {**state[_RECORD_KEY], "steps": state["global_step"], "weights": state["state_dict"]}


def write_curve(rows: list[LossPoint], path: Path) -> None:
    """Write a loss curve as CSV: step, loss, validation_loss."""
    with replace_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["step", "loss", "validation_loss"])
        writer.writerows([row.step, row.loss, row.validation] for row in rows)


def _describe_machine(trainer: Trainer) -> dict[str, Any]:
    """Return device and versions, for the card."""
    device = trainer.strategy.root_device
    return {
        "device": torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else read_processor_name(),
        "devices": trainer.world_size,
        "versions": {
            "aiida-hpaint": __version__,
            "torch": str(torch.__version__),
            "lightning": str(lightning.__version__),
            "python": platform.python_version(),
        },
    }


def read_processor_name() -> str:
    """Return the name of this machine's CPU, or what the platform reports instead."""
    listed = Path("/proc/cpuinfo")
    if sys.platform == "linux" and listed.is_file():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


class StepProgressBar(TQDMProgressBar):
    """Progress bar with steps, loss and rate."""

    def __init__(self, steps: int) -> None:
        super().__init__(refresh_rate=20)
        self.steps = steps

    @property
    def total_train_batches(self) -> int:
        """Steps of the whole run; the sequence of batches itself is endless."""
        return self.steps

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        """Start the bar at the first step of a resumed run."""
        super().on_train_start(trainer, module)
        self._start_bar(trainer)

    def on_train_epoch_start(self, trainer: Trainer, *arguments: Any) -> None:
        """Start the bar of the only epoch."""
        super().on_train_epoch_start(trainer, *arguments)
        self._start_bar(trainer)

    def _start_bar(self, trainer: Trainer) -> None:
        self.train_progress_bar.total = self.steps
        self.train_progress_bar.initial = trainer.global_step
        self.train_progress_bar.n = trainer.global_step
        self.train_progress_bar.set_description("training")

    def get_metrics(
        self, trainer: Trainer, module: LightningModule
    ) -> dict[str, int | str | float | dict[str, float]]:
        """Return the losses, without a version number."""
        metrics = super().get_metrics(trainer, module)
        metrics.pop("v_num", None)
        return dict(metrics)


class StepLines(ProgressBar):
    """Progress as a line every half minute, where there is no terminal to draw a bar in."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.last, self.is_shown = steps, time.monotonic(), True

    def disable(self) -> None:
        """Print nothing, as in all processes but the first."""
        self.is_shown = False

    def enable(self) -> None:
        """Print again."""
        self.is_shown = True

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Print step and loss if the last line is long ago."""
        if self.is_shown and time.monotonic() - self.last > _INTERVAL:
            self.last = time.monotonic()
            print(f"training: {trainer.global_step}/{self.steps}, loss {outputs['loss']:.3f}")
