"""Restored crystals as files of several formats, two versions of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.conversion import to_pymatgen
from aiida_hpaint.science.structures.extxyz import write_extxyz
from aiida_hpaint.science.structures.writing.cif import format_cif
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal, describe_crystal
from aiida_hpaint.science.structures.writing.shelx import format_shelx
from aiida_hpaint.science.structures.writing.versions import INSERTED, RELAXED, Version

__all__ = ["FORMATS", "list_names", "remove_restored", "write_restored"]

_OURS = "hpaint"
"""What all files of results name somewhere, and others hardly ever do."""

_ENDINGS: Mapping[Version, str] = {INSERTED: "", RELAXED: "_relaxed"}


def _write_cif(crystal: RestoredCrystal, path: Path) -> None:
    path.write_text(format_cif(crystal), encoding="utf-8", newline="\n")


def _write_poscar(crystal: RestoredCrystal, path: Path) -> None:
    from pymatgen.io.vasp.inputs import Poscar

    label = " ".join(crystal.structure.labels[0].split()) or "restored"
    structure = to_pymatgen(crystal.structure)[0]
    text = Poscar(structure, comment=f"{label}, by aiida-hpaint", sort_structure=False).get_str(
        significant_figures=8
    )
    path.write_text(text, encoding="utf-8", newline="\n")


def _write_extxyz(crystal: RestoredCrystal, path: Path) -> None:
    write_extxyz(crystal.structure, path)


def _write_json(crystal: RestoredCrystal, path: Path) -> None:
    structure = to_pymatgen(crystal.structure)[0]
    for site in crystal.sites:
        for index in site.members.tolist():
            structure[index].label = site.label
    text = json.dumps(structure.as_dict(), indent=1)
    path.write_text(text + "\n", encoding="utf-8", newline="\n")


def _write_riding(crystal: RestoredCrystal, path: Path) -> None:
    path.write_text(format_shelx(crystal), encoding="ascii", newline="\n")


def _write_restrained(crystal: RestoredCrystal, path: Path) -> None:
    path.write_text(format_shelx(crystal, "restrained"), encoding="ascii", newline="\n")


FORMATS: Mapping[str, tuple[str, Callable[[RestoredCrystal, Path], None]]] = {
    "cif": (".cif", _write_cif),
    "res": (".res", _write_riding),
    "res-restrained": ("_restrained.res", _write_restrained),
    "poscar": (".vasp", _write_poscar),
    "extxyz": (".extxyz", _write_extxyz),
    "json": (".json", _write_json),
}
"""Suffix of the files of each format, and the function that writes one."""


def list_names(name: str) -> list[str]:
    """Return the names of all files that one answer can have: of all formats and versions."""
    endings = (*_ENDINGS.values(), "_dft")
    return [f"{name}{ending}{suffix}" for ending in endings for suffix, _ in FORMATS.values()]


def remove_restored(folder: Path, name: str, keep: Sequence[str] = ()) -> None:
    """Remove what an earlier run wrote for a host, but no files to keep or that others wrote."""
    for path in (folder / each for each in list_names(name) if each not in keep):
        if path.is_file() and _OURS in path.read_text(encoding="utf-8", errors="replace"):
            path.unlink()


def write_restored(
    answer: StructureBatch,
    folder: Path,
    name: str,
    *,
    host: StructureBatch | None = None,
    formats: Sequence[str] = ("cif",),
    versions: Sequence[Version] = (INSERTED, RELAXED),
) -> list[Path]:
    """Write one answer as `NAME.cif` and `NAME_relaxed.cif`, or in other formats.

    `NAME` has the host as its source has it, with the inserted sites, and `NAME_relaxed` all sites
    where the answer has them. All formats have the same sites, without the drift of a relaxation
    and symmetric under the operations that the answer keeps.

    Parameters
    ----------
    answer
        A restored structure, a batch of one.
    folder, name
        Where to write, and the beginning of the names.
    host
        The host that it was made from. Without one there is no version with the host as its
        source has it, and only `NAME` is written.
    formats
        Keys of `FORMATS`.
    versions
        Which of both to write.

    Returns
    -------
    list of Path
        The files, in the order of the formats, `NAME` before `NAME_relaxed`.

    Raises
    ------
    ValueError
        If a format is unknown, or the host has other sites.
    """
    unknown = [form for form in formats if form not in FORMATS]
    if unknown:
        raise ValueError(f"there is no format {unknown[0]!r}: choose among {', '.join(FORMATS)}")
    chosen = tuple(versions) if host is not None else (INSERTED,)
    crystals = {version: describe_crystal(answer, host, version) for version in chosen}
    written = []
    for form in formats:
        suffix, write = FORMATS[form]
        for version, crystal in crystals.items():
            path = folder / f"{name}{_ENDINGS[version]}{suffix}"
            write(crystal, path)
            written.append(path)
    return written
