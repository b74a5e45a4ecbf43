"""Substitution of elements in data: from source structures to a file for training."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from warnings import warn
from zipfile import BadZipFile

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.training.files import (
    describe_source,
    hash_source,
    load_structures,
    read_source,
)
from aiida_hpaint.science.diffusion.training.structures import TrainingStructures
from aiida_hpaint.science.outputs import lock_folder, replace_file, replace_text
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.elements import get_atomic_number
from aiida_hpaint.science.structures.npz import load_npz, save_npz
from aiida_hpaint.science.substitution.acceptance import find_acceptable, find_distinct
from aiida_hpaint.science.substitution.candidates import Candidate
from aiida_hpaint.science.substitution.relaxation import relax_candidates
from aiida_hpaint.science.substitution.settings import SubstitutionSettings, Swap
from aiida_hpaint.science.substitution.voids import VOID, mark_voids
from aiida_hpaint.science.types import Progress

RESULT = "exchanged.npz"
RECORD = "exchanged.json"


def substitute_elements(
    settings: SubstitutionSettings, *, progress: Progress | None = None
) -> Path:
    """Substitute elements in data, relax the results, and write the acceptable ones.

    An interrupted run continues with the next chunk: each finished chunk is a file. One that
    cannot be read is made again, with a warning.

    Returns
    -------
    path
        `exchanged.npz` in the output folder, a source of training data. `exchanged.json` beside it
        records the settings, and how many structures were tried and kept.

    Raises
    ------
    TrainingDataError
        If data cannot be read.
    ValueError
        If the swaps apply to no structure, or the folder holds a run with other settings.
    PotentialError
        If the potential is not available.
    OutputError
        If another process uses the output folder, or it cannot be written.
    """
    data = load_structures(settings.data)
    candidates = [
        candidate
        for place, swap in enumerate(settings.swaps)
        for candidate in _make_candidates(data, swap, place, settings)
    ]
    if not candidates:
        raise ValueError(
            f"no structure with at most {settings.max_sites} sites afterwards fits the swaps "
            f"{', '.join(map(str, settings.swaps))}: choose other swaps or a larger max_sites"
        )
    with lock_folder(settings.output):
        _write_settings(settings)
        parts = []
        for place, begin in enumerate(range(0, len(candidates), settings.chunk)):
            chunk = candidates[begin : begin + settings.chunk]
            parts.append(_chunk(settings, place, chunk))
            if progress is not None:
                progress(begin + len(chunk), len(candidates), "structures")
        return _finish(settings, data, concatenate(parts))


def _make_candidates(
    data: TrainingStructures, swap: Swap, place: int, settings: SubstitutionSettings
) -> list[Candidate]:
    """Choose structures that a swap applies to, in random order, up to its limit."""
    fits = ~data.contain(1)
    if swap.take != VOID:
        fits &= data.contain(swap.taken)
    for element in swap.beside:
        fits &= data.contain(get_atomic_number(element))
    for element in swap.without:
        fits &= ~data.contain(get_atomic_number(element))
    order = np.random.default_rng([settings.seed, place]).permutation(np.flatnonzero(fits))
    found: list[Candidate] = []
    for index in order.tolist():
        label = f"{data.labels[data.chosen[index]]}:{swap}"
        crystal, seed = data.crystal(index), (settings.seed, place, index)
        if swap.take == VOID:
            crystal = mark_voids(crystal, np.random.default_rng((*seed, 1)))
        candidate = Candidate(label, crystal, swap, seed)
        leaving = crystal.numbers == swap.taken
        if candidate.sites <= settings.max_sites and leaving.any() and not leaving.all():
            found.append(candidate)
        if len(found) == swap.limit:
            break
    return found


def _write_settings(settings: SubstitutionSettings) -> None:
    """Write the settings into the output folder, or compare them with those that are there."""
    wanted = json.loads(settings.model_dump_json(exclude={"output"}))
    path = settings.output / "settings.json"
    if not path.exists():
        replace_text(path, json.dumps(wanted, indent=2) + "\n")
    elif json.loads(path.read_text()) != wanted:
        raise ValueError(
            f"{settings.output} holds a run with other settings: choose another folder, or use the "
            "same settings to continue it"
        )


def _chunk(
    settings: SubstitutionSettings, place: int, candidates: list[Candidate]
) -> StructureBatch:
    """Relax the candidates of a chunk, or read what an earlier run made of them."""
    path = settings.output / f"chunk-{place:04d}.npz"
    if path.exists():
        try:
            return load_npz(path)
        except (OSError, ValueError, BadZipFile) as error:
            warn(f"{path} is damaged and is made again: {error}", stacklevel=2)
    save_npz(relax_candidates(candidates, settings), path)
    return load_npz(path)


def _finish(
    settings: SubstitutionSettings, data: TrainingStructures, structures: StructureBatch
) -> Path:
    good = structures[np.flatnonzero(find_acceptable(structures, settings.largest_force))]
    if not len(good):
        raise ValueError("no substituted structure is acceptable: choose other swaps")
    good = good[find_distinct(good)]
    path = settings.output / RESULT
    with replace_file(path) as part:
        np.savez_compressed(
            part,
            material_id=np.array(good.labels),
            num_atoms=good.site_counts,
            atomic_numbers=good.numbers,
            frac_coords=good.frac_coords.astype(np.float32),
            lattice=good.cells.astype(np.float32),
        )
    record = _record(settings, data, structures, good)
    replace_text(settings.output / RECORD, json.dumps(record, indent=2) + "\n")
    return path


def _record(
    settings: SubstitutionSettings,
    data: TrainingStructures,
    tried: StructureBatch,
    kept: StructureBatch,
) -> dict[str, Any]:
    kept_by_swap = Counter(label.rpartition(":")[2] for label in kept.labels)
    card = get_potential(settings.potential).card.as_json()
    return {
        "version": __version__,
        "settings": json.loads(settings.model_dump_json(exclude={"output"})),
        "data": [describe_source(source, read_source(source)) for source in settings.data],
        "potential": {key: card[key] for key in ("name", "package_version", "sha256")},
        "tried": dict(Counter(label.rpartition(":")[2] for label in tried.labels)),
        "kept": dict(kept_by_swap),
        "sha256": hash_source(settings.output / RESULT),
    }
