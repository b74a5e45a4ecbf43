"""The provenance record of a structure: host, sample, models, settings and jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida_hpaint.queries.samples import Sample

__all__ = [
    "KIND_RESTORED",
    "KIND_RESTORED_BY_DFT",
    "DftRecord",
    "HostRecord",
    "JobRecord",
    "ModelRecord",
    "ProvenanceRecord",
]

KIND_RESTORED = "restored"
"""`Story.kind` of structures from a restoration or its validation."""

KIND_RESTORED_BY_DFT = "restored by DFT alone"
"""`Story.kind` of structures from RestoreHydrogenWorkChain."""


@dataclass(frozen=True)
class JobRecord:
    """One job on a computer.

    Attributes
    ----------
    pk, uuid
        PK and UUID of its node.
    stage
        sample, score, relax_inserted or relax_all; for Quantum ESPRESSO the calculation of pw.x
        (scf, relax), or potential for pp.x.
    code, computer
        Labels; None if AiiDA knows none.
    exit_status
        0 for success.
    cached_from
        UUID of the job whose results AiiDA's caching reused; None if the job ran.
    settings
        Settings that it received.
    identity
        Package version, model and seed; empty for Quantum ESPRESSO.
    pseudopotentials
        Element, file name and MD5 by element; empty except for Quantum ESPRESSO.
    """

    pk: int
    uuid: str
    stage: str
    code: str | None
    computer: str | None
    exit_status: int | None
    cached_from: str | None
    settings: Mapping[str, Any]
    identity: Mapping[str, Any]
    pseudopotentials: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class ModelRecord:
    """A generator or a potential.

    Attributes
    ----------
    name
        Name in the settings or on its card.
    sha256
        SHA-256 of its weights; None if it has none, or they are part of a package.
    package
        Name and version of the package that contains it, or None.
    """

    name: str
    sha256: str | None
    package: str | None


@dataclass(frozen=True)
class HostRecord:
    """The host of a structure.

    Attributes
    ----------
    label
        Full label.
    host_index
        Index in the node, from 0.
    pk, uuid
        PK and UUID of the node with the host: StructureBatchData or StructureData.
    source
        Metadata of the host: file, block of the CIF, and so on.
    structure
        PK of the StructureData of the host; None if it was read from a file.
    """

    label: str
    host_index: int
    pk: int
    uuid: str
    source: Mapping[str, Any]
    structure: int | None


@dataclass(frozen=True)
class DftRecord:
    """The result of a relaxation by density-functional theory.

    Attributes
    ----------
    status, energy, max_force, message
        Energy in eV and force in eV/Å; None if unknown.
    settings
        `DftSettings`; for RestoreHydrogenWorkChain the settings of peaks and pinball.
    """

    status: str
    energy: float | None
    max_force: float | None
    message: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class ProvenanceRecord:
    """The provenance of a structure.

    Attributes
    ----------
    pk, uuid, label, formula
        Node, label and formula of the structure.
    kind
        `restored` or `restored by DFT alone`.
    role
        candidate, or reference for a structure that candidates were compared with.
    host
        Host; None if the structure was given complete.
    sample
        Sample of the host; None for references and for structures restored by DFT alone.
    inserted
        Number of inserted sites by element.
    version
        Version of aiida-hpaint in the jobs; None if no job ran in Python.
    seed, model, potential
        Seed and models of the restoration; None if it had none, or they are unknown.
    settings
        Settings of each stage that ran in Python, by its name.
    dft
        Result of the relaxation by DFT; None without one.
    jobs
        All jobs that the structure depends on, in the order of their creation.
    process
        PK of the outermost workflow that returned it, or None.
    """

    pk: int
    uuid: str
    label: str
    formula: str
    kind: str
    role: str
    host: HostRecord | None
    sample: Sample | None
    inserted: Mapping[str, int]
    version: str | None
    seed: int | None
    model: ModelRecord | None
    potential: ModelRecord | None
    settings: Mapping[str, Mapping[str, Any]]
    dft: DftRecord | None
    jobs: tuple[JobRecord, ...]
    process: int | None

    @property
    def computers(self) -> list[str]:
        """Labels of the computers of the jobs, sorted, each once."""
        return sorted({job.computer for job in self.jobs if job.computer is not None})
