"""StructureBatch to and from pymatgen Structures and ASE Atoms, exactly."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint.science.structures.batch import Json, StructureBatch, concatenate
from aiida_hpaint.science.structures.elements import ISOTOPES, get_symbol
from aiida_hpaint.science.structures.errors import IsotopeWarning, make_host_error, name_site
from aiida_hpaint.science.types import FloatArray

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure

RECORD_KEY = "hpaint"
"""Key under which label, scalars and history are stored in a foreign object."""

LABEL_KEYS = ("label", "material_id", "name")
"""Keys of the names of foreign objects, in the order of preference."""

SAME_POSITION = 1e-6
"""Deviation in Å up to which given fractional coordinates count as those of the positions."""


def to_pymatgen(batch: StructureBatch) -> list[Structure]:
    """Convert a batch to pymatgen Structures.

    The site property `inserted` marks inserted sites; `structure.properties` holds the metadata
    and, under 'hpaint', label, scalars and history. `from_pymatgen` restores the batch exactly.

    Raises
    ------
    HostError
        If a site has no position: pymatgen would carry NaN along unnoticed.
    """
    from pymatgen.core import Structure  # here: half a second that AiiDA's start does not pay

    return [
        Structure(
            one.cells[0],
            [get_symbol(number) for number in one.numbers.tolist()],
            one.frac_coords,
            site_properties={"inserted": one.inserted.tolist()},
            properties={**one.metadata[0], RECORD_KEY: make_record(one)},
        )
        for one in _all_placed(batch)
    ]


def from_pymatgen(structures: Iterable[Structure]) -> StructureBatch:
    """Convert pymatgen Structures to a batch, in their order and with their coordinates.

    Oxidation states are dropped. Structures that `to_pymatgen` did not make take their label from
    the properties `label`, `material_id` or `name`, or else from their formula.

    Raises
    ------
    HostError
        If a site is disordered or holds no element.
    ValueError
        If there are no structures.
    """
    return concatenate([_from_structure(structure) for structure in structures])


def to_ase(batch: StructureBatch) -> list[Atoms]:
    """Convert a batch to ASE Atoms, with arrays `frac_coords` and `inserted`.

    `atoms.info` holds the metadata and, under 'hpaint', label, scalars and history.

    Raises
    ------
    HostError
        If a site has no position.
    """
    from ase import Atoms

    frames = []
    for one in _all_placed(batch):
        atoms = Atoms(numbers=one.numbers, positions=one.cart_coords, cell=one.cells[0], pbc=True)
        atoms.set_array("frac_coords", one.frac_coords)
        atoms.set_array("inserted", one.inserted)
        atoms.info.update({**one.metadata[0], RECORD_KEY: make_record(one)})
        frames.append(atoms)
    return frames


def from_ase(frames: Iterable[Atoms]) -> StructureBatch:
    """Convert ASE Atoms to a batch, in their order.

    The array `frac_coords` is taken as it is where it agrees with the positions; otherwise, and
    where there is none, fractional coordinates are computed from the positions.

    Raises
    ------
    HostError
        If a structure has no cell or is not periodic in all directions.
    ValueError
        If there are no structures.
    """
    return concatenate([_from_atoms(atoms) for atoms in frames])


def make_record(one: StructureBatch) -> dict[str, Json]:
    """Return what a single structure has besides sites and metadata, as JSON."""
    scalars = {name: values[0].item() for name, values in one.scalars.items()}
    types = {name: values.dtype.str for name, values in one.scalars.items()}
    return {
        "label": one.labels[0],
        "scalars": scalars,
        "types": types,
        "history": list(one.history),
    }


def read_scalars(record: Mapping[str, Json]) -> dict[str, Any]:
    """Return the scalars of a record as (1,) arrays of their original types."""
    types = record.get("types", {})
    return {
        name: np.array([value], dtype=types.get(name))
        for name, value in record.get("scalars", {}).items()
    }


def choose_label(info: Mapping[str, Any], numbers: Iterable[int]) -> str:
    """Return the name that a foreign object has, or else its formula."""
    for key in LABEL_KEYS:
        if str(info.get(key, "")).strip():
            return str(info[key]).strip()
    return format_formula(numbers)


def format_formula(numbers: Iterable[int]) -> str:
    """Return the reduced formula, for messages and labels: 'H2MgO2' for brucite."""
    symbols, counts = np.unique([get_symbol(int(n)) for n in numbers], return_counts=True)
    divisor = int(np.gcd.reduce(counts)) if len(counts) else 1
    pairs = zip(symbols.tolist(), (counts // max(divisor, 1)).tolist(), strict=True)
    return "".join(f"{s}{n if n > 1 else ''}" for s, n in pairs) or "empty"


def to_fractional(cart_coords: FloatArray, cell: FloatArray) -> FloatArray:
    """Return the (N, 3) fractional coordinates of (N, 3) Cartesian ones in Å."""
    coords = np.asarray(cart_coords, dtype=np.float64)
    return np.asarray(np.linalg.solve(cell.T, coords.T).T, dtype=np.float64)


def choose_frac_coords(carried: Any, cart_coords: FloatArray, cell: FloatArray) -> FloatArray:
    """Return the given fractional coordinates if they fit the Cartesian ones, else convert."""
    if carried is not None and np.shape(carried) == cart_coords.shape:
        given = np.asarray(carried, dtype=np.float64)
        unplaced = np.isnan(given).any(axis=1) & np.isnan(cart_coords).any(axis=1)
        same = (np.abs(given @ cell - cart_coords) < SAME_POSITION).all(axis=1)
        if bool(np.all(same | unplaced)):
            return given
    return to_fractional(cart_coords, cell)


def to_json(info: Mapping[str, Any]) -> dict[str, Json]:
    """Convert the properties of a foreign object to JSON; other types become text."""
    return {str(key): _json(value) for key, value in info.items() if key != RECORD_KEY}


def _json(value: Any) -> Json:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_json(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def check_periodic(label: str, cell: FloatArray, periodic: Iterable[bool]) -> None:
    """Refuse molecules, slabs and wires: a host is periodic in all three directions."""
    if abs(np.linalg.det(cell)) < 1e-12:
        raise make_host_error(label, "it has no cell (zero volume)", "Give three lattice vectors")
    flags = tuple(bool(flag) for flag in periodic)
    if not all(flags):
        remedy = "Set it periodic in all three directions, with vacuum in the cell where needed"
        reason = f"it is periodic in {sum(flags)} of three directions"
        raise make_host_error(label, reason, remedy)


def _all_placed(batch: StructureBatch) -> Iterator[StructureBatch]:
    for index in np.flatnonzero(~batch.placed)[:1]:
        sites = batch.sites(int(index))
        site = int(np.flatnonzero(np.isnan(batch.frac_coords[sites]).any(axis=1))[0])
        name = name_site(site, get_symbol(int(batch.numbers[sites][site])))
        remedy = "Generate positions first, or save the batch with save_npz or write_extxyz"
        raise make_host_error(batch.labels[index], "it has no position yet", remedy, name)
    return iter(batch)


def _from_structure(structure: Structure) -> StructureBatch:
    properties = dict(structure.properties or {})
    record = properties.get(RECORD_KEY) or {}
    isotopes: Counter[str] = Counter()
    known = record.get("label") or structure.formula
    numbers = [_site_number(known, k, site, isotopes) for k, site in enumerate(structure)]
    label = record["label"] if record else choose_label(properties, numbers)
    inserted = structure.site_properties.get("inserted", [False] * len(structure))
    metadata = {k: v for k, v in properties.items() if k != RECORD_KEY}
    return StructureBatch(
        labels=(label,),
        cells=structure.lattice.matrix[None],
        site_counts=np.array([len(structure)]),
        numbers=np.array(numbers, dtype=np.int64),
        frac_coords=np.asarray(structure.frac_coords, dtype=np.float64).reshape(-1, 3),
        inserted=np.array([bool(flag) for flag in inserted], dtype=np.bool_),
        scalars=read_scalars(record),
        metadata=(note_isotopes(label, metadata if record else to_json(metadata), isotopes),),
        history=tuple(record.get("history", ())),
    )


def note_isotopes(
    label: str, metadata: dict[str, Json], isotopes: Mapping[str, int]
) -> dict[str, Json]:
    """Note in the metadata how many sites were deuterium or tritium, and warn."""
    if not isotopes:
        return metadata
    sites = " and ".join(f"{count} {symbol}" for symbol, count in isotopes.items())
    warnings.warn(f"{label}: {sites} are treated as H", IsotopeWarning, stacklevel=3)
    return {**metadata, "isotopes": dict(isotopes)}


def _site_number(label: str, index: int, site: Any, isotopes: Counter[str]) -> int:
    from pymatgen.core import DummySpecies

    if not site.is_ordered:
        remedy = (
            "Choose one ordered configuration (pymatgen: OrderDisorderedStructureTransformation)"
        )
        name = name_site(index, site.species_string)
        raise make_host_error(
            label, f"it is disordered: occupied by {site.species_string}", remedy, name
        )
    specie = site.specie
    if isinstance(specie, DummySpecies):
        remedy = "Replace it by an element, or remove it"
        raise make_host_error(label, "it is no element", remedy, name_site(index, str(specie)))
    name = getattr(specie, "element", specie).name
    if name in ISOTOPES:
        isotopes[name] += 1
    return int(specie.Z)


def _from_atoms(atoms: Atoms) -> StructureBatch:
    info = dict(atoms.info)
    record = info[RECORD_KEY] if isinstance(info.get(RECORD_KEY), dict) else {}
    cell = np.asarray(atoms.cell.array, dtype=np.float64)
    label = record["label"] if record else choose_label(info, atoms.numbers)
    check_periodic(label, cell, atoms.pbc)
    carried = atoms.arrays.get("frac_coords")
    inserted = atoms.arrays.get("inserted", np.zeros(len(atoms), dtype=np.bool_))
    metadata = {k: v for k, v in info.items() if k != RECORD_KEY}
    return StructureBatch(
        labels=(label,),
        cells=cell[None],
        site_counts=np.array([len(atoms)]),
        numbers=atoms.numbers,
        frac_coords=choose_frac_coords(carried, atoms.positions, cell),
        inserted=np.asarray(inserted, dtype=np.bool_),
        scalars=read_scalars(record),
        metadata=(metadata if record else to_json(metadata),),
        history=tuple(record.get("history", ())),
    )
