"""Moves: new arrangements for hosts, independent of what is known, or beside the lowest ones.

Those of all hosts are made in one call, since a network is fast for many samples at once. Each
depends on the settings, the seed, its host and what is known of it, and on its number in the host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion.sampling.generation import generate
from aiida_hpaint.science.diffusion.sampling.generators import Generator, Tick
from aiida_hpaint.science.diffusion.sampling.host_frame import find_host_frame
from aiida_hpaint.science.diffusion.sampling.random_placement import RandomPlacement
from aiida_hpaint.science.diffusion.sampling.random_streams import make_random_stream
from aiida_hpaint.science.relaxation.ledger import MARK
from aiida_hpaint.science.search.evidence import Evidence
from aiida_hpaint.science.search.subsets import choose_subset, free_places, list_units
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import UNKNOWN
from aiida_hpaint.science.structures.sample_origin import (
    GENERATED,
    INPAINTED,
    RANDOM,
    SWAPPED,
    TURNED,
)
from aiida_hpaint.science.structures.status import STATUS_DTYPE, SampleStatus
from aiida_hpaint.science.types import BoolArray, IntArray

_STREAMS = {INPAINTED: 10_000_000, SWAPPED: 20_000_000, TURNED: 30_000_000}
"""Numbers of the first random streams of the moves; those of whole samples begin with 0."""

_CHOICES = 5_000_000
"""Difference between the stream of a sample and that of the choice of what is changed."""


ENERGIES = ("energy", "energy_sampled", "energy_scored", "max_force")
"""Scalars of samples that were evaluated."""

ORIGIN_DTYPE = "U16"
"""Text type of NumPy that holds every origin."""


@dataclass(frozen=True)
class Order:
    """What a move is to make for one host: this many arrangements."""

    evidence: Evidence
    count: int

    def numbers(self, origin: str) -> range:
        """Numbers of the arrangements among all of the host that have this origin."""
        made = int((self.evidence.samples.scalars["origin"] == origin).sum())
        return range(made, made + self.count)


def is_possible(move: str, evidence: Evidence, settings: SamplingSettings) -> bool:
    """Return whether a move can change anything for a host."""
    if move in (GENERATED, RANDOM):
        return True
    if not len(evidence.lowest):
        return False
    return _can_change(move, evidence.samples[int(evidence.lowest[0])], settings)


def _can_change(move: str, base: StructureBatch, settings: SamplingSettings) -> bool:
    units = list_units(base, settings.geometric)
    if move == TURNED:
        return any(unit.carrier != UNKNOWN for unit in units)
    return len(units) > 0 and int(base.insert_counts[0]) > 1


def make_moves(
    move: str,
    orders: Sequence[Order],
    settings: SamplingSettings,
    generator: Generator | None,
    tick: Tick | None = None,
) -> StructureBatch:
    """Make the arrangements that one kind of move finds for several hosts.

    Parameters
    ----------
    generator
        Generator in the place of the one that the settings name.
    tick
        Called with the fraction of the work that is done.

    Returns
    -------
    Samples with the scalars of those that are known, without energies.
    """
    settings = settings.model_copy(update={"start_time": 1.0, "record": 0})
    if move in (GENERATED, RANDOM):
        first = concatenate([order.evidence.samples[0] for order in orders])
        numbers = [order.numbers(move) for order in orders]
        chosen = RandomPlacement() if move == RANDOM else generator
        hosts = _remove(first, first.inserted)
        made = generate(hosts, settings, generator=chosen, numbers=numbers, tick=tick)
        return _label(made, first[made.scalars["host"]], move, None)
    bases, streams = _choose_bases(move, orders, settings)
    if move == TURNED:
        made = _turn(bases, streams, settings)
    else:
        chosen = RandomPlacement() if move == SWAPPED else generator
        partial = concatenate(
            [
                _remove_some(base, rng, settings, alone=move == SWAPPED)
                for base, (_, rng) in zip(bases, streams, strict=True)
            ]
        )
        samples = [[number] for number, _ in streams]
        made = generate(partial, settings, generator=chosen, numbers=samples, tick=tick)
    return _label(made, bases, move, bases.scalars["sample"])


Stream = tuple[int, np.random.Generator]
"""Number of the random stream of a sample, and the numbers that choose what is changed."""


def _choose_bases(
    move: str, orders: Sequence[Order], settings: SamplingSettings
) -> tuple[StructureBatch, list[Stream]]:
    """Return the arrangements to change, mostly the lowest, and the streams of the new ones."""
    bases, streams = [], []
    for order in orders:
        lowest, samples = order.evidence.lowest, order.evidence.samples
        one = samples[0]
        for number in order.numbers(move):
            stream = _STREAMS[move] + number
            rng = make_random_stream(settings.seed, _CHOICES + stream, one.numbers, one.inserted)
            place = min(int(rng.geometric(0.5)), len(lowest)) - 1
            base = samples[int(lowest[place])]
            bases.append(base if _can_change(move, base, settings) else samples[int(lowest[0])])
            streams.append((stream, rng))
    return concatenate(bases), streams


def _remove_some(
    base: StructureBatch, rng: np.random.Generator, settings: SamplingSettings, alone: bool
) -> StructureBatch:
    """Return an arrangement without the positions of some inserted sites.

    The budget is written anew, since the sites that stay have taken some of its places.
    """
    chosen = choose_subset(base, list_units(base, settings.geometric), rng, alone)
    unknown = base.inserted.copy()
    unknown[base.inserted] = chosen
    return _remove(free_places(base, chosen), unknown)


def _remove(samples: StructureBatch, unknown: BoolArray) -> StructureBatch:
    coords = samples.frac_coords.copy()
    coords[unknown] = np.nan
    return replace(samples, frac_coords=coords, scalars={}, history=())


def _turn(
    bases: StructureBatch, streams: Sequence[Stream], settings: SamplingSettings
) -> StructureBatch:
    """Turn the inserted sites of some atoms about these, each by a rotation of its own."""
    coords = bases.frac_coords.copy()
    for index, (_, rng) in enumerate(streams):
        base = bases[index]
        known, sites = ~base.inserted, np.flatnonzero(base.inserted)
        # Random directions belong to the host, not to the orientation of its cell.
        frame = find_host_frame(base.cells[0], base.numbers[known], base.frac_coords[known])
        frac = frame.enter(base.frac_coords)
        units = list_units(base, settings.geometric)
        units = [unit for unit in units if unit.carrier != UNKNOWN]
        for place in rng.permutation(len(units))[: rng.integers(1, len(units) + 1)]:
            moved, centre = sites[units[place].members], frac[units[place].carrier]
            bonds = frac[moved] - centre
            bonds = (bonds - np.round(bonds)) @ frame.cell
            turned = Rotation.from_quat(rng.standard_normal(4)).apply(bonds)
            frac[moved] = centre + turned @ np.linalg.inv(frame.cell)
        coords[bases.offsets[index] + sites] = frame.leave(frac[sites])
    status = np.full(len(bases), SampleStatus.SAMPLED.value)
    return bases.with_coords(coords).with_scalars(status=status, draws=np.ones(len(bases), int))


def _label(
    made: StructureBatch, bases: StructureBatch, origin: str, parents: IntArray | None
) -> StructureBatch:
    """Return new samples with the labels, metadata and scalars of samples of their hosts."""
    scalars = {
        **bases.scalars,
        "status": made.scalars["status"].astype(STATUS_DTYPE),
        "draws": made.scalars["draws"],
        "origin": np.full(len(made), origin, dtype=ORIGIN_DTYPE),
        "parent": np.full(len(made), -1) if parents is None else parents,
    }
    scalars = {name: scalars[name] for name in bases.scalars}
    return forget_results(replace(made, metadata=bases.metadata, scalars=scalars, history=()))


def forget_results(samples: StructureBatch) -> StructureBatch:
    """Return new samples without the energies and messages of those that they were copied from."""
    nothing = np.full(len(samples), np.nan)
    energies = {name: nothing for name in ENERGIES if name in samples.scalars}
    steps = np.zeros(len(samples), dtype=np.int64)
    metadata = tuple(
        {key: value for key, value in entry.items() if key not in ("error", "moved_apart", MARK)}
        for entry in samples.metadata
    )
    return replace(samples, metadata=metadata).with_scalars(**energies, steps=steps)
