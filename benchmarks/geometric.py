"""Geometric positions beside the H of complete crystals: how many, and how near.

    python benchmarks/geometric.py data/references.extxyz data/training.extxyz

The crystals are those of `benchmarks/molecular.py`. Their H are taken out, and found again by the
bonds of C and N: which atoms carry them, known from nothing but their number, and where they are.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from aiida_hpaint.science.diffusion.sampling.geometric_positions import place_geometric
from aiida_hpaint.science.diffusion.sampling.requests import make_requests
from aiida_hpaint.science.evaluation.equivalence import compute_site_distances
from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures import read_hosts, remove_sites
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.budget.inferred import infer_parents
from aiida_hpaint.science.structures.geometric.bonds import Bonds
from aiida_hpaint.science.structures.geometric.counts import count_by_bonds

WRONG = 0.4
"""Distance in Å from the nearest H from which a position is wrong."""


def main() -> None:
    """Print counts for each file, and distances for each kind of group."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("references", type=Path, nargs="+")
    for path in parser.parse_args().references:
        read = read_hosts(path)
        organic = [row for row in range(len(read)) if {1, 6} <= set(read[row].numbers.tolist())]
        hosts, complete = remove_sites(read[np.array(organic)])
        pairs = [(hosts[row], complete[row]) for row in range(len(hosts))]
        print(f"{path}: {len(pairs)} crystals, {int(hosts.insert_counts.sum())} H")
        print(
            *(f"  {count:6d} {what}" for what, count in sorted(count_sites(pairs).items())),
            sep="\n",
        )
        for kind, errors in sorted(measure_positions(pairs).items()):
            print(
                f"  {len(errors):6d} {kind}: median {np.median(errors):.2f} Å, 95 % within "
                f"{np.quantile(errors, 0.95):.2f} Å, {np.mean(errors > WRONG):.1%} beyond {WRONG} Å"
            )


def count_sites(pairs: list[tuple[StructureBatch, StructureBatch]]) -> Counter[str]:
    """Count C whose number of H bonds decide, and H whose parents follow from valences."""
    found: Counter[str] = Counter()
    for host, complete in pairs:
        true = np.bincount([p for p in find_parents(complete) if p >= 0], minlength=host.n_sites)
        bonds = Bonds.find(host.cells[0], host.numbers, host.frac_coords, ~host.inserted)
        for site in np.flatnonzero(host.numbers == 6).tolist():
            count = count_by_bonds(6, bonds.list_neighbours(site))
            outcome = "open" if count is None else "right" if count == true[site] else "wrong"
            found[f"C, number of H by bonds: {outcome}"] += 1
        organic = np.isin(host.numbers, (6, 7))
        parents = infer_parents(host, host.inserted)
        inferred = np.bincount(parents[parents >= 0], minlength=host.n_sites)
        found["H on C and N"] += int(true[organic].sum())
        found["H on C and N, parents inferred"] += int(inferred.sum())
        found["H on C and N, parents inferred wrongly"] += int(np.maximum(inferred - true, 0).sum())
    return found


def measure_positions(
    pairs: list[tuple[StructureBatch, StructureBatch]],
) -> dict[str, np.ndarray]:
    """Measure how far geometric positions are from the nearest H, by kind of group."""
    found: dict[str, list[float]] = defaultdict(list)
    for host, complete in pairs:
        request = make_requests(host, SamplingSettings(samples=1))[0]
        placed = request.frame.leave(place_geometric(request).frac)
        for group in request.geometric:
            carrier = "C" if request.numbers[group.parent] == 6 else "N"
            turns = "" if group.directions.is_fixed else ", turning or with a choice"
            hydrogens = complete.frac_coords[complete.inserted]
            lengths = compute_site_distances(host.cells[0], placed[group.sites], hydrogens)
            found[f"H of {carrier}H{len(group.sites)}{turns}"] += lengths.min(axis=1).tolist()
    return {kind: np.array(errors) for kind, errors in found.items()}


if __name__ == "__main__":
    main()
