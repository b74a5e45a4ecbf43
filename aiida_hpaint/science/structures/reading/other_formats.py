"""Structures of formats without labels, symmetry and formula: POSCAR, extended XYZ, npz, QE, ..."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from aiida_hpaint.science.files import hash_file
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.conversion import from_ase, from_pymatgen
from aiida_hpaint.science.structures.elements import is_element
from aiida_hpaint.science.structures.errors import HostError, make_host_error
from aiida_hpaint.science.structures.extxyz import iter_extxyz
from aiida_hpaint.science.structures.file_limits import check_site_count
from aiida_hpaint.science.structures.npz import load_npz
from aiida_hpaint.science.structures.reading.pw_input import is_pw_input, read_pw_input
from aiida_hpaint.science.structures.reading.text import check_is_file, read_source_text

__all__ = ["iter_other_structures"]

_NO_ELEMENTS = "Elements in POSCAR cannot be determined"
"""Beginning of a warning of pymatgen."""


def iter_other_structures(path: Path) -> Iterator[StructureBatch | HostError]:
    """Yield each structure of a file as a batch of one, or the error that it raised.

    POSCAR and CONTCAR, extended XYZ (all frames), npz of `save_npz`, inputs of Quantum ESPRESSO,
    and what ASE reads.

    Raises
    ------
    HostError
        If the file cannot be read.
    """
    check_is_file(path)
    name = path.name.lower()
    if name.endswith((".extxyz", ".xyz")):
        yield from iter_extxyz(path)
    elif name.endswith(".npz"):
        yield from _read_npz(path)
    elif name.endswith(".vasp") or re.search(r"(^|[._-])(poscar|contcar)", name):
        yield _read_poscar(path)
    elif name.endswith(".vesta"):
        reason = "files of VESTA are not read"
        raise make_host_error(path.name, reason, "Export it as CIF: File, Export Data")
    elif name.endswith((".in", ".pwi", ".inp")) and is_pw_input(
        (text := read_source_text(path)).text
    ):
        yield read_pw_input(path, text)
    else:
        yield from _read_with_ase(path)


def _read_npz(path: Path) -> StructureBatch:
    try:
        return load_npz(path)
    except (ValueError, KeyError, TypeError) as error:  # a damaged header raises any of these
        remedy = "Write it again with save_npz"
        raise make_host_error(
            path.name, f"it is no batch of structures ({error})", remedy
        ) from error


def _read_poscar(path: Path) -> StructureBatch:
    from pymatgen.io.vasp.inputs import BadPoscarWarning, Poscar

    lines = read_source_text(path).text.splitlines()
    for line in lines[5:7]:
        if (words := line.split()) and all(word.isascii() and word.isdecimal() for word in words):
            check_site_count(path.name, sum(int(word[:10]) for word in words))
    notes = _take_elements_from_title(lines)
    try:
        with warnings.catch_warnings():
            # Selective dynamics are nothing of the host, but pymatgen would invent elements.
            warnings.simplefilter("ignore", BadPoscarWarning)
            warnings.filterwarnings("error", _NO_ELEMENTS, BadPoscarWarning)
            structure = Poscar.from_str("\n".join(lines), read_velocities=False).structure
    except Exception as error:  # the parser raises anything for damaged files
        remedy = "Write it in the format of VASP 5, with the element symbols in line 6"
        why = "it names no elements" if re.match(_NO_ELEMENTS, str(error)) else error
        raise make_host_error(path.name, f"it is no readable POSCAR ({why})", remedy) from error
    name = re.sub(r"^(poscar|contcar)[._-]*", "", path.stem, flags=re.IGNORECASE)
    structure.properties = {"label": name, "source": path.name, "source_hash": hash_file(path)}
    structure.properties |= {"notes": notes} if notes else {}
    return from_pymatgen([structure])


def _take_elements_from_title(lines: list[str]) -> list[str]:
    """Add the line of elements that VASP 4 lacks if the title is one; return the assumption."""
    title, counts = (lines[at].split() if len(lines) > at else [] for at in (0, 5))
    is_old = bool(counts) and all(word.isdecimal() for word in counts)
    if not is_old or len(title) != len(counts) or not all(map(is_element, title)):
        return []
    lines.insert(5, lines[0])
    return [f"The elements are those of the title, as in files of VASP 4: {' '.join(title)}."]


def _read_with_ase(path: Path) -> Iterator[StructureBatch | HostError]:
    import ase.io

    try:
        frames = ase.io.read(path, index=":", do_not_split_by_at_sign=True)
    except Exception as error:  # any of some eighty parsers
        remedy = "Convert it to CIF, POSCAR or extended XYZ"
        reason = f"its format cannot be read ({str(error) or type(error).__name__})"
        raise make_host_error(path.name, reason, remedy) from error
    origin = {"source": path.name, "source_hash": hash_file(path)}
    for index, atoms in enumerate(frames):
        atoms.info = {**origin, **atoms.info}
        atoms.info.setdefault(
            "label", path.stem if len(frames) == 1 else f"{path.stem}-{index + 1}"
        )
        try:
            yield from_ase([atoms])
        except HostError as error:
            yield error
