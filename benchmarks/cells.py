"""Count the hosts whose known sites repeat within their cell, and whether H repeats with them.

    python benchmarks/cells.py FOLDER_OF_CIFS REFERENCES.extxyz ...

Of hosts in a folder it says whether their files declare the translations. If the files have H, it
takes H out, folds it into the primitive cell and expands that again: is it where it was published?
Of references in one file, it says of how many H breaks a translation of the other sites.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

from aiida_hpaint.science.structures import HostError, prepare_hosts, read_hosts, remove_sites
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.primitive import choose_searches, expand_samples
from aiida_hpaint.science.structures.primitive.cell import PrimitiveCell
from aiida_hpaint.science.structures.primitive.translations import find_translations

NEAR = 0.05
"""Distance in Å up to which published positions are the same."""


def main() -> None:
    """Print one line for each folder and file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+")
    warnings.simplefilter("ignore")
    for source in parser.parse_args().sources:
        if source.is_dir():
            paths = sorted(source.glob("*.cif"))
            print(source.name, dict(count_searches(paths)), dict(count_returned(paths)))
        else:
            print(source.name, dict(count_broken(read_hosts(source))))


def count_searches(paths: list[Path]) -> Counter[str]:
    """Count hosts by the cells that are searched, and how often the smallest repeats."""
    found: Counter[str] = Counter()
    for path in paths:
        for host in prepare_hosts(path)[0] or ():
            searches = choose_searches(host, "both")
            repeats = host.n_sites // searches[0].n_sites
            found[f"{repeats} times, {len(searches)} searched"] += 1
    return found


def count_returned(paths: list[Path]) -> Counter[str]:
    """Count complete structures of centred files by whether their H come back from one cell."""
    found: Counter[str] = Counter()
    for path in paths:
        try:
            hosts, complete = remove_sites(read_hosts(path))
        except HostError:
            continue
        for host, whole in zip(hosts, complete, strict=True):
            search = choose_searches(host, "both")[0]
            about = (search.metadata[0].get("searched") or {}).get("cell")
            if about is not None:
                found[compare_returned(host, whole, search, PrimitiveCell.from_json(about))] += 1
    return found


def compare_returned(
    host: StructureBatch, whole: StructureBatch, search: StructureBatch, cell: PrimitiveCell
) -> str:
    """Fold the H of one structure into the primitive cell, expand it, and compare."""
    kept: list[np.ndarray] = []
    for point in (whole.frac_coords[whole.inserted] @ cell.multiples) % 1:
        if all(measure_gap(point, other, search) > NEAR for other in kept):
            kept.append(point)
    if len(kept) != search.insert_counts[0]:
        return "H does not repeat"
    coords = search.frac_coords.copy()
    coords[search.inserted] = kept
    sample = search.with_coords(coords).with_scalars(sample=[0])
    back = expand_samples(sample, host)
    published = whole.frac_coords[whole.inserted]
    missed = max(
        min(measure_gap(point, other, host) for other in published)
        for point in back.frac_coords[back.inserted]
    )
    same = np.array_equal(back.frac_coords[~back.inserted], host.frac_coords[~host.inserted])
    return "returned" if same and missed < NEAR else "changed"


def measure_gap(left: np.ndarray, right: np.ndarray, structure: StructureBatch) -> float:
    """Return the distance of two fractional points in the cell of a structure, Å."""
    apart = left - right
    return float(np.linalg.norm((apart - np.rint(apart)) @ structure.cells[0]))


def count_broken(complete: StructureBatch) -> Counter[str]:
    """Count complete structures by what their H does to the translations of the other sites."""
    found: Counter[str] = Counter()
    for one in complete:
        others = one.numbers != 1
        if others.all() or not others.any():
            continue
        host = find_translations(one.cells[0], one.numbers[others], one.frac_coords[others])
        whole = find_translations(one.cells[0], one.numbers, one.frac_coords)
        broken = len(host) > len(whole)
        found["H breaks" if broken else "H keeps" if len(host) > 1 else "none"] += 1
    return found


if __name__ == "__main__":
    main()
