"""Requests for the samples of hosts, and the way of their positions back into the hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiida_hpaint.science.diffusion.sampling.generators import SampledPath, SampleRequest
from aiida_hpaint.science.diffusion.sampling.host_frame import HostFrame, find_host_frame
from aiida_hpaint.science.diffusion.sampling.random_streams import make_random_stream
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.inferred import (
    draw_parents,
    has_open_places,
    infer_parents,
)
from aiida_hpaint.science.structures.budget.parents import UNKNOWN, read_parents
from aiida_hpaint.science.structures.geometric import GeometricGroup, find_geometric_groups
from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

LEFT_OPEN = 3
"""One sample in so many leaves to the generator which atoms carry the H that nobody knows of."""

_WAVES = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]])
_AMPLITUDES = np.sqrt([2.0, 3.0, 5.0, 7.0, 11.0, 13.0])


def find_unknown(batch: StructureBatch) -> BoolArray:
    """Return the sites without a position or, where all have one, the inserted ones."""
    unplaced = np.isnan(batch.frac_coords).any(1)
    return np.asarray(unplaced if unplaced.any() else batch.inserted)


def make_requests(
    hosts: StructureBatch,
    settings: SamplingSettings,
    samples: Sequence[Sequence[int]] | None = None,
    *,
    niggli: bool = False,
) -> list[SampleRequest]:
    """Return requests for the samples of each host, in a frame of its own.

    Their sites are those of the host in the same order, except that inserted sites with known
    parents are sorted by these: random numbers then belong to a parent, wherever a file lists it.

    Parameters
    ----------
    samples
        Indices of the samples of each host; None: those below `settings.samples`.
    niggli
        Whether the generator wants Niggli cells.

    Raises
    ------
    ValueError
        If the budget of a host names a parent that is no site of the host.
    """
    requests = []
    all_unknown = find_unknown(hosts)
    for index in range(len(hosts)):
        sites = hosts.sites(index)
        numbers, coords, unknown = (
            hosts.numbers[sites],
            hosts.frac_coords[sites],
            all_unknown[sites],
        )
        known = ~unknown
        frame = find_host_frame(hosts.cells[index], numbers[known], coords[known], niggli=niggli)
        frac = frame.enter(coords)
        parents = _find_parents(hosts[index], unknown, settings)
        carriers = numbers[parents[parents != UNKNOWN]]
        plain = _make_request(frame, numbers, frac, unknown, parents, settings)
        is_open = settings.use_parents and uses_geometry(settings)
        is_open &= has_open_places(hosts[index], unknown, parents)
        for sample in range(settings.samples) if samples is None else samples[index]:
            rng = make_random_stream(settings.seed, sample, numbers, unknown, carriers)
            request = plain
            if is_open and sample % LEFT_OPEN:
                keys = _compute_keys(frac[known])
                drawn = draw_parents(hosts[index], unknown, parents, rng, keys)
                request = _make_request(frame, numbers, frac, unknown, drawn, settings)
                request = replace(request, drawn=int((drawn != parents).sum()))
            requests.append(replace(request, rng=rng))
    return requests


def _make_request(
    frame: HostFrame,
    numbers: IntArray,
    frac: FloatArray,
    unknown: BoolArray,
    parents: IntArray,
    settings: SamplingSettings,
) -> SampleRequest:
    """Return the request of a host with these parents; its random numbers are to be replaced."""
    order, sorted_frac = _sort_by_parent(parents, frac), frac.copy()
    sorted_frac[unknown] = frac[unknown][order]
    parents, groups = parents[order], list[GeometricGroup]()
    if uses_geometry(settings):
        groups = find_geometric_groups(frame.cell, numbers, sorted_frac, unknown, parents)
    rng = np.random.default_rng(0)
    return SampleRequest(frame, numbers, sorted_frac, unknown, rng, parents, order, tuple(groups))


def uses_geometry(settings: SamplingSettings) -> bool:
    """Return whether bonds in the host's own cell place H or say which atoms carry it.

    Guesses are refined as they are, and bonds change their lengths with a cell that is sampled.
    """
    return settings.geometric and settings.start_time == 1 and settings.cell == "fixed"


def restore_order(request: SampleRequest, path: SampledPath) -> SampledPath:
    """Return a path with inserted sites in the order of the host."""
    back = np.argsort(request.order)
    return replace(
        path,
        final=np.asarray(path.final)[back],
        positions=[positions[back] for positions in path.positions],
        means=[means[back] for means in path.means],
    )


def place_sites(
    samples: StructureBatch, requests: Sequence[SampleRequest], paths: Sequence[SampledPath]
) -> StructureBatch:
    """Return the samples with their inserted sites, and cells, where the paths end.

    What is not finite of a path leaves a sample without positions, in the cell of its host.
    """
    coords, unknown = samples.frac_coords.copy(), find_unknown(samples)
    final = [one.frame.leave(path.final) for one, path in zip(requests, paths, strict=True)]
    cells = samples.cells.copy()
    for row, (one, path) in enumerate(zip(requests, paths, strict=True)):
        if path.cell is None:
            continue
        if np.isfinite(path.cell).all():
            cells[row] = one.frame.leave_cell(path.cell, samples.cells[row])
        else:
            final[row] = np.full_like(final[row], np.nan)
    if final:
        coords[unknown] = np.concatenate(final)
    return replace(samples, cells=cells, frac_coords=coords)


def _find_parents(host: StructureBatch, unknown: BoolArray, settings: SamplingSettings) -> IntArray:
    """Return the (m,) parents of the unknown sites; all are unknown if they are not to be used."""
    # Hosts may lack positions of other sites than those to insert, of which a budget says nothing.
    if not settings.use_parents or not host.inserted[unknown].all():
        return np.full(int(unknown.sum()), UNKNOWN, dtype=np.int64)
    if not host.metadata[0].get("budget"):
        return infer_parents(host, unknown)
    return read_parents(host)[unknown[host.inserted]]


def _sort_by_parent(parents: IntArray, frac: FloatArray) -> IntArray:
    """Return the (m,) order in which guided sites are sorted by parent; others stay in place.

    The order follows from the positions of the parents in the frame of the host: from a periodic
    function of them without symmetry, so that neither the image of an atom nor its place in the
    list matters.
    """
    order = np.arange(len(parents))
    guided = np.flatnonzero(parents != UNKNOWN)
    keys = _compute_keys(frac[parents[guided]])
    order[guided] = guided[np.argsort(keys, kind="stable")]
    return order


def _compute_keys(frac: FloatArray) -> FloatArray:
    """Return numbers (n,) that belong to points of a frame, whichever image of them is given."""
    phases = 2 * np.pi * frac @ _WAVES.T
    return np.asarray((np.cos(phases) + np.sin(phases) / 3) @ _AMPLITUDES)
