"""Round trip: H taken out of published CIFs, put back, and read again by other programs.

    python benchmarks/round_trip.py minerals/references

The published positions are the answer, so that no potential is needed: what is measured is what is
given back. For each file, gemmi, ASE, pymatgen, spglib and our own reader have to find the same
elements as in the published file, the same space group number and the same distances; pairs,
operations and rows of the source have to be there, unchanged.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from gemmi import SmallStructure, cif, make_small_structure_from_block

from aiida_hpaint.science.structures import StructureBatch, add_sites, read_hosts, write_cif
from aiida_hpaint.science.structures.writing.source import drop_source_texts

NEAR = 0.06
"""Distance in Å by which sites may differ: special positions are typed to few digits."""


@dataclass(frozen=True)
class RoundTrip:
    """A published crystal, and what was given back for its host.

    Attributes
    ----------
    source
        The published file.
    published
        All sites of its cell.
    path, text
        The restored CIF.
    """

    source: Path
    published: StructureBatch
    path: Path
    text: str


def main() -> None:
    """Check all files of a folder, and print what fails."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of CIFs with all of their H")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    right: Counter[str] = Counter()
    files = sorted(options.folder.glob("*.cif"))
    for source in files:
        with tempfile.TemporaryDirectory() as folder:
            trip = put_hydrogen_back(source, Path(folder))
            for name, check in CHECKS.items():
                problem = check(trip)
                right[name] += not problem
                if problem:
                    print(f"{source.name}: {name}: {problem}")
    print("| check | right |\n| --- | --- |")
    for name in CHECKS:
        print(f"| {name} | {right[name]} of {len(files)} |")


def put_hydrogen_back(source: Path, folder: Path) -> RoundTrip:
    """Take the H rows out of a CIF, put the H back where they were, and write the answer."""
    published = read_hosts(source)
    without = folder / source.name
    without.write_text(remove_hydrogen(source.read_text("utf-8")), "utf-8")
    hydrogen = published.numbers == 1
    host = add_sites(read_hosts(without), {"H": int(hydrogen.sum())})
    coords = np.concatenate([published.frac_coords[~hydrogen], published.frac_coords[hydrogen]])
    answer = replace(drop_source_texts(host), frac_coords=coords)
    path = folder / "restored.cif"
    return RoundTrip(source, published, path, write_cif(answer, path, host=host))


def remove_hydrogen(text: str) -> str:
    """Return the first block of a CIF with sites, without the rows of H."""
    block = next(b for b in cif.read_string(text) if b.find_loop_item("_atom_site_fract_x"))
    for tag in ("_atom_site_label", "_atom_site_aniso_label"):
        item = block.find_loop_item(tag)
        if item is None:
            continue
        width, place = len(item.loop.tags), item.loop.tags.index(tag)
        values = item.loop.values
        rows = [values[at : at + width] for at in range(0, len(values), width)]
        kept = [row for row in rows if not re.match(r"[HD](?![a-z])", row[place])]
        item.loop.set_all_values([list(column) for column in zip(*kept, strict=True)])
    return str(block.as_string())


def check_gemmi(trip: RoundTrip) -> str:
    """Compare all sites of the cell as gemmi makes them, within `NEAR`."""
    sites = read_small(trip.text).get_all_unit_cell_sites()
    numbers = np.array([site.element.atomic_number for site in sites])
    frac = np.array([site.fract.tolist() for site in sites])
    for number in np.unique(trip.published.numbers):
        ours = trip.published.frac_coords[trip.published.numbers == number]
        theirs = frac[numbers == number]
        if len(ours) != len(theirs):
            return f"{len(theirs)} sites of element {number}, not {len(ours)}"
        shifts = ours[:, None] - theirs
        lengths = np.linalg.norm((shifts - np.rint(shifts)) @ trip.published.cells[0], axis=-1)
        if max(lengths.min(0).max(), lengths.min(1).max()) > NEAR:
            return f"a site of element {number} is off by {lengths.min(0).max():.2f} Å"
    return ""


def check_ase(trip: RoundTrip) -> str:
    """Count the sites that ASE reads."""
    import ase.io

    return compare_counts(ase.io.read(trip.path).numbers.tolist(), trip)


def check_pymatgen(trip: RoundTrip) -> str:
    """Count the sites that pymatgen reads."""
    from pymatgen.core import Structure

    structure = Structure.from_file(trip.path, primitive=False)
    return compare_counts([site.specie.Z for site in structure], trip)


def check_own(trip: RoundTrip) -> str:
    """Count the sites that our own reader finds."""
    return compare_counts(read_hosts(trip.path).numbers.tolist(), trip)


def check_spglib(trip: RoundTrip) -> str:
    """Compare the space groups that spglib finds in the published and in the restored cell."""
    import spglib

    found = [
        spglib.get_symmetry_dataset((one.cells[0], one.frac_coords, one.numbers), symprec=NEAR)
        for one in (trip.published, read_hosts(trip.path))
    ]
    numbers = [None if one is None else one.number for one in found]
    return "" if numbers[0] == numbers[1] else f"number {numbers[1]}, not {numbers[0]}"


def check_symmetry(trip: RoundTrip) -> str:
    """Compare the space group in its setting, as gemmi reads it."""
    published = cif.read(str(trip.source))
    block = next(b for b in published if b.find_loop_item("_atom_site_fract_x"))
    before = make_small_structure_from_block(block).spacegroup
    after = read_small(trip.text).spacegroup
    return "" if before == after else f"{after}, not {before}"


def check_metadata(trip: RoundTrip) -> str:
    """Look for all pairs of the source."""
    block = cif.read_string(trip.text).sole_block()
    source = cif.read(str(trip.source))
    first = next(b for b in source if b.find_loop_item("_atom_site_fract_x"))
    pairs = [item.pair for item in first if item.pair is not None]
    lost = [pair[0] for pair in pairs if block.find_value(pair[0]) != pair[1]]
    return ", ".join(lost)


def check_labels(trip: RoundTrip) -> str:
    """Look for all rows of host sites, with their labels and coordinates as they were typed."""
    names = ["_atom_site_label", *(f"_atom_site_fract_{axis}" for axis in "xyz")]
    source = cif.read(str(trip.source))
    first = next(b for b in source if b.find_loop_item("_atom_site_fract_x"))
    rows = [tuple(row) for row in first.find(names) if not re.match(r"[HD](?![a-z])", row[0])]
    written = {tuple(row) for row in cif.read_string(trip.text).sole_block().find(names)}
    return ", ".join(row[0] for row in rows if row not in written)


def compare_counts(numbers: list[int], trip: RoundTrip) -> str:
    """Return the numbers of sites by element, if they are not those of the published cell."""
    found, wanted = Counter(numbers), Counter(trip.published.numbers.tolist())
    return "" if found == wanted else f"{dict(found)}, not {dict(wanted)}"


def read_small(text: str) -> SmallStructure:
    """Return the only structure of a CIF as gemmi reads it."""
    return make_small_structure_from_block(cif.read_string(text).sole_block())


CHECKS: dict[str, Callable[[RoundTrip], str]] = {
    "sites, by gemmi": check_gemmi,
    "elements, by ASE": check_ase,
    "elements, by pymatgen": check_pymatgen,
    "elements, by our reader": check_own,
    "space group, by spglib": check_spglib,
    "setting, by gemmi": check_symmetry,
    "metadata": check_metadata,
    "labels and coordinates": check_labels,
}
"""Name of each check, and the function that says what is wrong."""


if __name__ == "__main__":
    main()
