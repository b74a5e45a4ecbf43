"""Training of a score network with Lightning."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import Callback, EMAWeightAveraging
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, nn
from torch.utils.data import DataLoader

from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.diffusion.training.dataset import NoisyBatch, NoisyBatches
from aiida_hpaint.science.diffusion.training.held_out import write_matches
from aiida_hpaint.science.diffusion.training.initial_network import make_initial_network
from aiida_hpaint.science.diffusion.training.inputs import TrainingInputs, read_inputs
from aiida_hpaint.science.diffusion.training.run_record import (
    LAST_CHECKPOINT,
    RunRecorder,
    StepLines,
    StepProgressBar,
    read_record,
)
from aiida_hpaint.science.diffusion.training.settings import TrainingSettings


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training run.

    Attributes
    ----------
    checkpoint : file to export a model from, or to continue from.
    steps : steps done in all.
    finished : whether all steps are done; False if the deadline came first.
    """

    checkpoint: Path
    steps: int
    finished: bool


class ScoreMatching(lightning.LightningModule):
    """Denoising score matching: a network learns the expected noise of noisy sites."""

    def __init__(self, settings: TrainingSettings, inputs: TrainingInputs) -> None:
        super().__init__()
        self.settings, self.inputs = settings, inputs
        self.network: nn.Module = make_initial_network(settings)

    def training_step(self, batch: NoisyBatch, index: int) -> Tensor:
        """Return the loss of a training batch."""
        loss = self._loss(batch)
        self.log("loss", loss, prog_bar=True, batch_size=len(batch.levels))
        return loss

    def validation_step(self, batch: NoisyBatch, index: int) -> None:
        """Log the loss of a validation batch."""
        loss = self._loss(batch)
        size = len(batch.levels)
        self.log("validation_loss", loss, prog_bar=True, sync_dist=True, batch_size=size)

    def _loss(self, batch: NoisyBatch) -> Tensor:
        estimate = self.network(batch.crystals, batch.levels, None)
        return noise_loss(estimate, batch.target, batch.crystals.unknown, self.settings.loss)

    def train_dataloader(self) -> DataLoader[NoisyBatch]:
        """Return the batches from the step that training has reached, so that it can be resumed."""
        return self._loader(self.trainer.global_step, self.settings.steps, stream=0)

    def val_dataloader(self) -> DataLoader[NoisyBatch]:
        """Return the validation batches, the same each time."""
        return self._loader(0, self.settings.validation_batches, stream=1)

    def _loader(self, first: int, last: int, stream: Literal[0, 1]) -> DataLoader[NoisyBatch]:
        settings, inputs = self.settings, self.inputs
        structures = inputs.training if stream == 0 else inputs.validation
        assert structures is not None
        batches = NoisyBatches(
            structures,
            settings.masks,
            settings.noise,
            batch_size=settings.batch_size,
            focus_share=settings.focus_share,
            seed=settings.seed,
            first=first,
            last=last,
            stream=stream,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )
        workers = settings.workers
        prefetch = 4 if workers else None
        return DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=prefetch)

    def transfer_batch_to_device(
        self, batch: NoisyBatch, device: torch.device, dataloader_idx: int
    ) -> NoisyBatch:
        """Move a batch to the device of the network."""
        crystals = batch.crystals.to(device, batch.crystals.frac.dtype)
        return NoisyBatch(crystals, batch.levels.to(device), batch.target.to(device))

    def configure_optimizers(self) -> Any:
        """Return Adam or AdamW, with a learning rate that rises, stays and falls."""
        settings = self.settings
        kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
        optimizer = kind(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            betas=settings.betas,
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._rate)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _rate(self, step: int) -> float:
        settings = self.settings
        rise = min(1.0, (step + 1) / max(settings.warmup, 1))
        fall = min(1.0, (settings.steps - step) / max(settings.decay, 1))
        left = settings.final_rate + (1 - settings.final_rate) * fall
        return rise * max(left, 0.01)


def noise_loss(
    estimate: Tensor,
    target: Tensor,
    unknown: Tensor,
    reduction: Literal["mean", "sum"] = "mean",
) -> Tensor:
    """Return the squared error of the noise at noisy sites, averaged over structures.

    Parameters
    ----------
    estimate, target : (B, N, 3) noise along its axes, dimensionless.
    unknown : (B, N) the noisy sites.
    reduction : 'mean': squared length of the error, averaged over the sites of a structure, so
        that structures have equal weight. 'sum': mean over the axes, summed over the sites, so
        that sites have equal weight (MatterGen, Zeni et al. 2025).
    """
    squares = (estimate - target).square().sum(-1) * unknown
    if reduction == "sum":
        return squares.sum(1).mean() / 3
    return (squares.sum(1) / unknown.sum(1).clamp(min=1)).mean()


def train(
    settings: TrainingSettings,
    resume: Path | None = None,
    deadline: float | None = None,
    stop: Callable[[], bool] | None = None,
) -> TrainingResult:
    """Train to the last step or until a deadline.

    Training structures that were removed because they match held-out ones are listed beside the
    checkpoints.

    Parameters
    ----------
    settings
        Settings of the run.
    resume
        Checkpoint of an earlier run to continue; the result is that of an uninterrupted run.
    deadline
        Value of `time.monotonic()` after which to stop, with a checkpoint to continue from.
    stop
        Says after each step whether to stop, with a checkpoint as well.

    Raises
    ------
    TrainingDataError
        If the data cannot be used.
    CheckpointError
        If the initial model, or the checkpoint to continue from, cannot be used.
    """
    torch.set_num_threads(settings.threads)
    lightning.seed_everything(settings.seed, verbose=False)
    if resume is not None:
        check_resumable(resume, settings)
    inputs = read_inputs(settings)
    if inputs.removed is not None and is_first_process():
        write_matches(inputs.removed, settings.output / f"{settings.name}.removed.csv")
    module = ScoreMatching(settings, inputs)
    recorder = _recorder(settings, inputs, deadline, stop)
    trainer = _trainer(settings, inputs, recorder, module.network)
    trainer.fit(module, ckpt_path=resume, weights_only=True)
    done = trainer.global_step
    return TrainingResult(settings.output / LAST_CHECKPOINT, done, done >= settings.steps)


def check_resumable(checkpoint: Path, settings: TrainingSettings) -> None:
    """Check that a run can continue from a checkpoint.

    Raises
    ------
    CheckpointError
        If it is damaged, of another network, or has no steps left.
    """
    record = read_record(checkpoint)
    if record["settings"]["network"] != settings.network.model_dump(mode="json"):
        raise CheckpointError(f"{checkpoint} is of another network than the settings")
    if record["steps"] >= settings.steps:
        raise CheckpointError(
            f"{checkpoint} has all {record['steps']} steps: there is nothing to continue; "
            "with more `steps` in the settings the learning rate would have been different"
        )


def is_first_process() -> bool:
    """Return whether this process writes the files, of those that train together."""
    # Lightning stores the rank as an attribute of this function.
    return bool(getattr(rank_zero_only, "rank", 0) == 0)


def _trainer(
    settings: TrainingSettings, inputs: TrainingInputs, recorder: RunRecorder, network: nn.Module
) -> lightning.Trainer:
    return lightning.Trainer(
        max_steps=settings.steps,
        max_epochs=-1,
        accelerator={"auto": "auto", "cpu": "cpu", "cuda": "gpu"}[settings.device],
        devices=settings.devices,
        num_nodes=settings.nodes,
        strategy=_strategy(settings),
        precision=settings.precision,
        gradient_clip_val=settings.clip,
        gradient_clip_algorithm=settings.clip_by,
        callbacks=_callbacks(settings, recorder),
        logger=False,
        limit_val_batches=None if inputs.validation else 0,
        val_check_interval=settings.validate_every,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        default_root_dir=settings.output,
    )


def _strategy(settings: TrainingSettings) -> str:
    if settings.devices * settings.nodes == 1:
        return "auto"
    # GemNet carries heads that positions alone do not use.
    return "ddp" if settings.network.architecture == "dense" else "ddp_find_unused_parameters_true"


def _recorder(
    settings: TrainingSettings,
    inputs: TrainingInputs,
    deadline: float | None,
    stop: Callable[[], bool] | None,
) -> RunRecorder:
    return RunRecorder(
        settings.output,
        {"settings": settings.model_dump(mode="json"), "data": inputs.about},
        save_every=settings.save_every,
        log_every=settings.log_every,
        keep_all=settings.keep_checkpoints == "all",
        deadline=deadline,
        stop=stop,
    )


def _callbacks(settings: TrainingSettings, recorder: RunRecorder) -> list[Callback]:
    average = [EMAWeightAveraging(decay=settings.average)] if settings.average else []
    # The recorder comes after the averaging, so that its checkpoints average the last step too.
    progress = StepProgressBar if sys.stdout.isatty() else StepLines
    return [*average, recorder, progress(settings.steps)]


__all__ = ["ScoreMatching", "TrainingResult", "TrainingSettings", "noise_loss", "train"]
