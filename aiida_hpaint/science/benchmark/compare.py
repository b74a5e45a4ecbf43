"""run_comparison: the same benchmark with several generators."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida_hpaint.science.benchmark.references import References
from aiida_hpaint.science.benchmark.run import open_folder, run_benchmark
from aiida_hpaint.science.benchmark.statistics.rows import COMPARISON
from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings
from aiida_hpaint.science.types import Progress


def run_comparison(
    references: References,
    settings: RestorationSettings,
    generators: Sequence[str],
    folder: Path,
    *,
    relaxed: bool = True,
    processes: int = 1,
    potentials: Mapping[str, PotentialSettings] | None = None,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Summaries of the generators, one after the other, each in a folder of its own.

    Everything but the generator is as in `settings`; see `run_benchmark`. `comparison.json` says
    which folder is whose.

    Raises
    ------
    ValueError
        If a generator is named twice, or a folder holds a run with other settings.
    """
    names = folder_names(generators)
    variants = {name: _with_generator(settings, name) for name in generators}
    for name, variant in variants.items():
        open_folder(folder / names[name], references, variant, relaxed, potentials)
    (folder / COMPARISON).write_text(json.dumps(names, indent=2) + "\n", encoding="utf-8")
    summaries = {}
    for name, variant in variants.items():

        def tell(done: int, total: int, text: str, name: str = name) -> None:
            if progress is not None:
                progress(done, total, f"{names[name]}: {text}")

        summaries[name] = run_benchmark(
            references,
            variant,
            folder / names[name],
            relaxed=relaxed,
            processes=processes,
            potentials=potentials,
            progress=tell,
        )
    return summaries


def folder_names(generators: Sequence[str]) -> dict[str, str]:
    """A different folder name for each generator: its file's name, or its own without slashes."""
    names: dict[str, str] = {}
    for generator in generators:
        if generator in names:
            raise ValueError(f"generator {generator} is named twice: compare different ones")
        path = Path(generator)
        plain = path.stem if path.suffix == ".safetensors" else generator
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-.") or "generator"
        taken = [
            name for name in names.values() if re.fullmatch(rf"{re.escape(base)}(-\d+)?", name)
        ]
        names[generator] = f"{base}-{len(taken) + 1}" if taken else base
    return names


def _with_generator(settings: RestorationSettings, name: str) -> RestorationSettings:
    sampling = settings.sampling.model_copy(update={"generator": name})
    return settings.model_copy(update={"sampling": sampling})
