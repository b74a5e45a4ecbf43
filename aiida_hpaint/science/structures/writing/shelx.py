"""Restored crystals as SHELX files (.res), whose H ride on their parents or are restrained.

Instructions are those of G. M. Sheldrick, Acta Cryst. C 71, 3 (2015).
"""

from __future__ import annotations

import textwrap
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.structures.writing.cif import make_document
from aiida_hpaint.science.structures.writing.cif_items import LoopTable, find_value
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.displacement_parameters import choose_factor
from aiida_hpaint.science.structures.writing.provenance_items import describe_changes
from aiida_hpaint.science.structures.writing.riding import choose_riding_model
from aiida_hpaint.science.structures.writing.shelx_source import complete_shelx, keeps_shelx
from aiida_hpaint.science.structures.writing.shelx_symmetry import format_symmetry
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite

if TYPE_CHECKING:
    from gemmi import cif

__all__ = ["Treatment", "format_shelx"]

Treatment = Literal["riding", "restrained"]
"""`riding`: H move with their parents (AFIX); `restrained`: H are refined with restraints on their
distances (DFIX, DANG) that keep them where they are."""

_UNKNOWN_U = 0.05
"""Uiso in Å² of sites whose source has none."""

_WAVELENGTH = 0.71073
"""Wavelength in Å where the source has none: that of Mo K-alpha."""

_LABEL_LENGTH = 4


@dataclass(frozen=True)
class _Names:
    """Labels of the file by those of the crystal, and elements in the order of SFAC."""

    labels: dict[str, str]
    elements: list[str]


def format_shelx(crystal: RestoredCrystal, treatment: Treatment = "riding") -> str:
    """Return a restored crystal as the input of a refinement.

    Displacement parameters are those of the source, positions those of the crystal. Labels that
    are too long for SHELX are replaced, which a remark says. H follow the atom that carries them;
    in calculated positions that SHELXL knows (CH, CH2, NH, COH, ...) it will bring them to its own
    distances, others keep their vector from the parent.
    """
    names = _choose_names(crystal)
    restraints = _restrain(crystal, names) if treatment == "restrained" else []
    if keeps_shelx(crystal):
        remarks = _make_remarks(crystal, names)

        def make_riders(site: UniqueSite, number: int) -> list[str]:
            return _list_riders(crystal, names, site, treatment, number)

        return complete_shelx(crystal, remarks, restraints, make_riders)
    block = make_document(crystal).sole_block()
    lines = [
        *_make_header(crystal, block, names),
        *restraints,
        "L.S. 4",
        "BOND $H",
        "CONF",
        "FMAP 2",
        "PLAN 10",
        "WGHT 0.1",
        "FVAR 1.0",
        *_list_atoms(crystal, block, names, treatment),
        "HKLF 4",
        "END",
    ]
    return "\n".join(lines) + "\n"


def _choose_names(crystal: RestoredCrystal) -> _Names:
    """Choose labels of at most four characters that begin with their element."""
    elements = list(dict.fromkeys(_get_element(s) for s in crystal.sites))
    labels: dict[str, str] = {}
    used: set[str] = set()
    fine = {s.label for s in crystal.sites if _is_fine(s.label) and s.label.upper() not in used}
    used = {label.upper() for label in fine}
    for site in crystal.sites:
        if site.label in fine:
            labels[site.label] = site.label
            continue
        number = 1
        while f"{site.symbol}{number}".upper() in used:
            number += 1
        labels[site.label] = f"{site.symbol}{number}"
        used.add(labels[site.label].upper())
    return _Names(labels, elements)


def _get_element(site: UniqueSite) -> str:
    return "H" if site.symbol in ("D", "T") else site.symbol


def _is_fine(label: str) -> bool:
    return len(label) <= _LABEL_LENGTH and label.isalnum() and label[:1].isalpha()


def _make_header(crystal: RestoredCrystal, block: cif.Block, names: _Names) -> list[str]:
    from gemmi import cif
    from pymatgen.core import Lattice

    lattice = Lattice(crystal.structure.cells[0])
    values = " ".join(f"{value:.6g}" for value in (*lattice.abc, *lattice.angles))
    wavelength = find_value(block, "_diffrn_radiation_wavelength") or ""
    length = cif.as_number(wavelength, _WAVELENGTH)
    tags = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
    errors = [_read_uncertainty(find_value(block, f"_cell_{tag}") or "") for tag in tags]
    counts: Counter[str] = Counter()
    for site in crystal.sites:
        counts[_get_element(site)] += len(site.members)
    shared = float(np.gcd.reduce(list(counts.values())))
    units = cif.as_number(find_value(block, "_cell_formula_units_Z") or "", shared)
    title = "".join(c if c.isprintable() and c.isascii() else " " for c in crystal.host.labels[0])
    return [
        f"TITL {' '.join(title.split())[:70]} in {crystal.names}"[:76],
        f"CELL {length:.5f} {values}",
        f"ZERR {units:g} {' '.join(f'{error:g}' for error in errors)}",
        *format_symmetry(crystal.symmetry.operations),
        f"SFAC {' '.join(names.elements)}",
        f"UNIT {' '.join(str(counts[symbol]) for symbol in names.elements)}",
        *_make_remarks(crystal, names),
    ]


def _read_uncertainty(text: str) -> float:
    """Return the standard uncertainty in brackets, such as 0.003 of 5.123(3); 0 without one."""
    value, bracket, digits = text.partition("(")
    if not bracket:
        return 0.0
    decimals = len(value.partition(".")[2])
    return float(int("".join(c for c in digits if c.isdigit()) or 0) * 10.0**-decimals)


def _make_remarks(crystal: RestoredCrystal, names: _Names) -> list[str]:
    texts = [f"aiida-hpaint {__version__}: {describe_changes(crystal)}.", *crystal.notes]
    texts += [f"{new} is {old}." for old, new in names.labels.items() if old != new]
    lines = [line for text in texts for line in textwrap.wrap(text.replace("Å", "A"), 72)]
    return [f"REM {line}".encode("ascii", "replace").decode() for line in lines]


def _restrain(crystal: RestoredCrystal, names: _Names) -> list[str]:
    """Restrain distances X-H, and H-H of one parent, to those that the crystal has."""
    cell, lines = crystal.structure.cells[0], []
    parents = {site.label: site for site in crystal.sites}
    carried = [site for site in crystal.sites if site.is_inserted and site.parent]
    for index, site in enumerate(carried):
        parent = parents[site.parent]
        length = np.linalg.norm((site.position - parent.position) @ cell)
        pair = f"{names.labels[parent.label]} {names.labels[site.label]}"
        lines.append(f"DFIX {length:.3f} 0.02 {pair}")
        for other in carried[index + 1 :]:
            if other.parent == site.parent:
                apart = np.linalg.norm((site.position - other.position) @ cell)
                pair = f"{names.labels[site.label]} {names.labels[other.label]}"
                lines.append(f"DANG {apart:.3f} 0.04 {pair}")
    return lines


def _list_atoms(
    crystal: RestoredCrystal, block: cif.Block, names: _Names, treatment: Treatment
) -> list[str]:
    table = LoopTable.find(block, "_atom_site_", "fract_x")
    tensors = LoopTable.find(block, "_atom_site_aniso_", "label")
    rows = {label: row for row, label in enumerate(table.texts("label"))}
    lines = []
    for site in crystal.sites:
        if site.is_inserted and site.parent:
            continue
        u = _find_displacement(table, tensors, rows[site.label], site.label)
        symbol = _get_element(site)
        lines += _make_atom(crystal, names, site, u, names.elements.index(symbol) + 1)
        riders = _list_riders(crystal, names, site, treatment, names.elements.index("H") + 1)
        lines += [*riders, "AFIX 0"] if riders else []
    return lines


def _list_riders(
    crystal: RestoredCrystal,
    names: _Names,
    site: UniqueSite,
    treatment: Treatment,
    number: int,
) -> list[str]:
    """Return the lines of the inserted H that a site carries; `number` is that of H in SFAC."""
    riders = [each for each in crystal.sites if each.is_inserted and each.parent == site.label]
    if not riders:
        return []
    code = choose_riding_model(crystal, site, riders) if treatment == "riding" else 0
    lines = [f"AFIX {code}"]
    for each in riders:
        lines += _make_atom(crystal, names, each, [-choose_factor(crystal, each)], number)
    return lines


def _find_displacement(table: LoopTable, tensors: LoopTable, row: int, label: str) -> list[float]:
    """Return U11 U22 U33 U23 U13 U12, or Uiso, in Å²."""
    from gemmi import cif

    labels = tensors.texts("label")
    names = [f"u_{component}" for component in ("11", "22", "33", "23", "13", "12")]
    if label in labels and set(names) <= set(tensors.columns):
        found = [cif.as_number(tensors.columns[name][labels.index(label)]) for name in names]
        if np.isfinite(found).all():
            return found
    for name, scale in (("u_iso_or_equiv", 1.0), ("b_iso_or_equiv", 1 / (8 * np.pi**2))):
        if name in table.columns:
            value = cif.as_number(table.columns[name][row])
            if value > 0:
                return [value * scale]
    return [_UNKNOWN_U]


def _make_atom(
    crystal: RestoredCrystal,
    names: _Names,
    site: UniqueSite,
    displacement: list[float],
    number: int,
) -> list[str]:
    x, y, z = (f"{value:.6f}" for value in site.position)
    share = len(site.members) / len(crystal.symmetry.operations)
    text = f"{names.labels[site.label]:4} {number} {x:>10} {y:>10} {z:>10} {10 + share:.5f}"
    values = [f"{value:.5f}" for value in displacement]
    if len(values) == 1:
        return [f"{text} {values[0]}"]
    return [f"{text} {' '.join(values[:2])} =", f"     {' '.join(values[2:])}"]
