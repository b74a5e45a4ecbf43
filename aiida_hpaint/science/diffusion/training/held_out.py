"""Search for training structures that match held-out ones."""

from __future__ import annotations

import csv
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from aiida_hpaint.science.diffusion.training.prototypes import prototype_label
from aiida_hpaint.science.diffusion.training.structures import TrainingCrystal, TrainingStructures
from aiida_hpaint.science.outputs import replace_file
from aiida_hpaint.science.structures.safe_text import escape_for_spreadsheet


@dataclass(frozen=True)
class HeldOutMatch:
    """A training structure that matches a held-out one.

    Attributes
    ----------
    index : index of the training structure.
    label, held_out : names of both.
    reason : 'structure' if StructureMatcher finds them equal, else the label of their prototype.
    """

    index: int
    label: str
    held_out: str
    reason: str


def find_held_out(
    training: TrainingStructures,
    held_out: TrainingStructures,
    by: Literal["structure", "prototype"] = "structure",
) -> list[HeldOutMatch]:
    """Find training structures that match a held-out one.

    Structures are compared by pymatgen's StructureMatcher with its defaults and, with 'prototype',
    also by `prototype_label`. Both need equal reduced formulas, so only such pairs are compared.
    """
    wanted = defaultdict(list)
    for index, formula in enumerate(formula_keys(held_out)):
        wanted[formula].append(index)
    finder = _Finder(held_out, by)
    removals = []
    for index, formula in enumerate(formula_keys(training)):
        if formula in wanted:
            found = finder.find(training.crystal(index), wanted[formula])
            if found is not None:
                label = str(training.labels[training.chosen[index]])
                removals.append(HeldOutMatch(index, label, *found))
    return removals


def formula_keys(structures: TrainingStructures) -> list[bytes]:
    """Return keys (S,) that are equal where reduced formulas are equal."""
    numbers = np.asarray(structures.numbers)
    keys = []
    for row in structures.chosen:
        start = structures.starts[row]
        species = np.bincount(numbers[start : start + structures.counts[row]])
        present = np.flatnonzero(species)
        ratios = species[present] // np.gcd.reduce(species[present])
        keys.append(np.concatenate([present, ratios]).tobytes())
    return keys


def write_matches(removals: list[HeldOutMatch], path: Path) -> None:
    """Write the matches and their reasons as CSV."""
    with replace_file(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["removed", "like", "by"])
        for removal in removals:
            cells = (removal.label, removal.held_out, removal.reason)
            writer.writerow(map(escape_for_spreadsheet, cells))


class _Finder:
    """Comparison with held-out structures, each of which is prepared once."""

    def __init__(self, held_out: TrainingStructures, by: str) -> None:
        self.held_out, self.by = held_out, by
        self.matcher = StructureMatcher()
        self.structures: dict[int, Structure] = {}
        self.prototypes: dict[int, str | None] = {}

    def find(self, crystal: TrainingCrystal, candidates: list[int]) -> tuple[str, str] | None:
        """Return the name of the held-out structure that a crystal matches, and the reason."""
        structure = _structure(crystal)
        for index in candidates:
            if self._matches(structure, index):
                return self._name(index), "structure"
        if self.by == "prototype" and (label := _prototype(crystal)) is not None:
            for index in candidates:
                if self._prototype(index) == label:
                    return self._name(index), label
        return None

    def _matches(self, structure: Structure, index: int) -> bool:
        if index not in self.structures:
            self.structures[index] = _structure(self.held_out.crystal(index))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return bool(self.matcher.fit(structure, self.structures[index]))

    def _prototype(self, index: int) -> str | None:
        if index not in self.prototypes:
            self.prototypes[index] = _prototype(self.held_out.crystal(index))
        return self.prototypes[index]

    def _name(self, index: int) -> str:
        return str(self.held_out.labels[self.held_out.chosen[index]])


def _structure(crystal: TrainingCrystal) -> Structure:
    return Structure(Lattice(crystal.cell), crystal.numbers.tolist(), crystal.frac)


def _prototype(crystal: TrainingCrystal) -> str | None:
    numbers: NDArray[np.int64] = crystal.numbers
    return prototype_label(numbers, crystal.frac, crystal.cell)
