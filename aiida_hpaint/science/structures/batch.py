"""StructureBatch: many labelled periodic structures as arrays, which stages pass on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from aiida_hpaint.science.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pandas as pd

    from aiida_hpaint.science.viewer import CrystalView

Json = Any


@dataclass(frozen=True, eq=False, repr=False)
class StructureBatch:
    """S periodic structures with N sites in all, stored one after the other.

    Attributes
    ----------
    labels : (S,) strings
        One per structure, not unique: all samples of a host have the label of the host.
    cells : (S, 3, 3) floats
        Lattice vectors as rows, in Å.
    site_counts : (S,) integers
        Number of sites of each structure.
    numbers : (N,) integers
        Atomic numbers.
    frac_coords : (N, 3) floats
        Fractional coordinates, exactly as they were given (never wrapped, never rounded).
        NaN marks sites whose element is known and whose position a generator has to find.
    inserted : (N,) booleans
        True for sites that are (to be) inserted, False for sites of the host.
    scalars : mapping of name to (S,) array
        One value per structure: floats, integers, booleans or text (energy, status, sample, ...).
    metadata : (S,) mappings
        Other data of each structure (JSON), which survive every conversion.
    history : mappings
        JSON records of the stages that made the batch: version, model, settings, seed, device.
    """

    labels: tuple[str, ...]
    cells: FloatArray
    site_counts: IntArray
    numbers: IntArray
    frac_coords: FloatArray
    inserted: BoolArray
    scalars: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    metadata: tuple[Mapping[str, Json], ...] = ()
    history: tuple[Mapping[str, Json], ...] = ()

    def __post_init__(self) -> None:
        size = len(self.labels)
        set_field = object.__setattr__
        set_field(self, "labels", tuple(str(label) for label in self.labels))
        set_field(self, "cells", np.asarray(self.cells, dtype=np.float64).reshape(size, 3, 3))
        set_field(self, "site_counts", np.asarray(self.site_counts, dtype=np.int64).reshape(size))
        total = int(self.site_counts.sum())
        set_field(self, "numbers", np.asarray(self.numbers, dtype=np.int64).reshape(total))
        coords = np.asarray(self.frac_coords, dtype=np.float64)
        set_field(self, "frac_coords", coords.reshape(total, 3))
        set_field(self, "inserted", np.asarray(self.inserted, dtype=np.bool_).reshape(total))
        scalars = {name: np.asarray(values).reshape(size) for name, values in self.scalars.items()}
        set_field(self, "scalars", scalars)
        metadata = tuple(self.metadata) or tuple({} for _ in range(size))
        if len(metadata) != size:
            raise ValueError(f"{len(metadata)} metadata entries for {size} structures")
        set_field(self, "metadata", metadata)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_sites(self) -> int:
        """Number of sites in all structures together."""
        return len(self.numbers)

    @cached_property
    def offsets(self) -> IntArray:
        """(S + 1,) first site of each structure; the last entry is the number of sites."""
        offsets = np.concatenate([[0], np.cumsum(self.site_counts)]).astype(np.int64)
        offsets.setflags(write=False)
        return offsets

    @property
    def owners(self) -> IntArray:
        """(N,) the structure that each site belongs to."""
        return np.repeat(np.arange(len(self)), self.site_counts)

    @property
    def cart_coords(self) -> FloatArray:
        """(N, 3) Cartesian coordinates in Å."""
        coords: FloatArray = np.einsum("na,nab->nb", self.frac_coords, self.cells[self.owners])
        return coords

    @property
    def placed(self) -> BoolArray:
        """(S,) True where every site has a position."""
        unplaced = np.isnan(self.frac_coords).any(axis=1)
        counts = np.bincount(self.owners, weights=unplaced, minlength=len(self))
        return np.asarray(counts == 0)

    @property
    def insert_counts(self) -> IntArray:
        """(S,) number of inserted sites of each structure."""
        return np.bincount(self.owners[self.inserted], minlength=len(self)).astype(np.int64)

    @property
    def host_indices(self) -> IntArray:
        """(S,) host of each structure: its scalar `host`, or its row where there is none."""
        return np.asarray(self.scalars.get("host", np.arange(len(self))), dtype=np.int64)

    def find_host_rows(self) -> dict[int, int]:
        """Return the first row of each host by its index, see `host_indices`."""
        hosts, rows = np.unique(self.host_indices, return_index=True)
        return dict(zip(hosts.tolist(), rows.tolist(), strict=True))

    def sites(self, index: int) -> slice:
        """Return the sites of structure `index`, as a slice into the arrays of sites."""
        index = range(len(self))[index]
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def __iter__(self) -> Iterator[StructureBatch]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, key: int | slice | Sequence[int] | NDArray[Any]) -> StructureBatch:
        """Return the chosen structures, in the order of the key (repeats are allowed)."""
        chosen = np.atleast_1d(np.arange(len(self))[key])
        counts = self.site_counts[chosen]
        # First site of each chosen structure here, minus its first site in the new batch.
        shifts = self.offsets[chosen] - (np.cumsum(counts) - counts)
        sites = np.arange(counts.sum()) + np.repeat(shifts, counts)
        return StructureBatch(
            labels=tuple(self.labels[i] for i in chosen),
            cells=self.cells[chosen],
            site_counts=counts,
            numbers=self.numbers[sites],
            frac_coords=self.frac_coords[sites],
            inserted=self.inserted[sites],
            scalars={name: values[chosen] for name, values in self.scalars.items()},
            metadata=tuple(self.metadata[i] for i in chosen),
            history=self.history,
        )

    def with_coords(self, frac_coords: FloatArray) -> StructureBatch:
        """Return the same structures with other fractional coordinates."""
        return replace(self, frac_coords=frac_coords)

    def with_scalars(self, **values: Sequence[Any] | NDArray[Any]) -> StructureBatch:
        """Return the same structures with scalars added or replaced."""
        added = {name: np.asarray(value) for name, value in values.items()}
        return replace(self, scalars={**self.scalars, **added})

    def with_history(self, record: Mapping[str, Json]) -> StructureBatch:
        """Return the same structures with one more stage in their history."""
        return replace(self, history=(*self.history, record))

    def equals(self, other: StructureBatch) -> bool:
        """Return whether everything agrees, bit for bit (NaN equals NaN)."""
        return (
            self.labels == other.labels
            and self.metadata == other.metadata
            and self.history == other.history
            and set(self.scalars) == set(other.scalars)
            and all(_same(self.scalars[name], other.scalars[name]) for name in self.scalars)
            and all(_same(getattr(self, name), getattr(other, name)) for name in _ARRAYS)
        )

    def to_pandas(self) -> pd.DataFrame:
        """Return a table with a row for each structure: label, formula, sites and all scalars."""
        from aiida_hpaint.science.structures.display import tabulate_scalars

        return tabulate_scalars(self)

    def view(self, height: int = 480) -> CrystalView:
        """Return the structures in 3D for a notebook, or to `save` as a page; see `display.view`.

        Parameters
        ----------
        height
            Height in the notebook, pixels.

        Raises
        ------
        ValueError
            If no structure has positions for all of its sites, or there are more than 20.
        """
        from aiida_hpaint.science.structures.display import view

        return view(self, height)

    def __repr__(self) -> str:
        from aiida_hpaint.science.structures.display import summarise_structures

        return summarise_structures(self)

    def _repr_html_(self) -> str:
        from aiida_hpaint.science.structures.display import tabulate_structures

        return tabulate_structures(self)


_ARRAYS = ("cells", "site_counts", "numbers", "frac_coords", "inserted")


def _same(left: NDArray[Any], right: NDArray[Any]) -> bool:
    exact = left.dtype.kind == right.dtype.kind
    return exact and np.array_equal(left, right, equal_nan=left.dtype.kind == "f")


def concatenate(batches: Sequence[StructureBatch]) -> StructureBatch:
    """Concatenate batches, which need to have the same scalars.

    Raises
    ------
    ValueError
        If there is nothing to concatenate or the scalars differ between batches.
    """
    if not batches:
        raise ValueError("nothing to concatenate: give at least one StructureBatch")
    # The order of the first batch: equal input has to give files of equal bytes.
    names = tuple(batches[0].scalars)
    for batch in batches[1:]:
        if set(batch.scalars) != set(names):
            raise ValueError(f"scalars differ: {sorted(names)} and {sorted(batch.scalars)}")
    history: list[Mapping[str, Json]] = []
    for batch in batches:
        known = tuple(history)  # records that one batch has twice are kept twice
        history.extend(record for record in batch.history if record not in known)
    return StructureBatch(
        labels=tuple(label for batch in batches for label in batch.labels),
        cells=np.concatenate([batch.cells for batch in batches]),
        site_counts=np.concatenate([batch.site_counts for batch in batches]),
        numbers=np.concatenate([batch.numbers for batch in batches]),
        frac_coords=np.concatenate([batch.frac_coords for batch in batches]),
        inserted=np.concatenate([batch.inserted for batch in batches]),
        scalars={n: np.concatenate([batch.scalars[n] for batch in batches]) for n in names},
        metadata=tuple(entry for batch in batches for entry in batch.metadata),
        history=tuple(history),
    )


def number_samples(samples: StructureBatch) -> StructureBatch:
    """Set the scalar `sample`: the samples of each host are numbered from 0, in their order."""
    numbers = np.zeros(len(samples), dtype=np.int64)
    for host in np.unique(samples.scalars["host"]):
        members = np.flatnonzero(samples.scalars["host"] == host)
        numbers[members] = np.arange(len(members))
    return samples.with_scalars(sample=numbers)
