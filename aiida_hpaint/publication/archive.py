"""AiiDA archives of results: writing them, and checking that they are complete."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from aiida.orm import (
    CalcJobNode,
    Data,
    Group,
    ProcessNode,
    QueryBuilder,
    StructureData,
    WorkChainNode,
    WorkflowNode,
)
from aiida.tools.archive import create_archive
from aiida.tools.archive.abstract import get_format

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.queries.ancestors import read_all_jobs
from aiida_hpaint.queries.provenance_record import JobRecord
from aiida_hpaint.science.diffusion.sampling.generators import BUILT_IN
from aiida_hpaint.science.recipe import STAGES

__all__ = ["ARCHIVE_FILE", "Archive", "check_archive", "write_archive"]

ARCHIVE_FILE = "archive.aiida"

_WITHOUT_WEIGHTS = frozenset({*BUILT_IN, "peaks"})
"""Generators that have no weights."""

_PYTHON = frozenset({"phases", *(stage.name for stage in STAGES)})
_PW = frozenset({"scf", "nscf", "relax", "vc-relax"})
_PP = frozenset({"potential"})
_INPUTS = (
    (_PYTHON, ("function_inputs__structures",)),
    (_PW, ("structure", "kpoints")),
    (_PP, ("parent_folder",)),
)
"""Link labels of the inputs that jobs need, by their stages."""

_CHAINS = {
    "DftRelaxWorkChain": ("structure", "settings"),
    "PotentialPeaksWorkChain": ("structure", "count", "peaks", "pinball"),
    "RestoreHydrogenWorkChain": ("structure", "count", "element", "peaks", "pinball"),
}
"""Link labels of the inputs that work chains of DFT need."""


@dataclass(frozen=True)
class Archive:
    """The content of an archive, and what is missing.

    Attributes
    ----------
    path
        Path of the file.
    jobs
        What all jobs in it did, the oldest first: a job of several stages has a record for each.
    weights
        Name and SHA-256 of all models and potentials that have one.
    missing
        Messages on missing data; none if the archive is complete.
    """

    path: Path
    jobs: tuple[JobRecord, ...]
    weights: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]

    @property
    def job_count(self) -> int:
        """Number of jobs."""
        return len({job.uuid for job in self.jobs})


def write_archive(
    processes: Sequence[ProcessNode], path: Path, groups: Sequence[Group] = ()
) -> Archive:
    """Write processes with all processes that they called, inputs and outputs, and check the file.

    Parameters
    ----------
    processes
        Processes that have ended.
    path
        Path of the new file.
    groups
        Groups of the processes that are written, too.

    Raises
    ------
    ValueError
        If a process, or one that it called, has not ended.
    """
    for node in processes:
        called = node.called_descendants if isinstance(node, WorkflowNode) else []
        for one in (node, *called):
            if not one.is_terminated or not one.is_sealed:
                raise ValueError(
                    f"node {node.pk} cannot be exported: {one.process_label} {one.pk} has not "
                    "ended yet; see `verdi process list`"
                )
    create_archive([*processes, *groups], filename=path)
    return check_archive(path, [node.uuid for node in processes])


def check_archive(path: Path, processes: Sequence[str] = ()) -> Archive:
    """Check an archive: settings, hashes, codes, computers, pseudopotentials and files.

    Parameters
    ----------
    path
        Path of the archive.
    processes
        UUIDs of processes that must be in it.
    """
    with get_format().open(path, "r") as archive:
        backend = archive.get_backend()
        jobs = read_all_jobs(backend)
        uuids = archive.querybuilder().append(ProcessNode, project="uuid").all(flat=True)
        missing = [f"process {uuid} is missing" for uuid in processes if uuid not in set(uuids)]
        labels = _read_input_labels(archive.querybuilder())
        kinds = _read_kinds(archive.querybuilder())
        for job in jobs:
            gaps = _check_job(job, labels.get(job.uuid, set()), kinds.get(job.uuid, set()))
            missing += [f"job {job.uuid} ({job.stage}): {gap}" for gap in gaps]
        batches = archive.querybuilder().append(StructureBatchData).all(flat=True)
        missing += [f"node {node.uuid}: {gap}" for node in batches for gap in _check_batch(node)]
        missing += _find_open_processes(archive.querybuilder())
        missing += _check_dft_inputs(archive.querybuilder())
        missing += _check_pseudopotential_files(archive.querybuilder())
        models = [model for node in batches for model in node.base.attributes.get("models", [])]
    weights = {(model["name"], model["sha256"]) for model in models if "sha256" in model}
    return Archive(path, tuple(jobs), tuple(sorted(weights)), tuple(sorted(missing)))


def _find_open_processes(query: QueryBuilder) -> Iterator[str]:
    """Yield processes that a daemon would continue; AiiDA itself exports none."""
    query.append(ProcessNode, project=["uuid", "attributes.sealed", "attributes.checkpoints"])
    for uuid, sealed, checkpoint in query.all():
        if not sealed or checkpoint is not None:
            yield f"process {uuid} has not ended: a daemon would continue it, do not import it"


def _check_dft_inputs(query: QueryBuilder) -> Iterator[str]:
    """Yield missing inputs of work chains of DFT."""
    query.append(
        WorkChainNode,
        filters={"attributes.process_label": {"in": list(_CHAINS)}},
        project=["uuid", "attributes.process_label"],
        tag="chain",
    )
    query.append(Data, with_outgoing="chain", edge_project="label", outerjoin=True)
    found: dict[tuple[str, str], set[str]] = {}
    for uuid, label, link in query.all():
        found.setdefault((uuid, label), set()).add(link)
    for (uuid, label), links in found.items():
        for name in _CHAINS[label]:
            if name not in links:
                yield f"{label} {uuid}: it has no input {name}"


def _read_kinds(query: QueryBuilder) -> dict[str, set[str]]:
    """Return the kind names in the structure of each job of Quantum ESPRESSO, by its UUID."""
    query.append(CalcJobNode, project="uuid", tag="job")
    query.append(
        StructureData,
        with_outgoing="job",
        edge_filters={"label": "structure"},
        project="attributes.kinds",
    )
    return {uuid: {kind["name"] for kind in kinds} for uuid, kinds in query.all()}


def _check_pseudopotential_files(query: QueryBuilder) -> Iterator[str]:
    """Yield pseudopotentials whose file is missing, or does not match their hash."""
    query.append(CalcJobNode, tag="job")
    query.append(Data, with_outgoing="job", edge_filters={"label": {"like": "pseudos__%"}})
    for node in query.distinct().all(flat=True):
        name, md5 = (node.base.attributes.get(key, "") for key in ("filename", "md5"))
        if name not in node.base.repository.list_object_names():
            yield f"node {node.uuid}: the file of the pseudopotential {name} is missing"
            continue
        content = node.base.repository.get_object_content(name, mode="rb")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
            yield f"node {node.uuid}: the pseudopotential {name} does not match its MD5"


def _read_input_labels(query: QueryBuilder) -> dict[str, set[str]]:
    """Return the link labels of the inputs of each job, by its UUID."""
    query.append(CalcJobNode, project="uuid", tag="job")
    query.append(Data, with_outgoing="job", edge_project="label")
    found: dict[str, set[str]] = {}
    for uuid, label in query.all():
        found.setdefault(uuid, set()).add(label)
    return found


def _check_job(job: JobRecord, labels: set[str], kinds: set[str]) -> Iterator[str]:
    """Yield what is missing of a job with these input labels and kinds of sites."""
    if job.code is None:
        yield "it has no code"
    if job.computer is None:
        yield "it has no computer"
    if not job.settings and job.stage in _PYTHON | _PW | _PP:
        yield "it has no settings"
    for stages, needed in _INPUTS:
        if job.stage in stages:
            yield from (f"it has no input {label}" for label in needed if label not in labels)
    if job.stage in _PYTHON:
        yield from _check_identity(job)
    if job.stage in _PW and not job.pseudopotentials:
        yield "it has no pseudopotentials"
    elif job.stage in _PW:
        missing = sorted(kinds - job.pseudopotentials.keys())
        yield from (f"it has no pseudopotential of {kind}" for kind in missing)
    for element, pseudo in job.pseudopotentials.items():
        if not pseudo["md5"] or not pseudo["filename"]:
            yield f"the pseudopotential of {element} has no name or no hash"


def _check_identity(job: JobRecord) -> Iterator[str]:
    """Yield what is missing in the identity of a job: version and model."""
    model = job.identity.get("model", {})
    if not job.identity.get("version"):
        yield "its version of aiida-hpaint is unknown"
    if not model.get("name"):
        yield "its model is unknown"
    elif not {"sha256", "package_version"} & model.keys() and model["name"] not in _WITHOUT_WEIGHTS:
        yield f"model {model['name']} has neither a sha256 nor the version of a package"


def _check_batch(node: StructureBatchData) -> Iterator[str]:
    """Yield what is wrong with the content of a batch."""
    names = node.base.repository.list_object_names()
    if StructureBatchData.FILENAME not in names:
        yield f"its file {StructureBatchData.FILENAME} is missing"
        return
    try:
        count = len(node.batch)
    except Exception as error:  # whatever is wrong with a file, the check goes on
        yield f"its file {StructureBatchData.FILENAME} cannot be read: {error}"
        return
    if count != len(node):
        yield f"it holds {count} structures instead of {len(node)}"
