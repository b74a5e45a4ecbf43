r"""Relax the H of complete structures, whose lengths X-rays see too short, for training.

    python benchmarks/relaxed_hydrogen.py references.extxyz --half final --output training.extxyz \
        --apart held_out.extxyz

All other sites stay. Structures whose H do not come to rest, or leave the atoms that carry them,
are left out. With `--half` only one half by formula is taken, see `find_half`; `--apart` is where
the other is written, as it is: a model must not be trained on anything like it.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from aiida_hpaint.science.benchmark.references import Half, read_references
from aiida_hpaint.science.plausibility import find_parents
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.settings import PotentialSettings, RelaxationSettings
from aiida_hpaint.science.structures.batch import StructureBatch
from aiida_hpaint.science.structures.extxyz import write_extxyz
from aiida_hpaint.science.structures.status import SampleStatus


def main() -> None:
    """Relax and write what is of use; print how many structures that is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("references", type=Path)
    parser.add_argument("--half", choices=("tune", "final"))
    parser.add_argument("--apart", type=Path)
    parser.add_argument("--max-sites", type=int, default=80)
    parser.add_argument("--output", type=Path, required=True)
    chosen = parser.parse_args()
    if chosen.apart is not None:
        other: Half = "tune" if chosen.half == "final" else "final"
        kept = read_references([chosen.references], half=other).complete
        write_extxyz(replace(kept, scalars={}), chosen.apart)
    warnings.simplefilter("ignore")
    complete = read_references([chosen.references], half=chosen.half).complete
    small = complete[np.flatnonzero(complete.site_counts <= chosen.max_sites)]
    status = np.full(len(small), SampleStatus.SAMPLED.value)
    settings = RelaxationSettings(moving="inserted", fmax=0.05, max_steps=100, give_up_above=None)
    relaxed = relax(replace(small, scalars={"status": status}), settings, PotentialSettings())
    good = np.flatnonzero(
        [
            float(after.scalars["max_force"][0]) < 0.3 and keeps_parents(before, after)
            for before, after in zip(small, relaxed, strict=True)
        ]
    )
    write_extxyz(replace(relaxed[good], scalars={}, history=()), chosen.output)
    print(f"{len(complete)} structures, {len(small)} small enough, {len(good)} of use")


def keeps_parents(before: StructureBatch, after: StructureBatch) -> bool:
    """Return whether each atom carries as many H as before."""
    return sorted(find_parents(before)) == sorted(find_parents(after))


if __name__ == "__main__":
    main()
