"""A tiny NequIP package of Pd and H, trained for one epoch on energies of EMT."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ase.io
from ase.calculators.emt import EMT
from hydrides import palladium_hydride

CONFIG = Path(__file__).with_name("tiny_nequip.yaml")


def make_package(folder: Path) -> Path:
    """Train and package a model; return its file."""
    frames = [palladium_hydride(seed) for seed in range(6)]
    for atoms in frames:
        atoms.calc = EMT()
        atoms.get_forces()
    ase.io.write(folder / "data.extxyz", frames)
    where = ["-cp", str(CONFIG.parent), "-cn", CONFIG.stem]
    run(folder, "nequip-train", *where, "hydra.run.dir=out")
    run(folder, "nequip-package", "build", "out/best.ckpt", "tiny.nequip.zip")
    return folder / "tiny.nequip.zip"


def run(folder: Path, command: str, *words: str) -> None:
    """Run a program of nequip in a folder."""
    program = Path(sys.executable).with_name(command)
    finished = subprocess.run(
        [program, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stdout[-2000:] + finished.stderr[-2000:]
