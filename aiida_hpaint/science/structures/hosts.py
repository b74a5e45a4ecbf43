"""Hosts from files and objects of all kinds; all their problems are reported at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS, HostSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.apply import fill_host
from aiida_hpaint.science.structures.checks import DEFAULT_LIMITS, HostLimits, find_problems
from aiida_hpaint.science.structures.conversion import from_ase, from_pymatgen
from aiida_hpaint.science.structures.disorder import order_record
from aiida_hpaint.science.structures.distinct_names import make_distinct
from aiida_hpaint.science.structures.doubts import note_doubts
from aiida_hpaint.science.structures.elements import ISOTOPES
from aiida_hpaint.science.structures.errors import HostError, HostProblem, make_host_error
from aiida_hpaint.science.structures.file_limits import guard_reading
from aiida_hpaint.science.structures.insertion import Insert, add_sites_to_one, validate_insert
from aiida_hpaint.science.structures.reading import expand_record, holds_records, read_records
from aiida_hpaint.science.structures.reading.other_formats import iter_other_structures
from aiida_hpaint.science.structures.records import Record
from aiida_hpaint.science.structures.site_selection import REMOVED, take_out_sites
from aiida_hpaint.science.structures.supercell import make_dilute

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core import Structure


@runtime_checkable
class HasPymatgen(Protocol):
    """Object that converts itself to a pymatgen Structure, like AiiDA's StructureData."""

    def get_pymatgen(self) -> Any:
        """Return the structure as a pymatgen Structure."""


HostSource: TypeAlias = (
    "str | PathLike[str] | Record | StructureBatch | Structure | Atoms | HasPymatgen"
)
"""A path (CIF, POSCAR, extxyz, npz, what ASE reads), a record, a batch, or a structure object."""

HostOutcome = StructureBatch | HostError


@dataclass(frozen=True)
class _Found:
    """A host or its error, the record of its file, if it holds records, and the file's folder."""

    outcome: StructureBatch | HostError
    record: Record | None = None
    folder: str = ""


def read_hosts(
    sources: HostSource | Iterable[HostSource],
    limits: HostLimits = DEFAULT_LIMITS,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
) -> StructureBatch:
    """Read hosts and check them.

    Site order and fractional coordinates are those of the source; cells are never reduced or
    rotated; oxidation states are dropped; deuterium becomes hydrogen, with a warning and a note
    in the metadata.

    Parameters
    ----------
    sources : path or object, or several of them
        CIF, POSCAR and CONTCAR, extended XYZ (all frames), npz of `save_npz`, other formats that
        ASE knows; StructureBatch, pymatgen Structure, ASE Atoms, AiiDA StructureData (or anything
        with `get_pymatgen`).
    limits : HostLimits
        What is refused.
    settings : HostSettings
        What is made of disorder.

    Raises
    ------
    HostError
        With all problems of all sources; `partition_hosts` continues with the others.
    ValueError
        If there are no sources.
    """
    hosts, problems = partition_hosts(sources, limits, settings)
    if problems:
        raise HostError(problems)
    if hosts is None:
        raise ValueError("no hosts were given")
    return hosts


def partition_hosts(
    sources: HostSource | Iterable[HostSource],
    limits: HostLimits = DEFAULT_LIMITS,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    """Read hosts like `read_hosts`, but return problems instead of raising them.

    Returns
    -------
    hosts : StructureBatch or None
        The structures without problems, in the order of the sources; None if there are none.
    problems : tuple of HostProblem
        What is wrong with the others.
    """
    return _partition(_checked(outcome, limits) for outcome in iter_hosts(sources, settings))


def prepare_hosts(
    sources: HostSource | Iterable[HostSource],
    insert: Insert | None = None,
    *,
    symbol: str = "H",
    limits: HostLimits = DEFAULT_LIMITS,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    """Read hosts, add the sites to insert, and check: everything before sampling.

    Parameters
    ----------
    sources : path or object, or several of them
        As for `read_hosts`. Labels that several of them have get a folder or a number.
    insert : mapping, text or None
        Sites to add to each host; None takes what the file of each says that it lacks. Hosts that
        already hold unplaced sites stay as they are.
    symbol : str
        The element to count if `insert` is None.
    limits : HostLimits
        What is refused.
    settings : HostSettings
        What is made of disorder, and which statement about missing sites is believed.

    Returns
    -------
    hosts : StructureBatch or None
        The good hosts with the sites to insert; None if there are none.
    problems : tuple of HostProblem
        What is wrong with the others.

    Raises
    ------
    ValueError
        If `insert` itself is wrong.
    """
    counts = None if insert is None else validate_insert(insert)
    missing = {symbol, "H", *ISOTOPES, *(counts or ())}

    def fill(found: _Found) -> HostOutcome:
        host = _checked(found.outcome, limits)
        if isinstance(host, HostError) or not host.placed[0]:
            return host
        if settings.replace is not None or settings.dilute is not None:
            return _add_to_changed(host, settings, counts, limits)
        try:
            with guard_reading(host.labels[0]):
                host = note_doubts(host)
                return fill_host(host, found.record, counts, symbol, settings, limits)
        except HostError as error:
            return error

    asked = symbol if counts is None or {"H", *ISOTOPES} & set(counts) else next(iter(counts), "H")
    found = _find_hosts(sources, settings, missing, asked)
    return _partition(_name([(fill(each), each.folder) for each in found]))


def iter_hosts(
    sources: HostSource | Iterable[HostSource], settings: HostSettings = DEFAULT_HOST_SETTINGS
) -> Iterator[HostOutcome]:
    """Yield each structure of the sources as a batch of one, or its error, without checks.

    Sites that the settings replace are left out.
    """
    for found in _find_hosts(sources, settings):
        outcome = found.outcome
        if settings.replace is not None and isinstance(outcome, StructureBatch):
            try:
                outcome = take_out_sites(outcome, settings.replace)
            except HostError as error:
                outcome = error
        yield outcome


def _add_to_changed(
    host: StructureBatch,
    settings: HostSettings,
    counts: Mapping[str, int] | None,
    limits: HostLimits,
) -> HostOutcome:
    """Take sites out of a host and repeat it, and add as many to insert, or what is given."""
    try:
        if settings.replace is not None:
            host = take_out_sites(host, settings.replace)
        counts = counts or host.metadata[0].get(REMOVED)
        if settings.dilute is not None:
            host = make_dilute(host, settings.dilute)
            if counts is None:
                raise make_host_error(
                    host.labels[0],
                    "a file says what its own cell lacks, not a larger one",
                    "With --dilute give the number of sites in the supercell, like --add H:1",
                )
        return _checked(add_sites_to_one(host, counts or {}, limits), limits)
    except HostError as error:
        return error


def _find_hosts(
    sources: Any,
    settings: HostSettings,
    missing: Collection[str] = ("H", *ISOTOPES),
    symbol: str = "H",
) -> Iterator[_Found]:
    for source in _listed(sources):
        folder = str(Path(source).parent) if isinstance(source, str | PathLike) else ""
        name = Path(source).name if isinstance(source, str | PathLike) else "a structure"
        try:
            with guard_reading(name):
                if isinstance(source, Record):
                    yield from _expand_records([source], settings, missing, symbol)
                elif isinstance(source, str | PathLike) and holds_records(source):
                    yield from _expand_records(
                        read_records(source), settings, missing, symbol, folder
                    )
                else:
                    for outcome in _read(source):
                        yield _Found(outcome, None, folder)
        except HostError as error:
            yield _Found(error, None, folder)


def _expand_records(
    records: Iterable[Record | HostError],
    settings: HostSettings,
    missing: Collection[str],
    symbol: str,
    folder: str = "",
) -> Iterator[_Found]:
    for record in records:
        if isinstance(record, HostError):
            yield _Found(record, None, folder)
            continue
        try:
            with guard_reading(record.label):
                for ordered in order_record(record, settings.disorder, symbol):
                    yield _Found(expand_record(ordered, missing), ordered, folder)
        except HostError as error:
            yield _Found(error, None, folder)


def _name(found: Sequence[tuple[HostOutcome, str]]) -> Iterator[HostOutcome]:
    """Yield outcomes with labels that tell them apart, also by the folders of their files."""
    outcomes = [outcome for outcome, _ in found]
    labels = [
        each.problems[0].label if isinstance(each, HostError) else each.labels[0]
        for each in outcomes
    ]
    # Starting points of one host keep its label.
    owners: list[tuple[bool, int]] = [
        (True, int(each.scalars["host"][0]))
        if isinstance(each, StructureBatch) and "host" in each.scalars
        else (False, number)
        for number, each in enumerate(outcomes)
    ]
    names = make_distinct(labels, [folder for _, folder in found], owners)
    for outcome, label, name in zip(outcomes, labels, names, strict=True):
        if isinstance(outcome, StructureBatch):
            yield replace(outcome, labels=(name,))
        else:
            yield HostError(
                replace(each, label=name) if each.label == label else each
                for each in outcome.problems
            )


def _listed(sources: Any) -> Iterable[Any]:
    single = isinstance(sources, str | PathLike | Record | StructureBatch | HasPymatgen)
    # Structure and Atoms can be iterated over, site by site.
    return [sources] if single or _is_structure(sources) or _is_atoms(sources) else sources


def _is_structure(source: Any) -> bool:
    return hasattr(source, "lattice") and hasattr(source, "frac_coords")


def _is_atoms(source: Any) -> bool:
    return hasattr(source, "get_chemical_symbols") and hasattr(source, "cell")


def _read(source: Any) -> Iterator[HostOutcome]:
    if isinstance(source, str | PathLike):
        yield from iter_other_structures(Path(source))
    elif isinstance(source, StructureBatch):
        yield from source
    elif _is_structure(source):
        yield from_pymatgen([source])
    elif _is_atoms(source):
        yield from_ase([source])
    elif isinstance(source, HasPymatgen):
        yield _from_node(source)
    else:
        kind = type(source).__name__
        remedy = "Give a path, a pymatgen Structure, ASE Atoms or an AiiDA StructureData"
        raise make_host_error(f"object of type {kind}", "it is no structure", remedy)


def _from_node(node: Any) -> StructureBatch:
    label = str(getattr(node, "label", "") or "")
    try:
        structure = node.get_pymatgen()
    except Exception as error:  # foreign code, which can raise anything
        name = label or f"a {type(node).__name__}"
        raise make_host_error(
            name, f"it gives no pymatgen structure ({error})", "Repair it"
        ) from error
    if not _is_structure(structure):
        name = label or f"a {type(node).__name__}"
        raise make_host_error(name, "it has no cell (not periodic)", "Set it periodic, with a cell")
    structure = structure.copy()
    structure.properties = {"label": label} if label else {}
    if getattr(node, "uuid", None):
        structure.properties["uuid"] = str(node.uuid)
    return from_pymatgen([structure])


def _checked(outcome: HostOutcome, limits: HostLimits) -> HostOutcome:
    if isinstance(outcome, HostError):
        return outcome
    try:
        with guard_reading(outcome.labels[0]):
            problems = tuple(find_problems(outcome, limits))
    except HostError as error:
        return error
    return HostError(problems) if problems else outcome


def _partition(
    outcomes: Iterable[HostOutcome],
) -> tuple[StructureBatch | None, tuple[HostProblem, ...]]:
    good: list[StructureBatch] = []
    problems: list[HostProblem] = []
    for outcome in outcomes:
        if isinstance(outcome, HostError):
            problems.extend(outcome.problems)
        else:
            good.append(outcome)
    return (concatenate(_share_scalars(good)) if good else None), tuple(problems)


def _share_scalars(hosts: Sequence[StructureBatch]) -> list[StructureBatch]:
    """Leave out scalars that only some hosts have, such as results given beside other hosts."""
    common = set[str]().union(*(host.scalars for host in hosts))
    for host in hosts:
        common &= set(host.scalars)
    return [_leave_out(host, common) for host in hosts]


def _leave_out(host: StructureBatch, kept: Collection[str]) -> StructureBatch:
    dropped = [name for name in host.scalars if name not in kept]
    if not dropped:
        return host
    about = host.metadata[0]
    note = f"Left out, as other hosts have none of it: {', '.join(dropped)}."
    return replace(
        host,
        scalars={name: values for name, values in host.scalars.items() if name in kept},
        metadata=({**about, "notes": [*(about.get("notes") or ()), note]},),
    )
