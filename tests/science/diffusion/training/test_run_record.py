"""Checkpoints are replaced by whole ones only."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aiida_hpaint.science.diffusion.training.run_record import LAST_CHECKPOINT, RunRecorder


class Trainer(SimpleNamespace):
    """What the recorder asks of a trainer, which dies in the middle of a save if told so."""

    def save_checkpoint(self, path: Path) -> None:
        with Path(path).open("w") as file:
            if self.dies:
                file.write("ha")
                raise KeyboardInterrupt
            file.write("whole")


def test_a_save_that_is_cut_short_leaves_the_earlier_checkpoint(tmp_path: Path) -> None:
    recorder = RunRecorder(tmp_path, {}, save_every=1, log_every=10, keep_all=False, deadline=None)
    trainer: Any = Trainer(dies=False, is_global_zero=True, global_step=1, max_steps=9)
    module: Any = None
    recorder.on_train_epoch_end(trainer, module)
    last = tmp_path / LAST_CHECKPOINT
    assert last.read_text() == "whole"
    trainer.dies = True
    with pytest.raises(KeyboardInterrupt):
        recorder.on_train_epoch_end(trainer, module)
    assert last.read_text() == "whole"
    trainer.dies, trainer.is_global_zero = False, False
    recorder.on_train_epoch_end(trainer, module)  # only one process renames
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.ckpt", "last.ckpt.part"]
