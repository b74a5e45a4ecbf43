"""Write all reference files.

PYTHONPATH=tests python -m parity.oracle FOLDER
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

from . import diffusion
from .cells import cells
from .checkpoint import write_checkpoint, write_td_configuration
from .outputs import graphs, outputs, tables
from .trajectories import trajectories


def main() -> None:
    """Write the files, the quick ones first."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    target = Path(sys.argv[1]).absolute()
    target.mkdir(parents=True, exist_ok=True)
    steps = diffusion.levels() | diffusion.scores() | diffusion.losses() | diffusion.steps()
    _save(target, "diffusion", steps)
    _save(target, "trajectories", trajectories())
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # so that the paths in the checkpoint are nobody's
        folder = target / "oracle-pos-only"
        _save(target, "checkpoint", write_checkpoint(folder))
        write_td_configuration(folder)
        os.chdir(target)
    _save(target, "graphs", graphs())
    _save(target, "tables", tables())
    _save(target, "outputs", outputs())
    _save(target, "cells", cells())


def _save(folder: Path, name: str, arrays: diffusion.Arrays) -> None:
    print(name, file=sys.stderr)
    np.savez_compressed(folder / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main()
