"""Criteria of success: what has to be true of the lowest candidate, or of the answer."""

from __future__ import annotations

from collections.abc import Callable

from aiida_hpaint.science.benchmark.statistics.rows import HostRow, SampleRow

CLOSE = 0.3
"""Distance in Å up to which an inserted site is where the reference has it."""

WITHIN = 0.001
"""Energy in eV per atom up to which a candidate is as low as the reference."""


def is_correct(row: HostRow, sample: SampleRow) -> bool:
    """Return whether a sample matches the reference, of a host with a ranked sample."""
    return row.lowest is not None and sample.match is True


def is_success(row: HostRow, sample: SampleRow) -> bool:
    """Return whether a sample matches the reference or is lower in energy (LES)."""
    return is_correct(row, sample) or (row.lowest is not None and _is_below(sample))


def is_success_in_host(row: HostRow, sample: SampleRow) -> bool:
    """Return whether a sample matches, or is lower in energy with the host kept."""
    return is_correct(row, sample) or _is_sound(sample, passes=None)


def is_strict_success(row: HostRow, sample: SampleRow) -> bool:
    """Return whether a sample matches the reference, as given or relaxed, or is soundly lower.

    It is if the host is kept and all checks are passed.
    """
    return is_correct(row, sample) or sample.match_relaxed is True or _is_sound(sample)


def is_success_within(row: HostRow, sample: SampleRow) -> bool:
    """Return `is_strict_success`, with 1 meV/atom above the reference counted as lower."""
    return is_strict_success(row, sample) or _is_sound(sample, WITHIN)


def is_close(row: HostRow, sample: SampleRow) -> bool:
    """Return whether all inserted sites are within 0.3 Å of those of the reference.

    The reference is taken as given and relaxed: X-rays see H too close to the atom it is bonded to.
    """
    worst = (sample.worst_inserted, sample.worst_inserted_relaxed)
    return any(value is not None and value < CLOSE for value in worst)


def is_close_success(row: HostRow, sample: SampleRow) -> bool:
    """Return `is_strict_success`, with `is_close` in the place of a match."""
    return is_close(row, sample) or _is_sound(sample)


def has_group(row: HostRow, sample: SampleRow) -> bool:
    """Return whether a sample has the space group of the reference, of whatever arrangement."""
    return sample.space_group is not None and sample.space_group == row.reference_group


LOWEST: dict[str, Callable[[HostRow, SampleRow], bool]] = {
    "lowest_match": is_correct,
    "lowest_close": is_close,
    "les": is_success,
    "les_host_kept": is_success_in_host,
}
"""Criteria of the lowest candidate, by their names in the summary."""

ANSWER: dict[str, Callable[[HostRow, SampleRow], bool]] = {
    "les_strict": is_strict_success,
    "les_within": is_success_within,
    "les_close": is_close_success,
}
"""Criteria of the answer, which passes the checks where any candidate does."""


def compare_with_relaxed(row: HostRow) -> HostRow:
    """Return a row whose energies are compared with the reference with all sites relaxed.

    This differs where hosts were put back, see `SampleRow.energy_difference`.
    """
    samples = [
        one
        if one.energy_difference is None or one.energy is None or row.reference_energy is None
        else one.model_copy(
            update={"energy_difference": (one.energy - row.reference_energy) / row.sites}
        )
        for one in row.samples
    ]
    return row.model_copy(update={"samples": tuple(samples)})


def is_right(row: HostRow) -> bool:
    """Return whether the answer of a host is right, which its confidence is about."""
    return row.answer is not None and is_strict_success(row, row.answer)


def _is_below(sample: SampleRow, margin: float = 0.0) -> bool:
    return sample.energy_difference is not None and sample.energy_difference < margin


def _is_sound(sample: SampleRow, margin: float = 0.0, passes: bool | None = True) -> bool:
    """Return whether a sample is lower with the host kept, and passes where that is asked for."""
    kept = sample.host_match is True and (passes is None or sample.passes is passes)
    return kept and _is_below(sample, margin)
