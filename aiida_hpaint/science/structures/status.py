"""What became of a sample on its way from noise to a ranked candidate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import Enum


class SampleStatus(str, Enum):
    """Status of a sample; every sample of a host ends in exactly one of these."""

    SAMPLED = "sampled"
    """Made by a generator, not relaxed yet."""
    TOO_CLOSE = "too close"
    """Sampled with sites closer than any bond; not relaxed."""
    IMPLAUSIBLE = "implausible"
    """Sampled with chemically implausible surroundings, like a stray H2; not relaxed."""
    DUPLICATE = "duplicate"
    """Equivalent to an earlier sample of the same host; not relaxed again."""
    CONVERGED = "converged"
    """Relaxed until the largest force fell below the limit."""
    NOT_CONVERGED = "not converged"
    """Relaxed to the step limit; energy and forces are those of the last step."""
    HIGHER_IN_ENERGY = "higher in energy"
    """Not relaxed to the end, since other samples of the host are far lower in energy."""
    COLLAPSED = "collapsed"
    """Sites fell onto each other during the relaxation, into a hole of the potential."""
    IMPLAUSIBLE_ENERGY = "implausible energy"
    """The potential returned an energy or force that no chemistry explains."""
    NOT_A_NUMBER = "not a number"
    """The potential or the network returned NaN or infinity."""
    UNFINISHED = "unfinished"
    """The walltime or memory limit ended the stage first; a restart continues from here."""
    FAILED = "failed"
    """The stage raised an error for this sample; its message is in the metadata."""

    def __str__(self) -> str:
        return self.value


RELAXED = frozenset({SampleStatus.CONVERGED, SampleStatus.NOT_CONVERGED})
"""Statuses of samples whose energies may be compared and ranked."""

EVALUATED = RELAXED | {SampleStatus.HIGHER_IN_ENERGY}
"""Statuses of samples that a potential was asked for, and that repeat no other."""

ACTIVE = RELAXED | {SampleStatus.SAMPLED, SampleStatus.UNFINISHED}
"""Statuses of samples that a later stage takes up."""

STATUS_DTYPE = f"U{max(map(len, SampleStatus))}"
"""Text type of NumPy that holds every status."""


_PHRASES = {
    SampleStatus.SAMPLED: "not relaxed",
    SampleStatus.TOO_CLOSE: "dropped: atoms closer than any bond",
    SampleStatus.IMPLAUSIBLE: "dropped: implausible, like a stray H2",
    SampleStatus.DUPLICATE: "the same as another sample",
    SampleStatus.CONVERGED: "relaxed",
    SampleStatus.NOT_CONVERGED: "relaxed up to the limit of steps",
    SampleStatus.HIGHER_IN_ENERGY: "dropped: higher in energy",
    SampleStatus.COLLAPSED: "collapsed when relaxed",
    SampleStatus.IMPLAUSIBLE_ENERGY: "of an energy or a force that no chemistry explains",
    SampleStatus.NOT_A_NUMBER: "without a finite energy or position",
    SampleStatus.UNFINISHED: "not finished in time",
    SampleStatus.FAILED: "failed with an error",
}


def describe_statuses(statuses: Iterable[str]) -> str:
    """Return how many samples have each status, in words and the most common first.

    Examples
    --------
    >>> describe_statuses(["duplicate", "converged", "duplicate"])
    '3 samples: 2 the same as another sample, 1 relaxed'
    """
    counts = Counter(map(str, statuses))
    parts = [f"{count} {_PHRASES[SampleStatus(one)]}" for one, count in counts.most_common()]
    number = sum(counts.values())
    return f"{number} sample{'s' * (number != 1)}: {', '.join(parts)}"
