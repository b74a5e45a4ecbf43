"""An AiiDA archive, and what a walk through it finds."""

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
"""Generators that have none."""

_PYTHON = frozenset({"phases", *(stage.name for stage in STAGES)})
_PW = frozenset({"scf", "nscf", "relax", "vc-relax"})
_PP = frozenset({"potential"})
_INPUTS = (
    (_PYTHON, ("function_inputs__structures",)),
    (_PW, ("structure", "kpoints")),
    (_PP, ("parent_folder",)),
)
"""What the jobs of a stage begin with, by the labels of links."""

_CHAINS = {
    "DftRelaxWorkChain": ("structure", "settings"),
    "PotentialPeaksWorkChain": ("structure", "count", "peaks", "pinball"),
    "RestoreHydrogenWorkChain": ("structure", "count", "element", "peaks", "pinball"),
}
"""What says how a structure was relaxed or restored, beside its jobs."""


@dataclass(frozen=True)
class Archive:
    """What an archive holds.

    Attributes
    ----------
    path
        The file.
    jobs
        All jobs in it, the oldest first.
    weights
        Name and sha256 of all models and potentials that tell one.
    missing
        What a reader would miss, in words; none where the archive is complete.
    """

    path: Path
    jobs: tuple[JobRecord, ...]
    weights: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]


def write_archive(
    processes: Sequence[ProcessNode], path: Path, groups: Sequence[Group] = ()
) -> Archive:
    """Write processes with all that they called, used and made, and walk through what was written.

    Parameters
    ----------
    processes
        That have ended.
    path
        Of the file; there must be none.
    groups
        Groups of some of the processes, which are to be there again.

    Raises
    ------
    ValueError
        If a process, or one that it called, has not ended.
    """
    for node in processes:
        for one in (node, *_called(node)):
            if not one.is_terminated or not one.is_sealed:
                raise ValueError(
                    f"node {node.pk} cannot be exported: {one.process_label} {one.pk} has not "
                    "ended yet; see `verdi process list`"
                )
    create_archive([*processes, *groups], filename=path)
    return check_archive(path, [node.uuid for node in processes])


def check_archive(path: Path, processes: Sequence[str] = ()) -> Archive:
    """What an archive holds and lacks: settings, hashes, codes, computers, pseudopotentials, files.

    Parameters
    ----------
    path
        Of the archive.
    processes
        UUIDs of processes that have to be in it.
    """
    with get_format().open(path, "r") as archive:
        backend = archive.get_backend()
        jobs = read_all_jobs(backend)
        uuids = archive.querybuilder().append(ProcessNode, project="uuid").all(flat=True)
        missing = [f"process {uuid} is missing" for uuid in processes if uuid not in set(uuids)]
        given = _links(archive.querybuilder())
        kinds = _kinds(archive.querybuilder())
        for job in jobs:
            lacks = [*_gaps(job), *_without_input(job, given.get(job.uuid, set()))]
            lacks += _without_pseudo(job, kinds.get(job.uuid, set()))
            missing += [f"job {job.uuid} ({job.stage}): {gap}" for gap in lacks]
        batches = archive.querybuilder().append(StructureBatchData).all(flat=True)
        missing += [f"node {node.uuid}: {gap}" for node in batches for gap in _unread(node)]
        missing += _open_processes(archive.querybuilder())
        missing += _bare_chains(archive.querybuilder())
        missing += _wrong_pseudos(archive.querybuilder())
        models = [model for node in batches for model in node.base.attributes.get("models", [])]
    weights = {(model["name"], model["sha256"]) for model in models if "sha256" in model}
    return Archive(path, tuple(jobs), tuple(sorted(weights)), tuple(sorted(missing)))


def _called(node: ProcessNode) -> list[ProcessNode]:
    return node.called_descendants if isinstance(node, WorkflowNode) else []


def _open_processes(query: QueryBuilder) -> Iterator[str]:
    """Processes that a daemon would take up; an honest archive has none."""
    query.append(ProcessNode, project=["uuid", "attributes.sealed", "attributes.checkpoints"])
    for uuid, sealed, checkpoint in query.all():
        if not sealed or checkpoint is not None:
            yield f"process {uuid} has not ended, and would go on: do not import it"


def _bare_chains(query: QueryBuilder) -> Iterator[str]:
    """Work chains of DFT that do not say what they were asked."""
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


def _kinds(query: QueryBuilder) -> dict[str, set[str]]:
    """Names of the kinds of sites of each job's structure, by its UUID."""
    query.append(CalcJobNode, project="uuid", tag="job")
    query.append(
        StructureData,
        with_outgoing="job",
        edge_filters={"label": "structure"},
        project="attributes.kinds",
    )
    return {uuid: {kind["name"] for kind in kinds} for uuid, kinds in query.all()}


def _without_pseudo(job: JobRecord, kinds: set[str]) -> Iterator[str]:
    if job.stage in _PW and job.pseudopotentials:
        for kind in sorted(kinds - job.pseudopotentials.keys()):
            yield f"it has no pseudopotential of {kind}"


def _wrong_pseudos(query: QueryBuilder) -> Iterator[str]:
    """Pseudopotentials whose file is another one than their hash says."""
    query.append(CalcJobNode, tag="job")
    query.append(Data, with_outgoing="job", edge_filters={"label": {"like": "pseudos__%"}})
    for node in query.distinct().all(flat=True):
        name, told = (node.base.attributes.get(key, "") for key in ("filename", "md5"))
        if name not in node.base.repository.list_object_names():
            yield f"node {node.uuid}: the file of the pseudopotential {name} is missing"
            continue
        content = node.base.repository.get_object_content(name, mode="rb")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != told:
            yield f"node {node.uuid}: the pseudopotential {name} is another one than its MD5 says"


def _links(query: QueryBuilder) -> dict[str, set[str]]:
    """Labels of the inputs of each job, by its UUID."""
    query.append(CalcJobNode, project="uuid", tag="job")
    query.append(Data, with_outgoing="job", edge_project="label")
    found: dict[str, set[str]] = {}
    for uuid, label in query.all():
        found.setdefault(uuid, set()).add(label)
    return found


def _without_input(job: JobRecord, labels: set[str]) -> Iterator[str]:
    for stages, needed in _INPUTS:
        if job.stage in stages:
            yield from (f"it has no input {label}" for label in needed if label not in labels)


def _gaps(job: JobRecord) -> Iterator[str]:
    if job.code is None:
        yield "it has no code"
    if job.computer is None:
        yield "it has no computer"
    if not job.settings and job.stage in _PYTHON | _PW | _PP:
        yield "it has no settings"
    if job.stage in _PYTHON:
        yield from _unnamed(job)
    if job.stage in _PW and not job.pseudopotentials:
        yield "it has no pseudopotentials"
    for element, pseudo in job.pseudopotentials.items():
        if not pseudo["md5"] or not pseudo["filename"]:
            yield f"the pseudopotential of {element} has no name or no hash"


def _unnamed(job: JobRecord) -> Iterator[str]:
    """What an identity does not say."""
    model = job.identity.get("model", {})
    if not job.identity.get("version"):
        yield "nothing says which version of aiida-hpaint it ran"
    if not model.get("name"):
        yield "nothing says which model it ran"
    elif not {"sha256", "package_version"} & model.keys() and model["name"] not in _WITHOUT_WEIGHTS:
        yield f"model {model['name']} has neither a sha256 nor the version of a package"


def _unread(node: StructureBatchData) -> Iterator[str]:
    """Whether the content of a batch is there."""
    names = node.base.repository.list_object_names()
    if StructureBatchData.FILENAME not in names:
        yield f"its file {StructureBatchData.FILENAME} is missing"
        return
    try:
        count = len(node.batch)
    except Exception as error:  # whatever is wrong with a file, the walk goes on
        yield f"its file {StructureBatchData.FILENAME} cannot be read: {error}"
        return
    if count != len(node):
        yield f"it holds {count} structures instead of {len(node)}"
