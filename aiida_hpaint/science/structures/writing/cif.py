"""Restored crystals as CIF: the block of the source with the inserted sites."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_hpaint.science.outputs import replace_text
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.reading.cif_syntax import write_plain_names
from aiida_hpaint.science.structures.safe_text import make_safe_name
from aiida_hpaint.science.structures.writing.atom_loop import edit_atom_loop
from aiida_hpaint.science.structures.writing.cif_text import quote_text
from aiida_hpaint.science.structures.writing.contents import (
    edit_atom_types,
    edit_cell,
    edit_formula,
)
from aiida_hpaint.science.structures.writing.crystal import (
    TOLERANCE,
    RestoredCrystal,
    describe_crystal,
)
from aiida_hpaint.science.structures.writing.displacement_parameters import split_tensors
from aiida_hpaint.science.structures.writing.geometry_loops import edit_geometry
from aiida_hpaint.science.structures.writing.provenance_items import add_provenance
from aiida_hpaint.science.structures.writing.symmetry_items import edit_symmetry, list_operations
from aiida_hpaint.science.structures.writing.versions import INSERTED, Version

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["format_cif", "make_document", "write_cif"]


def write_cif(
    answer: StructureBatch,
    path: str | PathLike[str] | None = None,
    *,
    host: StructureBatch | None = None,
    version: Version = INSERTED,
    tolerance: float = TOLERANCE,
) -> str:
    """Write one restored structure as CIF, also to a file if a path is given.

    With a host that was read from a CIF, it is the block of the source, with its metadata, labels
    and standard uncertainties, in its setting and with its origin. Inserted sites are appended to
    the list, with the value c (calculated) of `_atom_site_calc_flag`, as unique sites under the
    operations of the host that the answer keeps. Without, it is a new block, with the symmetry
    that the host has in its own setting.

    Parameters
    ----------
    answer
        A restored structure, a batch of one.
    path
        File to write.
    host
        The host that it was made from, as it was read, with its metadata.
    version
        `inserted`: sites of the host as the source has them, inserted ones where they were while
        the host was fixed, or else with their vectors from the sites that carry them in the answer.
        `relaxed`: all sites where the answer has them, without the drift, and with their
        displacements.
    tolerance
        Largest distance in Å between an image of a site and its equivalent for an operation that
        is kept.

    Raises
    ------
    HostError
        If a site has no position.
    ValueError
        If there are several structures, or other sites than those of the host.
    """
    text = format_cif(describe_crystal(answer, host, version, tolerance))
    if path is not None:
        replace_text(Path(path), text)
    return text


def format_cif(crystal: RestoredCrystal) -> str:
    """Return a restored crystal as CIF."""
    from gemmi import cif

    options = cif.WriteOptions()
    options.align_pairs = 33
    options.align_loops = 30
    return str(make_document(crystal).as_string(options))


def make_document(crystal: RestoredCrystal) -> cif.Document:
    """Return a restored crystal as a document of CIF with one block."""
    from gemmi import cif

    record = crystal.source.record
    structure = crystal.structure
    if record is not None and record.format == "cif":
        text = write_plain_names(record.text)
        document = cif.read_string(text)
        block = document.sole_block()
        if crystal.has_relaxed_cell or not crystal.source.has_cell(crystal.host):
            edit_cell(block, structure)
    else:
        document = cif.Document()
        block = document.add_new_block(make_safe_name(structure.labels[0]))
        block.set_pair("_chemical_name_common", quote_text(structure.labels[0]))
        edit_cell(block, structure)
    notes = list(crystal.notes)
    if record is not None and record.format == "cif" and text != record.text:
        notes.append(
            "Data names with a dot are written as those of the core dictionary, with _ instead."
        )
    if record is not None and record.format == "cif" and crystal.has_relaxed_cell:
        notes.append("Density and other values that follow from the cell are those of the source.")
    if record is not None and record.format == "shelx":
        notes.append("Displacement parameters of the SHELX file are not in this CIF.")
    units = None if record is None else record.units
    notes += edit_formula(block, crystal.composition, crystal.inserted_composition, units)
    notes += edit_symmetry(block, crystal)
    edit_atom_types(block, crystal.composition, crystal.inserted_composition)
    atoms = edit_atom_loop(block, crystal)
    notes += atoms.notes
    split_tensors(block, crystal)
    listed = list_operations(block) or crystal.symmetry.operations
    outdated = atoms.has_other_sites or not crystal.keeps_symmetry or crystal.has_relaxed_cell
    notes += edit_geometry(block, crystal, listed, outdated)
    add_provenance(block, crystal, notes)
    return document
