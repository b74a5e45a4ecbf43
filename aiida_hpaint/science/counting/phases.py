"""Energies of competing phases, relaxed with their cells by the potential that counts."""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE

from aiida_hpaint import __version__
from aiida_hpaint.science.counting.prototypes import is_molecule, prototypes
from aiida_hpaint.science.counting.strain import StrainCalculator
from aiida_hpaint.science.relaxation.potentials import Potential
from aiida_hpaint.science.structures import (
    SampleStatus,
    StructureBatch,
    concatenate,
    from_ase,
    read_hosts,
    to_ase,
)
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.types import Progress

CACHE_VARIABLE = "AIIDA_HPAINT_CACHE"
FMAX = 0.05
"""eV/Å, on sites and on the cell."""
MAX_STEPS = 60
SCALES = np.linspace(0.85, 1.3, 10)
"""Of all lengths of a prototype; the lowest of them is where its relaxation starts."""
LARGEST_STRETCH = 2.5
"""A phase whose volume changes by more than this in its relaxation has become another one."""


@dataclass(frozen=True)
class Phase:
    """One competing phase.

    Attributes
    ----------
    name
        Formula and prototype, or the label in the user's file.
    composition
        Sites of the cell by element.
    energy
        Of the cell, relaxed, in eV.
    source
        'packaged' or 'given'.
    """

    name: str
    composition: Mapping[str, int]
    energy: float
    source: str = "packaged"

    def as_json(self) -> dict[str, Any]:
        """The phase as JSON."""
        return asdict(self)


def packaged_phases(
    elements: Sequence[str], potential: Potential, *, progress: Progress | None = None
) -> list[Phase]:
    """Prototypes of these elements, relaxed; what was relaxed before is taken from the cache.

    The cache is a file for each model in the folder of the environment variable
    AIIDA_HPAINT_CACHE, else among the user's caches (XDG_CACHE_HOME, by default ~/.cache).
    """
    known = _read_cache(potential)
    found, wanted = [], list(prototypes(elements))
    for done, atoms in enumerate(wanted):
        name = atoms.info["name"]
        if name not in known:
            relaxed = relax_cell(atoms, potential)
            known[name] = None if relaxed is None else float(relaxed.info["energy"])
            _write_cache(potential, known)
        energy = known[name]
        if energy is not None:
            found.append(Phase(name, dict(atoms.symbols.formula.count()), energy))
        _tell(progress, done + 1, len(wanted))
    return found


def phase_batch(
    elements: Sequence[str],
    given: Iterable[str | Path | StructureBatch] = (),
    packaged: bool = True,
) -> StructureBatch | None:
    """Phases that wait for their relaxation: those given, and packaged ones; None without any.

    Structures that hold an element besides these are left out. The scalar `packaged` tells the
    two kinds apart.

    Raises
    ------
    HostError
        If a file cannot be read.
    """
    batches = []
    for source in given:
        batch = read_hosts(source)
        fits = [set(map(get_symbol, one.numbers.tolist())) <= set(elements) for one in batch]
        if any(fits):
            own = replace(batch[np.flatnonzero(fits)], scalars={})
            batches.append(own.with_scalars(packaged=[False] * len(own)))
    frames = list(prototypes(elements)) if packaged else []
    if frames:
        named = replace(from_ase(frames), labels=tuple(atoms.info["name"] for atoms in frames))
        batches.append(named.with_scalars(packaged=[True] * len(named)))
    if not batches:
        return None
    every = concatenate(batches)
    return every.with_scalars(status=[SampleStatus.SAMPLED.value] * len(every))


def relax_phases(
    batch: StructureBatch, potential: Potential, *, progress: Progress | None = None
) -> StructureBatch:
    """Return the phases with relaxed cells, statuses and `energy` (eV; NaN where one failed)."""
    done: list[StructureBatch] = []
    for index, (one, atoms) in enumerate(zip(batch, to_ase(batch), strict=True)):
        atoms.info["name"] = one.labels[0]
        relaxed = relax_cell(atoms, potential)
        kept = one if relaxed is None else _moved(one, relaxed)
        energy = np.nan if relaxed is None else float(relaxed.info["energy"])
        status = SampleStatus.FAILED if relaxed is None else SampleStatus.CONVERGED
        done.append(kept.with_scalars(energy=[energy], status=[status.value]))
        _tell(progress, index + 1, len(batch))
    record = {"stage": "phases", "version": __version__, "model": potential.card.as_json()}
    return concatenate(done).with_history(record)


def phases_of(batch: StructureBatch) -> list[Phase]:
    """The relaxed phases of a batch; those without an energy are left out."""
    found = []
    for one in batch:
        energy = float(one.scalars["energy"][0])
        if np.isfinite(energy):
            made_of = dict(Counter(get_symbol(number) for number in one.numbers.tolist()))
            source = "packaged" if one.scalars["packaged"][0] else "given"
            found.append(Phase(one.labels[0], made_of, energy, source))
    return found


def relax_cell(atoms: Atoms, potential: Potential) -> Atoms | None:
    """A phase with its sites and cell relaxed, its energy (eV) in `info`; None if it falls apart.

    Molecules keep their box. The structure that is given is not changed.
    """
    relaxed = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    molecular = is_molecule(atoms)
    if not molecular:
        _scale(relaxed, potential)
    start = relaxed.get_volume()
    relaxed.calc = StrainCalculator(potential)
    target = relaxed if molecular else FrechetCellFilter(relaxed)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            FIRE(target, logfile=None, dt=0.2, maxstep=0.1).run(fmax=FMAX, steps=MAX_STEPS)
            energy = float(relaxed.get_potential_energy())
    except (ValueError, ArithmeticError, np.linalg.LinAlgError, RuntimeError):
        return None
    relaxed.info["energy"] = energy
    stretch = relaxed.get_volume() / start
    intact = 1 / LARGEST_STRETCH < stretch < LARGEST_STRETCH
    floor = potential.card.lowest_energy
    absurd = floor is not None and energy < floor * len(relaxed)
    return relaxed if np.isfinite(energy) and intact and not absurd else None


def _moved(one: StructureBatch, atoms: Atoms) -> StructureBatch:
    frac = atoms.get_scaled_positions(wrap=False)
    return replace(one, cells=atoms.cell.array[None], frac_coords=frac)


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total, "phases")


def _scale(atoms: Atoms, potential: Potential) -> None:
    """Give the atoms the lowest of some sizes."""
    cells = SCALES[:, None, None] * atoms.cell.array
    positions = atoms.get_scaled_positions()[None] @ cells
    count = len(SCALES)
    found = potential.evaluate(
        np.tile(atoms.numbers, count), positions.reshape(-1, 3), cells, np.full(count, len(atoms))
    )
    atoms.set_cell(cells[int(np.argmin(found.energies))], scale_atoms=True)


def _cache_file(potential: Potential) -> Path | None:
    """Return the cache of this model; None if no hash proves which model it is."""
    card = potential.card
    if card.sha256 is None:
        return None
    chosen = os.environ.get(CACHE_VARIABLE)
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(chosen) if chosen else Path(base) / "aiida-hpaint"
    return folder.expanduser() / f"phases-{card.name}-{card.sha256[:16]}-{__version__}.json"


def _read_cache(potential: Potential) -> dict[str, float | None]:
    path = _cache_file(potential)
    if path is None:
        return {}
    try:
        found: dict[str, float | None] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _write_cache(potential: Potential, phases: Mapping[str, float | None]) -> None:
    """Keep what was computed, where that is possible; nobody ever reads half a file."""
    path = _cache_file(potential)
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(dict(phases), indent=1), encoding="utf-8")
        part.replace(path)
    except OSError:
        return
