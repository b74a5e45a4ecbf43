"""Benchmark runs: measure all hosts with one or several generators and write the results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aiida_hpaint import __version__
from aiida_hpaint.science.benchmark.references import References
from aiida_hpaint.science.benchmark.statistics.rows import (
    COMPARISON,
    ROWS,
    SAMPLES,
    SETTINGS,
    SUMMARY,
    HostRow,
    flatten,
    read_rows,
    write_samples,
)
from aiida_hpaint.science.benchmark.statistics.summary import summarise
from aiida_hpaint.science.benchmark.workers import measure_hosts
from aiida_hpaint.science.diffusion.sampling.generators import identify_generator
from aiida_hpaint.science.outputs import lock_folder, replace_text
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.settings import PotentialSettings, RestorationSettings
from aiida_hpaint.science.structures.safe_text import make_safe_names
from aiida_hpaint.science.types import Progress


def run_benchmark(
    references: References,
    settings: RestorationSettings,
    folder: Path,
    *,
    relaxed: bool = True,
    processes: int = 1,
    potentials: Mapping[str, PotentialSettings] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure all hosts that an earlier run in the folder has not, and return the summary.

    Parameters
    ----------
    folder
        Folder for settings.json, rows.jsonl, samples.csv and summary.json.
    relaxed
        Whether samples are relaxed and ranked, or compared as sampled.
    processes
        Number of hosts that are measured in parallel, each on one core.
    potentials
        Other potentials that evaluate the relaxed structures, see `find_usable_potentials`.

    Raises
    ------
    ValueError
        If the folder holds a run with other settings or references.
    CheckpointError, PotentialError
        If a model or a potential cannot be loaded.
    OutputError
        If another process uses the folder, or it cannot be written.
    """
    with lock_folder(folder):
        potentials = potentials or {}
        open_folder(folder, references, settings, relaxed, potentials)
        rows = read_rows(folder)
        finished = {row.index for row in rows}
        places = [i for i, index in enumerate(references.indices) if int(index) not in finished]
        # The largest first: a long job at the end would keep one core busy and the others waiting.
        todo = sorted(places, key=lambda place: -int(references.hosts.site_counts[place]))
        total = len(references.indices)
        _tell(progress, len(rows), total)
        remove_partial_line(folder / ROWS)
        with (folder / ROWS).open("a", encoding="utf-8") as file:
            for row in measure_hosts(references, todo, settings, processes, relaxed, potentials):
                file.write(row.model_dump_json() + "\n")
                file.flush()
                rows.append(row)
                _tell(progress, len(rows), total)
        return write_results(folder, rows, settings.ranking_potential.name)


def open_folder(
    folder: Path,
    references: References,
    settings: RestorationSettings,
    relaxed: bool = True,
    potentials: Mapping[str, PotentialSettings] | None = None,
) -> None:
    """Write the settings of a run into its folder, or check that those in it are the same.

    The version may differ: a new one continues the run of an older one.

    Raises
    ------
    ValueError
        If the folder holds a run with other settings.
    """
    wanted: dict[str, Any] = {**references.source, "models": _hash_models(settings, relaxed)}
    wanted |= {
        "relaxed": relaxed,
        "settings": settings.model_dump(mode="json"),
        "hosts": len(references.indices),
    }
    if potentials:
        cards = {name: get_potential(some).card for name, some in potentials.items()}
        wanted["potentials"] = {name: card.sha256 for name, card in cards.items()}
    path = folder / SETTINGS
    if not path.exists():
        replace_text(path, json.dumps({"version": __version__, **wanted}, indent=2) + "\n")
        return
    try:
        known = flatten(_add_defaults(json.loads(path.read_text(encoding="utf-8"))))
    except (ValueError, AttributeError, TypeError):
        raise ValueError(
            f"{path} is not the settings file of a benchmark: choose another folder"
        ) from None
    known.pop("version", None)
    asked = flatten(wanted)
    other = [key for key in {**known, **asked} if known.get(key) != asked.get(key)]
    if other:
        lines = (
            f"  {key}: {known.get(key)} in the folder, {asked.get(key)} requested" for key in other
        )
        raise ValueError(
            f"{folder} holds a run with other settings:\n" + "\n".join(lines) + "\n"
            "Use the same settings to continue it, or choose another folder."
        )


def _add_defaults(known: dict[str, Any]) -> dict[str, Any]:
    """Add defaults of settings that an earlier version did not have."""
    try:
        settings = RestorationSettings.model_validate(known["settings"])
    except (KeyError, ValidationError):
        return known
    return {**known, "settings": settings.model_dump(mode="json")}


def _hash_models(settings: RestorationSettings, relaxed: bool) -> dict[str, Any]:
    """Return the hashes of the generator and of the potentials."""
    generator = identify_generator(settings.require_sampling().generator)
    potential = get_potential(settings.potential).card.as_json() if relaxed else {}
    found = {
        "generator": generator.get("sha256", generator.get("package_version")),
        "potential": potential.get("sha256"),
    }
    if relaxed and settings.rerank is not None:
        found["rerank"] = get_potential(settings.rerank).card.sha256
    return found


def remove_partial_line(path: Path) -> None:
    """Remove a last line that a killed run left unfinished."""
    if path.exists():
        text = path.read_bytes()
        if not text.endswith(b"\n"):
            path.write_bytes(text[: text.rfind(b"\n") + 1])


def write_results(folder: Path, rows: Sequence[HostRow], potential: str) -> dict[str, Any]:
    """Write samples.csv and summary.json, and return the summary."""
    rows = sorted(rows, key=lambda row: row.index)
    summary = summarise(rows, potential)
    write_samples(rows, folder / SAMPLES)
    text = json.dumps(summary, indent=2, allow_nan=False, ensure_ascii=False)
    replace_text(folder / SUMMARY, text + "\n")
    return summary


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total, "hosts")


def list_runs(
    sets: Mapping[str, References],
    settings: RestorationSettings,
    generators: Sequence[str] = (),
) -> dict[str, tuple[References, RestorationSettings]]:
    """Return references and settings of a run for each set and generator, by their names.

    Without generators it is that of the settings. The names of sets or of generators are left out
    where there is only one.

    Raises
    ------
    ValueError
        If a generator is named twice.
    """
    runs = {}
    for generator in generators or [settings.require_sampling().generator]:
        sampling = settings.require_sampling().model_copy(update={"generator": generator})
        variant = settings.model_copy(update={"sampling": sampling})
        for name, references in sets.items():
            parts = [name] if len(sets) > 1 else []
            parts += [generator] if len(generators) > 1 or len(sets) == 1 else []
            if ", ".join(parts) in runs:
                raise ValueError(f"generator {generator} is named twice: compare different ones")
            runs[", ".join(parts)] = references, variant
    return runs


def run_side_by_side(
    runs: Mapping[str, tuple[References, RestorationSettings]],
    folder: Path,
    *,
    relaxed: bool = True,
    processes: int = 1,
    potentials: Mapping[str, PotentialSettings] | None = None,
    progress: Progress | None = None,
) -> dict[str, dict[str, Any]]:
    """Measure each of the runs of `list_runs`, and return the summaries by their names.

    A single run has its files in the folder itself, see `run_benchmark`. Several have a folder in
    it each, and `comparison.json` maps names to folders.

    Raises
    ------
    ValueError
        If a folder holds a run with other settings.
    OutputError
        If another process uses the folder, or it cannot be written.
    """
    names = dict(zip(runs, name_folders(list(runs)), strict=True))
    folders = {name: folder / names[name] if len(runs) > 1 else folder for name in runs}
    with lock_folder(folder):
        for name, (references, settings) in runs.items():
            open_folder(folders[name], references, settings, relaxed, potentials)
        if len(runs) > 1:
            replace_text(folder / COMPARISON, json.dumps(names, indent=2) + "\n")
        summaries = {}
        for name, (references, settings) in runs.items():

            def tell(done: int, total: int, text: str, name: str = name) -> None:
                if progress is not None:
                    progress(done, total, f"{names[name]}: {text}" if len(runs) > 1 else text)

            summaries[name] = run_benchmark(
                references,
                settings,
                folders[name],
                relaxed=relaxed,
                processes=processes,
                potentials=potentials,
                progress=tell,
            )
        return summaries


def name_folders(names: Sequence[str]) -> list[str]:
    """Return a unique folder name for each run of `list_runs`; files of models by their stem."""
    parts = [
        [Path(part).stem if part.endswith(".safetensors") else part for part in name.split(", ")]
        for name in names
    ]
    return make_safe_names("-".join(some) for some in parts)
