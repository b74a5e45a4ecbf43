"""Training of a score network with Lightning, from a settings object to a shipped model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader

from aiida_hpaint.diffusion.cards import CartesianNoiseSettings, NoiseSettings
from aiida_hpaint.diffusion.crystals import Crystals
from aiida_hpaint.diffusion.dataset import NoisyBatch, NoisyBatches, load_structures
from aiida_hpaint.diffusion.masks import MaskSettings
from aiida_hpaint.diffusion.networks.dense import DenseNetwork, DenseNetworkSettings
from aiida_hpaint.settings import Settings


class TrainingSettings(Settings):
    """Everything that a training run depends on; the seed and these give the same network."""

    data: Path = Field(description="npz of structures, see `load_structures`")
    output: Path = Field(description="folder for checkpoints, logs and the finished model")
    name: str = Field("trained", pattern=r"^[\w.-]+$", description="of the finished model")
    description: str = ""
    about_data: dict[str, Any] = Field({}, description="source and licence, for the card")
    network: DenseNetworkSettings = DenseNetworkSettings()
    noise: NoiseSettings = CartesianNoiseSettings()
    masks: MaskSettings = MaskSettings()
    focus_share: float = Field(
        0.2, ge=0, le=1, description="share of each pool drawn from structures with the focus"
    )
    batch_size: int = Field(32, ge=1)
    steps: int = Field(80_000, ge=1)
    warmup: int = Field(200, ge=0, description="steps of linear rise of the learning rate")
    decay: int = Field(12_000, ge=0, description="last steps, in which it falls linearly")
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(1e-4, ge=0)
    average: float = Field(0.998, ge=0, lt=1, description="decay of the averaged weights")
    clip: float = Field(2.0, gt=0, description="largest norm of the gradient")
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    seed: int = 0
    threads: int = Field(1, ge=1, description="CPU threads of the network")
    save_every: int = Field(2_000, ge=1)


class ScoreMatching(lightning.LightningModule):
    """Denoising score matching on the hidden sites; every structure counts alike."""

    def __init__(self, settings: TrainingSettings) -> None:
        super().__init__()
        self.settings = settings
        self.network = DenseNetwork(settings.network)

    def training_step(self, batch: NoisyBatch, index: int) -> Tensor:
        """Mean square error of the estimated noise."""
        estimate = self.network(batch.crystals, batch.levels)
        loss = noise_loss(estimate, batch.target, batch.crystals.unknown)
        self.log("loss", loss, prog_bar=True)
        return loss

    def train_dataloader(self) -> DataLoader[NoisyBatch]:
        """Batches from the step that training has reached, so that a resumed run goes on."""
        settings = self.settings
        batches = NoisyBatches(
            load_structures(settings.data),
            settings.masks,
            settings.noise,
            batch_size=settings.batch_size,
            focus_share=settings.focus_share,
            seed=settings.seed,
            first=self.trainer.global_step,
            last=settings.steps,
        )
        return DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4)

    def transfer_batch_to_device(
        self, batch: NoisyBatch, device: torch.device, dataloader_idx: int
    ) -> NoisyBatch:
        """Move a batch to the device of the network."""
        crystals = batch.crystals.to(device, batch.crystals.frac.dtype)
        return NoisyBatch(crystals, batch.levels.to(device), batch.target.to(device))

    def configure_optimizers(self) -> Any:
        """AdamW whose learning rate rises, stays, and falls."""
        settings = self.settings
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            betas=(0.9, 0.98),
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
        return rise * max(fall, 0.01)


def noise_loss(estimate: Tensor, target: Tensor, unknown: Tensor) -> Tensor:
    """Squared error of the noise over unknown sites, averaged within, then over structures."""
    squares = (estimate - target).square().sum(-1) * unknown
    return (squares.sum(1) / unknown.sum(1).clamp(min=1)).mean()


def train(settings: TrainingSettings, resume: Path | None = None) -> Path:
    """Train to the end and return the last checkpoint; `resume` goes on from an earlier one."""
    torch.set_num_threads(settings.threads)
    lightning.seed_everything(settings.seed, verbose=False)
    checkpoints = ModelCheckpoint(
        settings.output,
        filename="{step}",
        every_n_train_steps=settings.save_every,
        save_top_k=-1,
        save_last=True,
    )
    trainer = lightning.Trainer(
        max_steps=settings.steps,
        max_epochs=-1,
        precision=settings.precision,
        gradient_clip_val=settings.clip,
        callbacks=[checkpoints, EMAWeightAveraging(decay=settings.average), TQDMProgressBar(50)],
        logger=CSVLogger(settings.output, name="", version="log"),
        log_every_n_steps=50,
        enable_model_summary=False,
    )
    trainer.fit(ScoreMatching(settings), ckpt_path=resume, weights_only=True)
    trainer.save_checkpoint(settings.output / "last.ckpt")
    return settings.output / "last.ckpt"


__all__ = ["Crystals", "ScoreMatching", "TrainingSettings", "noise_loss", "train"]
