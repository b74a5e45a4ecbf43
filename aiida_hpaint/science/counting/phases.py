"""Competing phases, relaxed with their cells by the potential that also relaxes the host."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE

from aiida_hpaint import __version__
from aiida_hpaint.science.counting.prototypes import generate_prototypes, is_molecule
from aiida_hpaint.science.counting.settings import CountingSettings
from aiida_hpaint.science.counting.stress import StressCalculator
from aiida_hpaint.science.files import find_cache_folder
from aiida_hpaint.science.outputs import replace_text
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

FMAX = 0.05
"""Convergence threshold of forces on atoms and on the cell, eV/Å."""
MAX_STEPS = 60
SCALES = np.linspace(0.85, 1.3, 10)
"""Factors of the lattice vectors; the relaxation starts from the lowest in energy."""
LARGEST_STRETCH = 2.5
"""Largest factor by which the volume may change; beyond it, the phase is another one."""


@dataclass(frozen=True)
class Phase:
    """One competing phase.

    Attributes
    ----------
    name
        Formula and prototype, or the label in the user's file.
    composition
        Number of atoms of each element in the cell.
    energy
        Energy of the relaxed cell, in eV.
    source
        'packaged' or 'given'.
    """

    name: str
    composition: Mapping[str, int]
    energy: float
    source: str = "packaged"

    def as_json(self) -> dict[str, Any]:
        """Return the phase as JSON."""
        return asdict(self)


def relax_packaged_phases(
    elements: Sequence[str], potential: Potential, *, progress: Progress | None = None
) -> list[Phase]:
    """Relax the prototypes of phases of these elements, and cache their energies.

    The cache is one file for each model, in the folder of `find_cache_folder`.
    """
    known = _read_cache(potential)
    found, prototypes = [], list(generate_prototypes(elements))
    for done, atoms in enumerate(prototypes):
        name = atoms.info["name"]
        if name not in known:
            relaxed = relax_cell(atoms, potential)
            known[name] = None if relaxed is None else float(relaxed.info["energy"])
            _write_cache(potential, known)
        energy = known[name]
        if energy is not None:
            found.append(Phase(name, dict(atoms.symbols.formula.count()), energy))
        if progress is not None:
            progress(done + 1, len(prototypes), "phases")
    return found


def make_phase_batch(
    elements: Sequence[str],
    given: Iterable[str | Path | StructureBatch] = (),
    packaged: bool = True,
) -> StructureBatch | None:
    """Make a batch of phases to relax, given and packaged ones; return None if there are none.

    Structures with further elements are ignored. The scalar `packaged` distinguishes the kinds.

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
    frames = list(generate_prototypes(elements)) if packaged else []
    if frames:
        named = replace(from_ase(frames), labels=tuple(atoms.info["name"] for atoms in frames))
        batches.append(named.with_scalars(packaged=[True] * len(named)))
    if not batches:
        return None
    every = concatenate(batches)
    return every.with_scalars(status=[SampleStatus.SAMPLED.value] * len(every))


def list_elements(host: StructureBatch, settings: CountingSettings) -> list[str]:
    """Return the elements of the host and the missing one in alphabetical order."""
    return sorted({*map(get_symbol, host.numbers.tolist()), settings.element})


def check_elemental_phases(elements: Sequence[str], made_of: Iterable[Collection[str]]) -> None:
    """Check that there is an elemental phase of each element.

    Parameters
    ----------
    elements
        Elements to check.
    made_of
        Elements of each phase.

    Raises
    ------
    ValueError
        If there is none of an element; the message names it.
    """
    if lacking := ", ".join(find_missing_phases(elements, made_of)):
        raise ValueError(f"no phase is {lacking} alone: give one, as a file with --phases")


def find_missing_phases(elements: Sequence[str], made_of: Iterable[Collection[str]]) -> list[str]:
    """Find the elements of which there is no elemental phase."""
    alone = {next(iter(symbols)) for symbols in made_of if len(symbols) == 1}
    return [symbol for symbol in elements if symbol not in alone]


def relax_phases(
    batch: StructureBatch, potential: Potential, *, progress: Progress | None = None
) -> StructureBatch:
    """Return the phases with relaxed cells, statuses and `energy` (eV; NaN where one failed)."""
    done: list[StructureBatch] = []
    for index, (one, atoms) in enumerate(zip(batch, to_ase(batch), strict=True)):
        atoms.info["name"] = one.labels[0]
        relaxed = relax_cell(atoms, potential)
        energy = np.nan
        if relaxed is not None:
            energy = float(relaxed.info["energy"])
            frac = relaxed.get_scaled_positions(wrap=False)
            one = replace(one, cells=relaxed.cell.array[None], frac_coords=frac)
        status = SampleStatus.FAILED if relaxed is None else SampleStatus.CONVERGED
        done.append(one.with_scalars(energy=[energy], status=[status.value]))
        if progress is not None:
            progress(index + 1, len(batch), "phases")
    record = {"stage": "phases", "version": __version__, "model": potential.card.as_json()}
    return concatenate(done).with_history(record)


def collect_phases(batch: StructureBatch) -> list[Phase]:
    """Return the relaxed phases of a batch that have an energy; those of a failed job have none."""
    found: list[Phase] = []
    for one in batch if "energy" in batch.scalars else ():
        energy = float(one.scalars["energy"][0])
        if np.isfinite(energy):
            made_of = dict(Counter(get_symbol(number) for number in one.numbers.tolist()))
            source = "packaged" if one.scalars["packaged"][0] else "given"
            found.append(Phase(one.labels[0], made_of, energy, source))
    return found


def list_lost_phases(batch: StructureBatch) -> list[str]:
    """Return the names of given phases that have no energy after their relaxation.

    Of packaged prototypes many fall apart, since no crystal has them.
    """
    energies = batch.scalars.get("energy", np.full(len(batch), np.nan))
    is_lost = ~np.isfinite(energies) & ~batch.scalars["packaged"].astype(bool)
    return [batch.labels[row] for row in np.flatnonzero(is_lost).tolist()]


def relax_cell(atoms: Atoms, potential: Potential) -> Atoms | None:
    """Relax a phase with its cell; return None if it does not stay intact.

    The energy (eV) is in `info`. Cells of molecules are not relaxed. `atoms` is not changed.
    """
    relaxed = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    molecular = is_molecule(atoms)
    if not molecular:
        _scale_to_lowest(relaxed, potential)
    start = relaxed.get_volume()
    relaxed.calc = StressCalculator(potential)
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
    implausible = floor is not None and energy < floor * len(relaxed)
    return relaxed if np.isfinite(energy) and intact and not implausible else None


def _scale_to_lowest(atoms: Atoms, potential: Potential) -> None:
    """Scale the atoms to the size with the lowest energy among `SCALES`."""
    cells = SCALES[:, None, None] * atoms.cell.array
    positions = atoms.get_scaled_positions()[None] @ cells
    count = len(SCALES)
    found = potential.evaluate(
        np.tile(atoms.numbers, count), positions.reshape(-1, 3), cells, np.full(count, len(atoms))
    )
    atoms.set_cell(cells[int(np.argmin(found.energies))], scale_atoms=True)


def _find_cache_file(potential: Potential) -> Path | None:
    """Return the cache of this model; None if the model has no hash."""
    card = potential.card
    if card.sha256 is None:
        return None
    return find_cache_folder() / f"phases-{card.name}-{card.sha256[:16]}-{__version__}.json"


def _read_cache(potential: Potential) -> dict[str, float | None]:
    path = _find_cache_file(potential)
    if path is None:
        return {}
    try:
        found: dict[str, float | None] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _write_cache(potential: Potential, phases: Mapping[str, float | None]) -> None:
    """Write the cache if possible, by renaming, so that no process reads an incomplete file."""
    path = _find_cache_file(potential)
    if path is None:
        return
    try:
        replace_text(path, json.dumps(dict(phases), indent=1))
    except OSError:
        return
