"""Seconds of a sample, and relaxed structures a minute, on a CPU or a GPU.

    python benchmarks/devices.py --device cuda
    python benchmarks/devices.py --device cpu --models bundled --samples 1 10

Supercells of brucite without their H, and batches of several sizes, so that one sees which of them
fills the device. Samples: the bundled model, and a GemNet-dT with the shapes of the published ones
and random weights, which take the time of trained ones; `--precision bfloat16` measures reduced
precision. Relaxations: all H of structures displaced by 0.1 Å, with `--potential`, for a fixed
number of steps. Wall time, the faster of two runs after one to warm up; nothing else should run.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from brucite import make_brucite
from relaxation import make_batch, rattle

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.diffusion.models.cards import (
    FractionalNoiseSettings,
    ModelCard,
    SamplingDefaults,
)
from aiida_hpaint.science.diffusion.models.checkpoints import save_model
from aiida_hpaint.science.diffusion.networks.gemnet import GemNetSettings, GemNetwork
from aiida_hpaint.science.relaxation import get_potential, relax
from aiida_hpaint.science.settings import (
    PotentialSettings,
    RelaxationSettings,
    SamplingSettings,
)
from aiida_hpaint.science.structures import add_sites, from_ase

SIZES = {5: (1, 1, 1), 20: (2, 2, 1), 40: (2, 2, 2), 80: (4, 2, 2), 160: (4, 4, 2)}
"""Unit cells along each axis by sites."""


def main() -> None:
    """Print a table of samples and one of relaxations."""
    options = parse_options()
    kind = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor()
    print(f"{kind or platform.machine()}, torch {torch.__version__}, {os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as folder:
        published = Path(folder) / "published-shapes.safetensors"
        if "gemnet" in options.models:
            write_published_shapes(published)
        print("| model | sites | samples at once | s a sample |\n|" + "---|" * 4)
        for name in options.models:
            model = name if name == "bundled" else str(published)
            for sites in options.sizes:
                for samples in options.samples:
                    seconds = time_samples(model, sites, samples, options)
                    print(f"| {name} | {sites} | {samples} | {seconds:.4f} |", flush=True)
    print("\n| sites | structures at once | relaxed a minute |\n|" + "---|" * 3)
    for sites in options.sizes:
        for samples in options.samples:
            rate = measure_relaxations(sites, samples, options)
            print(f"| {sites} | {samples} | {rate:.0f} |", flush=True)


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    models = "bundled", "gemnet"
    parser.add_argument("--models", nargs="+", choices=models, default=list(models))
    parser.add_argument("--potential", default="sevennet-0")
    parser.add_argument("--sizes", type=int, nargs="+", choices=SIZES, default=[20, 80])
    parser.add_argument("--samples", type=int, nargs="+", default=[1, 16, 256])
    parser.add_argument("--steps", type=int, default=20, help="steps of each relaxation")
    return parser.parse_args()


def write_published_shapes(path: Path) -> None:
    """Write a GemNet-dT of the size of MatterGen's with random weights."""
    settings, noise = (
        GemNetSettings(lattice=False, energy=False, types=0),
        FractionalNoiseSettings(),
    )
    card = ModelCard(
        name=path.stem,
        architecture="gemnet",
        network=settings.model_dump(),
        noise=noise,
        sampling=SamplingDefaults(steps=50, corrector_steps=1),
    )
    torch.manual_seed(0)
    save_model(GemNetwork(settings, noise), card, path)


def time_samples(model: str, sites: int, samples: int, options: argparse.Namespace) -> float:
    """Return the seconds of a sample, drawn with the settings of the model's card."""
    atoms = make_brucite(SIZES[sites])
    inserted = int((atoms.numbers == 1).sum())
    del atoms[atoms.numbers == 1]
    hosts = add_sites(from_ase([atoms]), f"H:{inserted}")
    settings = SamplingSettings(
        generator=model,
        samples=samples,
        redraws=0,
        device=options.device,
        precision=options.precision,
    )
    return time_faster(lambda: generate(hosts, settings), options.device) / samples


def measure_relaxations(sites: int, samples: int, options: argparse.Namespace) -> float:
    """Return how many structures relax in a minute, each for all its steps."""
    potential = get_potential(PotentialSettings(name=options.potential, device=options.device))
    atoms = make_brucite(SIZES[sites])
    batch = make_batch([rattle(atoms, seed) for seed in range(samples)])
    settings = RelaxationSettings(fmax=1e-9, max_steps=options.steps, give_up_above=None)
    return 60 * samples / time_faster(lambda: relax(batch, settings, potential), options.device)


def time_faster(action: Callable[[], object], device: str) -> float:
    """Return the seconds of the faster of two runs, after one to warm up."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        action()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])


if __name__ == "__main__":
    main()
