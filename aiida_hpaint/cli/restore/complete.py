"""Complete structures of several files, for the commands that judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.cli.verbosity import say

if TYPE_CHECKING:
    from aiida_hpaint.science.structures import StructureBatch

__all__ = ["read_complete"]


def read_complete(files: Sequence[Path]) -> StructureBatch:
    """Read structures all of whose sites have positions, under names that tell them apart.

    What was assumed about them is printed. Scalars, which results have, are left out.

    Raises
    ------
    CommandError
        If a site has no position.
    HostError
        If a file cannot be read.
    """
    from aiida_hpaint.cli.console import list_assumptions
    from aiida_hpaint.science.structures import read_hosts
    from aiida_hpaint.science.structures.batch import concatenate
    from aiida_hpaint.science.structures.distinct_names import make_distinct

    batches = [replace(read_hosts(file), scalars={}) for file in files]
    found = concatenate(batches)
    folders = [
        str(file.parent) for file, batch in zip(files, batches, strict=True) for _ in batch.labels
    ]
    found = replace(found, labels=tuple(make_distinct(found.labels, folders)))
    for label, placed in zip(found.labels, found.placed, strict=True):
        if not placed:
            raise CommandError(f"{label}: sites to insert have no positions: restore it first")
    for line in list_assumptions(found):
        say(f"Note: {line}")
    return found
