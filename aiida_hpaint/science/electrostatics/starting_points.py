"""Samples at maxima of potentials, from which a restoration can start instead of random noise."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.electrostatics.grid import PotentialGrid
from aiida_hpaint.science.electrostatics.peaks import Sites, find_sites
from aiida_hpaint.science.electrostatics.placement import place_lowest_arrangements
from aiida_hpaint.science.settings import PeaksSettings, PinballSettings, SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate, number_samples
from aiida_hpaint.science.structures.elements import get_symbol
from aiida_hpaint.science.structures.insertion import remove_inserted
from aiida_hpaint.science.structures.sample_origin import PEAKS
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.types import FloatArray

__all__ = [
    "check_one_element",
    "join_starting_points",
    "make_starting_points",
    "refine_starting_points",
    "select_guesses",
]

_NO_SITES = "the potential has no maximum that can hold a site"


def make_starting_points(
    potentials: Sequence[PotentialGrid | Sites],
    hosts: StructureBatch,
    n: int = 10,
    *,
    peaks: PeaksSettings | None = None,
    pinball: PinballSettings | None = None,
) -> StructureBatch:
    """Make samples of hosts with the inserted sites at maxima of their potentials.

    Parameters
    ----------
    potentials
        Potential of each host, or the sites that were found in it.
    hosts
        Hosts with the sites to insert, of one element each.
    n
        Largest number of samples of each host: the lowest arrangements by the pinball model.
    peaks, pinball
        Settings; the defaults if none are given. `n` replaces `pinball.keep`.

    Returns
    -------
    See `join_starting_points`.

    Raises
    ------
    ValueError
        If there is not one potential for each host, it does not belong to that host, or a host
        has sites of several elements to insert.
    """
    if len(potentials) != len(hosts):
        raise ValueError(f"{len(potentials)} potentials for {len(hosts)} hosts: give one for each")
    began = time.monotonic()
    check_one_element(hosts)
    choice = (pinball or PinballSettings()).model_copy(update={"keep": n})
    arrangements = [
        _find_arrangements(potential, host, peaks, choice)
        for potential, host in zip(potentials, hosts, strict=True)
    ]
    record = {
        "stage": "sample",
        "version": __version__,
        "model": {"name": PEAKS},
        "settings": {
            "peaks": (peaks or PeaksSettings()).model_dump(mode="json"),
            "pinball": choice.model_dump(mode="json"),
        },
        "seconds": round(time.monotonic() - began, 3),
    }
    return join_starting_points(arrangements, hosts).with_history(record)


def join_starting_points(
    arrangements: Sequence[StructureBatch | None],
    hosts: StructureBatch,
    reasons: Sequence[str] | None = None,
) -> StructureBatch:
    """Turn the arrangements of each host into samples of it.

    Sites that an arrangement lacks, because the potential has fewer maxima, are placed at random.

    Parameters
    ----------
    arrangements
        For each host a batch as `place_sites` returns it, or None. Its host sites may all be
        shifted by the same small vector.
    hosts
        Hosts with the sites to insert, of one element each.
    reasons
        For each host the reason why it has no arrangements, if so.

    Returns
    -------
    Samples ordered by host, with the scalars `host`, `sample`, `status`, `origin` ("peaks") and
    `energy_pinball` (eV). A host without arrangements has one sample, without positions and with
    the status FAILED; its metadata say why, as `error`.

    Raises
    ------
    ValueError
        If the sites to insert of a host are of several elements.
    """
    check_one_element(hosts)
    reasons = reasons or [_NO_SITES] * len(hosts)
    batches = []
    for index, (host, found, why) in enumerate(zip(hosts, arrangements, reasons, strict=True)):
        samples = _make_failed_sample(host, why) if found is None else _make_samples(host, found)
        place = host.scalars.get("host", np.array([index]))
        numbered = samples.with_scalars(
            host=np.repeat(place, len(samples)),
            sample=np.arange(len(samples)),
            origin=np.full(len(samples), PEAKS),
        )
        batches.append(numbered)
    return concatenate(batches)


def select_guesses(starting_points: StructureBatch, sampling: SamplingSettings) -> StructureBatch:
    """Return the starting points that a generator can sample around: those with positions.

    Raises
    ------
    ValueError
        If `start_time` is 1, which would forget them, or none has positions.
    """
    if sampling.start_time >= 1:
        raise ValueError(
            "sampling.start_time is 1, which forgets the starting points: give less, like 0.3"
        )
    guesses = starting_points[np.flatnonzero(starting_points.placed)]
    if not len(guesses):
        raise ValueError("no starting point has positions: there is nothing to sample around")
    return guesses


def refine_starting_points(
    starting_points: StructureBatch, settings: SamplingSettings, **options: Any
) -> StructureBatch:
    """Sample with a trained model around starting points, from `start_time` on.

    Parameters
    ----------
    starting_points
        As `make_starting_points` makes them.
    settings
        Settings with a `start_time` below 1; `samples` is their number around each
        starting point.
    options
        Further arguments of `generate`.

    Returns
    -------
    Samples as `generate` returns them; starting points without positions are left out.

    Raises
    ------
    ValueError
        If `start_time` is 1 or no starting point has positions.
    CheckpointError
        If the model cannot be loaded.
    """
    # Here, because it imports torch, which starting points do not need otherwise.
    from aiida_hpaint.science.diffusion import generate

    guesses = select_guesses(starting_points, settings)
    sampled = generate(replace(guesses, scalars={}), settings, **options)
    hosts = guesses.scalars["host"][sampled.scalars["host"]]
    return number_samples(sampled.with_scalars(host=hosts))


def check_one_element(hosts: StructureBatch) -> None:
    """Refuse hosts whose sites to insert are not of one element.

    Raises
    ------
    ValueError
        If there is such a host; the message names it.
    """
    for host in hosts:
        kinds = sorted({get_symbol(number) for number in host.numbers[host.inserted].tolist()})
        if len(kinds) != 1:
            what = " and ".join(kinds) or "nothing"
            raise ValueError(
                f"{host.labels[0]}: {what} to insert: a potential has sites for one element"
            )


def _find_arrangements(
    potential: PotentialGrid | Sites,
    host: StructureBatch,
    peaks: PeaksSettings | None,
    pinball: PinballSettings,
) -> StructureBatch | None:
    sites = potential if isinstance(potential, Sites) else find_sites(potential, host, peaks)
    if not len(sites):
        return None
    element = get_symbol(int(host.numbers[host.inserted][0]))
    count = int(host.insert_counts[0])
    return place_lowest_arrangements(remove_inserted(host), sites, element, count, pinball)


def _make_samples(host: StructureBatch, found: StructureBatch) -> StructureBatch:
    """Return the host with the inserted sites of each arrangement."""
    samples = host[np.zeros(len(found), dtype=np.int64)]
    rows = []
    for at, one in enumerate(found):
        # Symmetrisation may have shifted an arrangement from its host.
        shifts = one.frac_coords[~one.inserted] - host.frac_coords[~host.inserted]
        shift = (shifts - np.rint(shifts)).mean(0) if len(shifts) else np.zeros(3)
        rows.append(_fill_sites(host, one.frac_coords[one.inserted] - shift, at))
    energies = found.scalars.get("energy_pinball", np.full(len(found), np.nan))
    return replace(
        samples.with_coords(np.concatenate(rows)),
        scalars={
            "status": np.full(len(found), SampleStatus.SAMPLED.value),
            "energy_pinball": energies,
        },
    )


def _fill_sites(host: StructureBatch, positions: FloatArray, sample: int) -> FloatArray:
    """Return (n, 3) coordinates of all sites; those without a position are placed at random."""
    from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame
    from aiida_hpaint.science.diffusion.sampling.random_placement import place_at_random
    from aiida_hpaint.science.diffusion.sampling.random_streams import make_random_stream

    coords, inserted = host.frac_coords.copy(), np.flatnonzero(host.inserted)
    coords[inserted[: len(positions)]] = positions
    unknown = np.zeros(len(coords), dtype=np.bool_)
    unknown[inserted[len(positions) :]] = True
    if unknown.any():
        known = ~host.inserted
        frame = find_host_frame(host.cells[0], host.numbers[known], host.frac_coords[known])
        rng = make_random_stream(0, sample, host.numbers, unknown)
        at_random = place_at_random(frame, host.numbers, frame.enter(coords), unknown, rng)
        coords[unknown] = frame.leave(at_random)
    return coords


def _make_failed_sample(host: StructureBatch, why: str) -> StructureBatch:
    coords = np.where(host.inserted[:, None], np.nan, host.frac_coords)
    marked = replace(
        host.with_coords(coords),
        scalars={
            "status": np.array([SampleStatus.FAILED.value]),
            "energy_pinball": np.array([np.nan]),
        },
    )
    return replace(marked, metadata=({**host.metadata[0], "error": why},))
