"""What all settings have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float64", "float32", "bfloat16"]
Scheme = Literal["td", "pos-only", "baseline", "repaint"]
"""Inpainting schemes: how host sites enter the sampling; see `diffusion.sampling.schemes`."""

SampledCell = Literal["fixed", "free"]
"""Whether samples have the cell of their host or cells of their own."""

SearchedCell = Literal["primitive", "file", "both"]
"""Cells that hosts are searched in, which are smaller than those of their files if sites repeat.

'primitive' takes the primitive cell of the known sites. 'both' takes that cell, too, and where the
file does not say that inserted sites repeat with the known ones, the larger cell as well. 'file'
takes the cell of the file. Results are always in the cell of the file."""

CHUNK_SITES = 2000
"""Largest number of host sites in a chunk, which goes through the recipe on its own."""

ONE_JOB_SITES = 2000
"""Sites in all samples of all hosts, up to which one job of a chunk runs all stages."""

CAMPAIGN_CHUNK_SITES = 5000
"""The same for campaigns: with thousands of hosts, fewer and longer jobs."""


class Settings(BaseModel):
    """Base class of all settings: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
