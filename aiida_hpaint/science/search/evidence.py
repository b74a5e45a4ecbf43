"""Evidence: what the samples of a host say about arrangements that nobody has seen yet.

The more often independent samples end in the lowest arrangement, the less likely is a lower one
that all of them missed. The share of samples that ended where no other did estimates the
probability that the next sample ends in a new arrangement (Good, Biometrika 1953, 40, 237).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aiida_hpaint.science.evaluation.duplicates import find_repeated
from aiida_hpaint.science.plausibility import count_misplaced
from aiida_hpaint.science.settings import SearchSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED, INDEPENDENT, SYMMETRISED
from aiida_hpaint.science.structures.status import EVALUATED, RELAXED, SampleStatus
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Evidence:
    """Samples of one host, and the arrangements that they ended in.

    Attributes
    ----------
    samples
        S samples of the host, with the scalars that relaxations add.
    energies : (S,)
        Energies in eV, with what counts against H at wrong atoms; NaN where there is none.
    groups : (S,)
        Row of the sample that stands for the arrangement in which each sample ended: a relaxed
        one, where there is one. -1 for samples without an outcome.
    """

    samples: StructureBatch
    energies: FloatArray
    groups: IntArray

    @classmethod
    def collect(cls, samples: StructureBatch, same: float, misplaced: float = 0.0) -> Evidence:
        """Collect the evidence of a host.

        Parameters
        ----------
        samples
            All samples of the host.
        same
            Distance in Å within which all inserted sites of equal arrangements agree.
        misplaced
            Energy in eV that counts against each H that is not where the budget says.
        """
        penalties = misplaced * np.maximum(count_misplaced(samples), 0) if misplaced else 0.0
        energies = samples.scalars["energy"] + penalties
        return cls(samples, energies, _find_groups(samples, energies, same))

    @cached_property
    def found(self) -> IntArray:
        """(S,) number of independent samples that ended in the same arrangement as each sample."""
        independent = np.isin(self.samples.scalars["origin"], INDEPENDENT) & (self.groups >= 0)
        counts = np.bincount(self.groups[independent], minlength=len(self.samples))
        return np.where(self.groups >= 0, counts[self.groups], 0).astype(np.int64)

    @cached_property
    def repeats(self) -> IntArray:
        """(S,) number of other samples, symmetrised ones left out, that ended where each did."""
        counts_itself = self.samples.scalars["origin"] != SYMMETRISED
        counted = self.groups[counts_itself & (self.groups >= 0)]
        counts = np.bincount(counted, minlength=len(self.samples))
        return np.where(self.groups >= 0, counts[self.groups] - counts_itself, 0).astype(np.int64)

    @cached_property
    def lowest(self) -> IntArray:
        """Rows of the distinct relaxed arrangements, the lowest first."""
        rows = np.flatnonzero(_is_relaxed(self.samples) & (self.groups == np.arange(len(self))))
        return rows[np.argsort(self.energies[rows], kind="stable")]

    @property
    def is_saturated(self) -> bool:
        """Whether the last round found nothing lower, only the lowest arrangement again."""
        if not self.round or not len(self.lowest):
            return False
        lowest = int(self.lowest[0])
        rounds = self.samples.scalars["round"]
        again = (self.groups == lowest) & (rounds == self.round)
        return bool(rounds[lowest] < self.round and again.any())

    @cached_property
    def rediscoveries(self) -> int:
        """Number of samples, of whatever origin, that ended in the lowest arrangement."""
        return int((self.groups == self.lowest[0]).sum()) if len(self.lowest) else 0

    @cached_property
    def drawn_groups(self) -> IntArray:
        """Groups of the samples that the generator drew for the whole host, where they ended."""
        drawn = self.groups[self.samples.scalars["origin"] == GENERATED]
        return np.asarray(drawn[drawn >= 0])

    @property
    def alone(self) -> int:
        """Number of samples of the generator that ended where no other of them did."""
        return int((np.bincount(self.drawn_groups) == 1).sum())

    @property
    def unseen(self) -> float:
        """Estimated probability that the next sample ends in an arrangement not seen before."""
        return self.alone / len(self.drawn_groups) if len(self.drawn_groups) else 1.0

    @property
    def host(self) -> int:
        """Index of the host."""
        return int(self.samples.scalars["host"][0])

    @property
    def round(self) -> int:
        """The last round of which there are samples."""
        return int(self.samples.scalars["round"].max(initial=0))

    @property
    def evaluations(self) -> int:
        """Evaluations of the potential so far."""
        return int(self.samples.scalars["steps"].sum())

    def suffices(self, settings: SearchSettings) -> bool:
        """Return whether the lowest arrangement is sure.

        It was found as often as the settings ask for and more often than samples ended alone, or
        more than once where hardly anything new is to be expected, or whatever a whole round tried
        only led back to it.
        """
        found = int(self.found[self.lowest[0]]) if len(self.lowest) else 0
        return (
            (found >= settings.agreement and found > self.alone)
            or (found > 1 and self.unseen < settings.unseen)
            or (self.is_saturated and self.rediscoveries >= settings.rediscoveries)
        )

    def asks_for_more(self, settings: SearchSettings) -> bool:
        """Return whether another round is to be made for the host."""
        left = self.round < settings.rounds and self.evaluations < settings.evaluations
        return left and not self.suffices(settings)

    def __len__(self) -> int:
        return len(self.samples)


def _find_groups(samples: StructureBatch, energies: FloatArray, same: float) -> IntArray:
    statuses, rows = samples.scalars["status"], np.arange(len(samples))
    is_duplicate = statuses == SampleStatus.DUPLICATE.value
    ended = is_duplicate | np.isin(statuses, [status.value for status in EVALUATED])
    ended &= np.isfinite(energies) & samples.placed
    order = np.lexsort((energies, ~_is_relaxed(samples)))
    groups = np.where(ended, rows, -1)
    for row, other in find_repeated(samples, order[ended[order]], same).items():
        groups[row] = other
    numbers = {number: row for row, number in enumerate(samples.scalars["sample"].tolist())}
    for row in np.flatnonzero(is_duplicate & ~ended).tolist():
        # What became of the sample that it repeats would have become of it.
        repeated = numbers.get(int(samples.scalars["same_as"][row]), -1)
        groups[row] = groups[repeated] if repeated >= 0 else -1
    return groups


def _is_relaxed(samples: StructureBatch) -> BoolArray:
    return np.isin(samples.scalars["status"], [status.value for status in RELAXED])
