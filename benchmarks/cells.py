"""Count the hosts whose known sites repeat within their cell, and whether H repeats with them.

    python benchmarks/cells.py FOLDER_OF_CIFS REFERENCES.extxyz ...

Of hosts in a folder it says whether their files declare the translations. References are complete
structures: it says of how many hosts H breaks a translation of the other sites.
"""

from __future__ import annotations

import argparse
import warnings
from collections import Counter
from pathlib import Path

from aiida_hpaint.science.structures import prepare_hosts, read_hosts
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.primitive import choose_searches
from aiida_hpaint.science.structures.primitive.translations import find_translations


def main() -> None:
    """Print one line for each folder and file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", type=Path, nargs="+")
    warnings.simplefilter("ignore")
    for source in parser.parse_args().sources:
        if source.is_dir():
            print(source.name, dict(count_searches(sorted(source.glob("*.cif")))))
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
