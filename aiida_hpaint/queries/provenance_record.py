"""The record of a structure: what it came from, and what made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiida_hpaint.queries.samples import Sample

__all__ = [
    "KIND_RESTORED",
    "KIND_RESTORED_BY_DFT",
    "DftResult",
    "HostRecord",
    "JobRecord",
    "ModelRecord",
    "ProvenanceRecord",
]

KIND_RESTORED = "restored"
"""`Story.kind` of what a restoration or a validation of one returns."""

KIND_RESTORED_BY_DFT = "restored by DFT alone"
"""`Story.kind` of what RestoreHydrogenWorkChain returns."""


@dataclass(frozen=True)
class JobRecord:
    """One job on a computer.

    Attributes
    ----------
    pk, uuid
        Of its node.
    stage
        sample, score, relax_inserted or relax_all; of Quantum ESPRESSO what pw.x computed (scf,
        relax), or potential for pp.x.
    code, computer
        Labels, None where AiiDA knows of none.
    exit_status
        0 where all went well.
    cached_from
        UUID of the job whose results were taken instead of running it; None where it ran.
    settings
        As it got them.
    identity
        Package version, model and seed; empty for Quantum ESPRESSO.
    pseudopotentials
        Of Quantum ESPRESSO: element, file name and MD5, by element.
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
        As in the settings, or of its card.
    sha256
        Of its weights; None where it has none, or they are those of a package.
    package
        Name and version of the package that brings it; None where none does.
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
        In full.
    host_index
        Among the hosts of the node, from 0.
    pk, uuid
        Of the node that holds it: StructureBatchData or StructureData.
    source
        What was known of it: file, block of the CIF, and so on.
    structure
        PK of the StructureData that it was, None where it came from a file.
    """

    label: str
    host_index: int
    pk: int
    uuid: str
    source: Mapping[str, Any]
    structure: int | None


@dataclass(frozen=True)
class DftResult:
    """What density-functional theory says of a structure.

    Attributes
    ----------
    status, energy, max_force, message
        Energy in eV, force in eV/Å; None where they are not known.
    settings
        `DftSettings`, or of RestoreHydrogenWorkChain those of peaks and pinball.
    """

    status: str
    energy: float | None
    max_force: float | None
    message: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class ProvenanceRecord:
    """Where a structure comes from.

    Attributes
    ----------
    pk, uuid, label, formula
        Of the structure.
    kind
        `restored` or `restored by DFT alone`.
    role
        candidate, or reference where it is what candidates were compared with.
    host
        None where the structure was given complete, from a file.
    sample
        Which sample of the host it is; None for references and where DFT alone restored it.
    inserted
        How many sites of which element were inserted.
    version
        Of aiida-hpaint in the jobs; None where there is none in Python.
    seed, model, potential
        Of the restoration; None where it had none, or nothing says.
    settings
        Of each stage in Python, by its name.
    dft
        None where DFT had no say.
    jobs
        All that the structure depends on, in the order in which they were made.
    process
        PK of the outermost workflow that returned it; None where none did (yet).
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
    dft: DftResult | None
    jobs: tuple[JobRecord, ...]
    process: int | None

    @property
    def computers(self) -> list[str]:
        """Labels of the computers of the jobs, each once."""
        return sorted({job.computer for job in self.jobs if job.computer is not None})
