"""Symmetric arrangements: for how many hosts samples or symmetric proposals contain the reference.

    python benchmarks/symmetry.py references.extxyz

Removes H from reference crystals, samples it, adds symmetric proposals, and compares all with the
references; nothing is relaxed. The first line says how many operations of the host the reference
keeps.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from aiida_hpaint.science.benchmark import References, read_references
from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.evaluation import is_match
from aiida_hpaint.science.evaluation.equivalence import find_host_symmetry
from aiida_hpaint.science.settings import SamplingSettings, SymmetrySettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.sample_origin import GENERATED, SYMMETRISED, WYCKOFF
from aiida_hpaint.science.symmetry import add_symmetric_proposals

KINDS = (GENERATED, SYMMETRISED, WYCKOFF)
FEW = 4
"""Largest number of inserted sites of hosts that count as easy."""


@dataclass(frozen=True)
class Offered:
    """Samples and proposals of one host.

    Attributes
    ----------
    inserted
        Number of inserted sites.
    operations, kept
        Numbers of symmetry operations of the host and of the reference.
    counts
        Numbers of samples and proposals by origin.
    right
        Origins of structures that match the reference.
    """

    inserted: int
    operations: int
    kept: int
    counts: Counter[str]
    right: frozenset[str]


def main() -> None:
    """Measure all hosts, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("references", type=Path, nargs="+", help="complete structures")
    parser.add_argument("--generator", default="bundled")
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--limit", type=int, help="only the first hosts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    references = read_references(options.references, limit=options.limit)
    sampling = SamplingSettings(generator=options.generator, samples=options.samples)
    places = range(len(references.hosts))
    print_report([measure_host(references, place, sampling) for place in tqdm(places)])


def measure_host(references: References, place: int, sampling: SamplingSettings) -> Offered:
    """Sample one host, add proposals, and compare."""
    reference = references.complete[place]
    offered = add_symmetric_proposals(
        generate(references.hosts[place], sampling), SymmetrySettings(symmetrised=True, wyckoff=10)
    )
    origins = offered.scalars["origin"].tolist()
    right = [one.placed[0] and is_match(one, reference) for one in offered]
    return Offered(
        inserted=int(reference.insert_counts[0]),
        operations=count_operations(reference),
        kept=count_operations(
            replace(reference, inserted=np.zeros(reference.n_sites, dtype=np.bool_))
        ),
        counts=Counter(origins),
        right=frozenset(origin for origin, good in zip(origins, right, strict=True) if good),
    )


def count_operations(structure: StructureBatch) -> int:
    """Count the symmetry operations of all sites that are not inserted."""
    return len(find_host_symmetry(structure).rotations)


def print_report(hosts: list[Offered]) -> None:
    """Print operations kept, hosts by what is right, and mean numbers of proposals."""
    kept = Counter(f"{host.kept / host.operations:.3g}" for host in hosts)
    print("share of the operations that is kept:", dict(kept))
    symmetric = [host for host in hosts if host.operations > 1]
    print(f"{len(symmetric)} hosts have more than the identity")
    print(f"hosts | {' | '.join(KINDS)} (each with those before it)")
    for least, most in ((1, FEW), (FEW + 1, 10**6), (1, 10**6)):
        some = [host for host in hosts if least <= host.inserted <= most]
        found = [sum(bool(host.right & set(KINDS[: n + 1])) for host in some) for n in range(3)]
        title = f"{least} to {most} H" if most < 10**6 else f"{least} H and more"
        print(f"{len(some)} with {title} | {' | '.join(map(str, found))}")
    for kind in (SYMMETRISED, WYCKOFF):
        print(f"{kind} per host: {np.mean([host.counts[kind] for host in hosts]):.2f}")


if __name__ == "__main__":
    main()
