"""Records: what a file of a crystallographer says about one crystal, before anything is assumed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiida_hpaint.science.structures.symmetry_operations import SymmetryOperations
from aiida_hpaint.science.types import FloatArray

__all__ = ["ListedSite", "Record", "SpaceGroupName"]


@dataclass(frozen=True)
class ListedSite:
    """One row of the list of sites (the asymmetric unit).

    Attributes
    ----------
    label
        Label in the file, such as `O-H1`; unique in a record.
    symbol
        Element symbol. Deuterium and tritium keep theirs: D and T.
    position
        The three fractional coordinates as the file has them; None where it gives none (`?`, `.`).
    occupancy
        Site occupancy: 1 unless the file says otherwise.
    assembly, group
        Disorder assembly and group; empty where the site is in none.
    attached_hydrogens
        Number of H atoms on this atom that the file leaves out; None where it does not say.
    charge
        Oxidation number; None where the file does not say.
    is_dummy
        True where the file marks the row as a dummy atom (`_atom_site_calc_flag` dum).
    """

    label: str
    symbol: str
    position: tuple[float, float, float] | None
    occupancy: float = 1.0
    assembly: str = ""
    group: str = ""
    attached_hydrogens: int | None = None
    charge: float | None = None
    is_dummy: bool = False


@dataclass(frozen=True)
class SpaceGroupName:
    """How a file names its space group; None where it does not."""

    hermann_mauguin: str | None = None
    hall: str | None = None
    number: int | None = None


@dataclass(frozen=True)
class Record:
    """One crystal as a file describes it.

    Attributes
    ----------
    label
        Label of the host that it becomes.
    source
        Name of the file, without its folder.
    block
        Name of the data block; empty in files without blocks.
    cell : (3, 3)
        Lattice vectors as rows, in Å.
    operations
        All symmetry operations of the space group in this setting, centring included.
    sites
        The listed sites, in the order of the file.
    space_group
        Its names in the file.
    formulas
        Chemical formulas, as text: `sum`, `moiety`, `structural`.
    units
        Number of formula units in the cell (Z).
    density
        Density in g/cm³: as calculated by the authors (`diffrn`) or as measured (`meas`).
    weight
        Formula weight in g/mol.
    notes
        What was assumed, dropped or corrected while reading: one sentence each.
    text
        The source of the record, for what is given back: its block as CIF or the SHELX file,
        without reflection data. Empty for other formats.
    format
        `cif` or `shelx`; empty for other formats.
    disorder
        How its disorder was ordered, as the metadata of hosts keep it: `policy`; `changes`, one
        sentence each; `sites`, the label in the file of each site that has another one here.
        Empty where there was none.
    source_hash
        SHA-256 of the bytes of the file.
    """

    label: str
    source: str
    block: str
    cell: FloatArray
    operations: SymmetryOperations
    sites: tuple[ListedSite, ...]
    space_group: SpaceGroupName = SpaceGroupName()
    formulas: Mapping[str, str] = field(default_factory=dict)
    units: float | None = None
    density: Mapping[str, float] = field(default_factory=dict)
    weight: float | None = None
    notes: tuple[str, ...] = ()
    text: str = ""
    format: str = ""
    disorder: Mapping[str, Any] = field(default_factory=dict)
    source_hash: str = ""
