"""exchange: from data and swaps to a file of relaxed structures that a training can read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.diffusion.training.files import (
    describe_source,
    hash_source,
    load_structures,
    read_source,
)
from aiida_hpaint.science.diffusion.training.structures import TrainingStructures
from aiida_hpaint.science.relaxation.potentials import get_potential
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.elements import get_atomic_number
from aiida_hpaint.science.structures.npz import load_npz, save_npz
from aiida_hpaint.science.substitution.acceptance import find_acceptable, find_distinct
from aiida_hpaint.science.substitution.candidates import Candidate
from aiida_hpaint.science.substitution.relaxation import relax_candidates
from aiida_hpaint.science.substitution.settings import SubstitutionSettings, Swap
from aiida_hpaint.science.types import Progress

RESULT = "exchanged.npz"
RECORD = "exchanged.json"


def substitute_elements(
    settings: SubstitutionSettings, *, progress: Progress | None = None
) -> Path:
    """Exchange elements in data, relax what results, and write what is sensible.

    A run that was stopped goes on where it was: each chunk of structures is a file of its own.

    Returns
    -------
    path
        `exchanged.npz` in the output folder, a source for a training; `exchanged.json` beside it
        says what it was made with and what was left out.

    Raises
    ------
    TrainingDataError
        If data cannot be read.
    ValueError
        If the swaps fit no structure, or the folder holds a run with other settings.
    PotentialError
        If the potential cannot be had.
    """
    data = load_structures(settings.data)
    blanks = [
        blank
        for place, swap in enumerate(settings.swaps)
        for blank in _blanks(data, swap, place, settings)
    ]
    if not blanks:
        raise ValueError(
            f"no structure has what {', '.join(map(str, settings.swaps))} takes and at most "
            f"{settings.max_sites} sites afterwards: choose other swaps or more sites"
        )
    _open(settings)
    chunks = [blanks[i : i + settings.chunk] for i in range(0, len(blanks), settings.chunk)]
    parts = []
    for place, chunk in enumerate(chunks):
        parts.append(_chunk(settings, place, chunk))
        if progress is not None:
            progress(min((place + 1) * settings.chunk, len(blanks)), len(blanks), "structures")
    return _finish(settings, data, concatenate(parts))


def _blanks(
    data: TrainingStructures, swap: Swap, place: int, settings: SubstitutionSettings
) -> list[Candidate]:
    """Structures that a swap fits, in a random order, as many as its limit allows."""
    fits = data.contain(get_atomic_number(swap.take)) & ~data.contain(1)
    for element in swap.beside:
        fits &= data.contain(get_atomic_number(element))
    order = np.random.default_rng([settings.seed, place]).permutation(np.flatnonzero(fits))
    found: list[Candidate] = []
    for index in order.tolist():
        label = f"{data.labels[data.chosen[index]]}:{swap}"
        blank = Candidate(label, data.crystal(index), swap, (settings.seed, place, index))
        if (
            blank.sites <= settings.max_sites
            and (blank.crystal.numbers != get_atomic_number(swap.take)).any()
        ):
            found.append(blank)
        if len(found) == swap.limit:
            break
    return found


def _open(settings: SubstitutionSettings) -> None:
    """Say in the folder what its chunks are made with."""
    asked = json.loads(settings.model_dump_json(exclude={"output"}))
    path = settings.output / "settings.json"
    if not path.exists():
        settings.output.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asked, indent=2) + "\n")
    elif json.loads(path.read_text()) != asked:
        raise ValueError(
            f"{settings.output} holds an exchange with other settings: choose another folder, or "
            "ask for the same to go on with it"
        )


def _chunk(settings: SubstitutionSettings, place: int, blanks: list[Candidate]) -> StructureBatch:
    path = settings.output / f"chunk-{place:04d}.npz"
    if not path.exists():
        save_npz(relax_candidates(blanks, settings), path)
    return load_npz(path)


def _finish(
    settings: SubstitutionSettings, data: TrainingStructures, structures: StructureBatch
) -> Path:
    good = structures[np.flatnonzero(find_acceptable(structures, settings.largest_force))]
    if not len(good):
        raise ValueError("no exchanged structure is sensible: choose other swaps")
    good = good[find_distinct(good)]
    path = settings.output / RESULT
    np.savez_compressed(
        path,
        material_id=np.array(good.labels),
        num_atoms=good.site_counts,
        atomic_numbers=good.numbers,
        frac_coords=good.frac_coords.astype(np.float32),
        lattice=good.cells.astype(np.float32),
    )
    (settings.output / RECORD).write_text(
        json.dumps(_record(settings, data, structures, good), indent=2) + "\n"
    )
    return path


def _record(
    settings: SubstitutionSettings,
    data: TrainingStructures,
    tried: StructureBatch,
    kept: StructureBatch,
) -> dict[str, Any]:
    by_swap = Counter(label.rpartition(":")[2] for label in kept.labels)
    card = get_potential(settings.potential).card.as_json()
    return {
        "version": __version__,
        "settings": json.loads(settings.model_dump_json(exclude={"output"})),
        "data": [describe_source(source, read_source(source)) for source in settings.data],
        "potential": {key: card[key] for key in ("name", "package_version", "sha256")},
        "tried": dict(Counter(label.rpartition(":")[2] for label in tried.labels)),
        "kept": dict(by_swap),
        "sha256": hash_source(settings.output / RESULT),
    }
