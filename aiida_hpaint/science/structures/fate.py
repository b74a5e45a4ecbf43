"""What became of a sample on its way from noise to a ranked candidate."""

from __future__ import annotations

from enum import Enum


class Fate(str, Enum):
    """The state of one sample; every sample of a host ends in exactly one of these."""

    SAMPLED = "sampled"
    """Drawn by a generator, not relaxed yet."""
    TOO_CLOSE = "too close"
    """Drawn with sites closer than any bond; not relaxed."""
    IMPLAUSIBLE = "implausible"
    """Drawn with surroundings that no chemistry has, like a stray H2; not relaxed."""
    DUPLICATE = "duplicate"
    """Equivalent to an earlier sample of the same host; not relaxed again."""
    CONVERGED = "converged"
    """Relaxed until the largest force fell below the limit."""
    NOT_CONVERGED = "not converged"
    """Relaxed to the step limit; energy and forces are of the last step."""
    OUTCLASSED = "outclassed"
    """Given up or held back because other samples of the host are far lower in energy."""
    COLLAPSED = "collapsed"
    """Sites fell onto each other during the relaxation, into a hole of the potential."""
    ABSURD_ENERGY = "absurd energy"
    """The potential returned an energy or force that no chemistry explains."""
    NOT_A_NUMBER = "not a number"
    """The potential or the network returned NaN or infinity."""
    UNFINISHED = "unfinished"
    """The walltime or memory ended the stage first; a restart goes on from here."""
    FAILED = "failed"
    """The stage raised an error for this sample; the history says which."""

    def __str__(self) -> str:
        return self.value


RELAXED = frozenset({Fate.CONVERGED, Fate.NOT_CONVERGED})
"""Fates whose energy may be compared and ranked."""

ALIVE = RELAXED | {Fate.SAMPLED, Fate.UNFINISHED}
"""Fates that a later stage takes up."""
