"""Queries of the provenance of made-up nodes, and of restorations that ran."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import provenance_examples
import pytest

from aiida_hpaint.science.structures import StructureBatch, add_sites, read_hosts
from aiida_hpaint.science.structures.safe_text import escape_control_characters

pytestmark = pytest.mark.usefixtures("profile")

EXAMPLES = Path(__file__).parents[2] / "examples"
LABELS = ("mp-1 <b>\x1b[31m", "../poison", "c")


@pytest.fixture(scope="module")
def restoration(profile: Any) -> Any:
    brucite = add_sites(read_hosts(EXAMPLES / "hosts" / "brucite.cif"), "H:2")
    return provenance_examples.restored(
        replace(brucite[[0, 0, 0]], labels=LABELS), lost=LABELS[1:2]
    )


def references(restoration: Any, host_indices: list[int]) -> StructureBatch:
    batch = restoration.outputs.samples.batch
    ranked = [
        int(np.flatnonzero(batch.scalars["host"] == host_index)[0]) for host_index in host_indices
    ]
    return replace(batch[ranked], scalars={}).with_scalars(host=host_indices)


def test_the_provenance_of_a_restored_structure_is_complete(restoration: Any) -> None:
    from aiida_hpaint.queries import trace_structure

    structure = restoration.outputs.structures.host_00002
    record = trace_structure(structure)
    assert trace_structure(structure.pk) == trace_structure(structure.uuid) == record
    assert (record.label, record.role, record.process) == ("c", "candidate", restoration.pk)
    assert record.host is not None
    assert (record.host.host_index, record.host.pk) == (2, restoration.inputs.graph_inputs.hosts.pk)
    assert record.host.source["source"] == "brucite.cif"
    assert record.sample is not None
    assert (record.sample.number, record.sample.status, record.sample.rank) == (0, "converged", 0)
    assert record.sample.energy == -20.0
    assert record.inserted == {"H": 2}
    assert (record.seed, record.version) == (7, "0.1.0")
    assert record.model is not None
    assert (record.model.name, record.model.sha256) == ("m", "0f" * 32)
    assert record.potential is not None
    assert (record.potential.package, record.potential.sha256) == ("q 1", "1e" * 32)
    assert record.settings == {"sample": {"about": "sample"}, "relax_all": {"about": "relax_all"}}
    # Only the jobs of its own chunk, and not those of the hosts beside it.
    assert [job.stage for job in record.jobs] == ["sample", "relax_all"]
    assert {(job.code, job.computer, job.exit_status) for job in record.jobs} == {
        ("hpaint-python", "localhost", 0)
    }
    assert record.computers == ["localhost"]
    others = trace_structure(restoration.outputs.structures.host_00000)
    assert not {job.pk for job in record.jobs} & {job.pk for job in others.jobs}


def test_the_structure_data_of_a_host_is_found(brucite: StructureBatch) -> None:
    from aiida_hpaint.data.structure_batch import to_structure
    from aiida_hpaint.queries.sample_provenance import _find_structure
    from aiida_hpaint.science.structures import remove_inserted
    from aiida_hpaint.workflows.restore.host_nodes import make_host_node

    given = to_structure(remove_inserted(brucite))
    node = make_host_node(given, {"H": 2})
    assert _find_structure(node.batch.metadata[0]["uuid"]) == given.pk


def test_samples_of_a_host_with_their_statuses(restoration: Any) -> None:
    from aiida_hpaint.queries import find_samples

    found = find_samples(LABELS[0], restoration.pk)
    assert [(one.number, one.status, one.rank) for one in found] == [
        (0, "converged", 0),
        (1, "too close", None),
    ]
    assert {(one.host_index, one.process) for one in found} == {(0, restoration.pk)}
    lost = find_samples(LABELS[1], restoration.pk)
    assert {one.status for one in lost} == {"failed"}
    assert all("ended without a result" in one.error for one in lost)
    assert len(find_samples(LABELS[0])) >= 2
    with pytest.raises(ValueError, match="no restoration has samples of a host 'nowhere'"):
        find_samples("nowhere")
    with pytest.raises(ValueError, match="process 1234567 has no samples"):
        find_samples(LABELS[0], 1234567)


def test_hosts_that_failed_by_reason(restoration: Any) -> None:
    from aiida_hpaint.queries import find_failed_hosts, group_by_reason

    (failed,) = find_failed_hosts(restoration.pk)
    assert (failed.label, failed.host_index, dict(failed.statuses)) == (
        "../poison",
        1,
        {"failed": 2},
    )
    assert failed.process == restoration.pk
    everywhere = find_failed_hosts()
    assert failed in everywhere
    # The number of the job is no part of the reason.
    assert failed in group_by_reason(everywhere)["it ended without a result"]


def test_failed_restore_hydrogen_work_chains_are_found(restoration: Any) -> None:
    from aiida.orm import WorkChainNode

    from aiida_hpaint.queries import find_failed_hosts

    structure = restoration.outputs.structures.host_00000
    message = "The potential has no maximum that can hold a site: none"
    chain = provenance_examples.process(
        WorkChainNode,
        "RestoreHydrogenWorkChain",
        {"structure": structure},
        exit_status=403,
        exit_message=message,
    ).store()
    (failed,) = find_failed_hosts(chain.pk)
    assert (failed.label, failed.reason) == (structure.label, message)


def test_the_provenance_of_a_structure_relaxed_by_dft(restoration: Any) -> None:
    from aiida_hpaint.queries import find_hosts_below_reference, trace_structure

    given = references(restoration, [0, 2])
    energies = {"host_00000_rank_000": -20.5, "host_00000_reference": -20.0}
    energies |= {"host_00002_rank_000": -20.0, "host_00002_reference": -20.4}
    graph = provenance_examples.validated(restoration.outputs.samples, given, energies)
    lowest = trace_structure(graph.outputs.structures.host_00000)
    assert lowest.process == graph.pk
    assert lowest.dft is not None
    assert (lowest.dft.status, lowest.dft.energy) == ("converged", -20.5)
    assert lowest.dft.settings == {"cutoff_wfc": 30}
    assert [job.stage for job in lowest.jobs] == ["sample", "relax_all", "relax"]
    assert lowest.host is not None
    assert lowest.host.label == LABELS[0]
    assert lowest.sample is not None
    assert lowest.sample.samples == restoration.outputs.samples.pk

    compared = graph.outputs.summary.creator.inputs
    relaxed = trace_structure(compared.host_00000_rank_000__end)
    assert (relaxed.dft, relaxed.jobs) == (lowest.dft, lowest.jobs)
    start = trace_structure(compared.host_00002_rank_000__start)
    assert start.dft is None
    assert [job.stage for job in start.jobs] == ["sample", "relax_all"]
    reference = trace_structure(compared.host_00000_reference__end)
    assert (reference.role, reference.host, len(reference.jobs)) == ("reference", None, 1)

    (below,) = find_hosts_below_reference(process=graph.pk)
    assert (below.label, below.dft, below.process) == (
        escape_control_characters(LABELS[0]),
        True,
        graph.pk,
    )
    assert below.margin == pytest.approx(0.1)
    assert below.matches is True
    assert find_hosts_below_reference(0.11, graph.pk) == []
    assert below in find_hosts_below_reference(0.05)


def test_hosts_below_the_reference_in_benchmarks(samples: StructureBatch) -> None:
    from benchmark_rows import make_rows

    from aiida_hpaint.queries import find_hosts_below_reference

    rows = make_rows(0.5)
    graph = provenance_examples.benchmarked(rows, samples)
    lowest = {row.label: row.lowest.energy_difference for row in rows if row.lowest is not None}
    wanted = {
        label: -value for label, value in lowest.items() if value is not None and value < -0.001
    }
    found = find_hosts_below_reference(0.001, graph.pk)
    assert {host.label: host.margin for host in found} == wanted
    assert not any(host.dft for host in found)
    assert [host.margin for host in found] == sorted(wanted.values(), reverse=True)


@pytest.mark.parametrize("what", ["process", "batch", "stranger", "nothing"])
def test_other_nodes_are_refused(restoration: Any, what: str) -> None:
    from aiida_hpaint.data.structure_batch import to_structure
    from aiida_hpaint.queries import trace_structure

    sample = restoration.outputs.samples
    given = {
        "process": lambda: restoration.pk,
        "batch": lambda: sample.pk,
        "stranger": lambda: to_structure(sample.batch[0]).store().pk,
        "nothing": lambda: 123456789,
    }[what]()
    message = {
        "process": "is a process: give one of its structures: .*(c)",
        "batch": "is not a structure, but StructureBatchData",
        "stranger": "was neither restored nor relaxed",
        "nothing": "there is no node 123456789",
    }[what]
    with pytest.raises(ValueError, match=message):
        trace_structure(given)


def test_the_number_of_queries_does_not_grow_with_hosts(brucite: StructureBatch) -> None:
    from aiida_hpaint.queries import find_failed_hosts, trace_structure

    few = provenance_examples.restored(brucite)
    labels = tuple(f"h{i}" for i in range(4))
    many = provenance_examples.restored(replace(brucite[[0] * 4], labels=labels), lost=labels[1:3])
    records = [few.outputs.structures.host_00000, many.outputs.structures.host_00003]
    assert len({count_queries(lambda one=one: trace_structure(one)) for one in records}) == 1
    assert count_queries(lambda: find_failed_hosts(few.pk)) == count_queries(
        lambda: find_failed_hosts(many.pk)
    )


def test_a_sample_does_not_depend_on_potentials_of_other_hosts(brucite: StructureBatch) -> None:
    """Hosts of a restoration from maxima of potentials may share a chunk."""
    from aiida.orm import Bool

    from aiida_hpaint.calculations.starting_points import collect_starting_points
    from aiida_hpaint.data.structure_batch import StructureBatchData
    from aiida_hpaint.queries.sample_provenance import _find_jobs

    sample = replace(brucite, frac_coords=np.linspace(0, 0.8, 15).reshape(5, 3))
    starting_points = {
        f"host_{host_index:05d}": provenance_examples.stage(
            f"scf_{host_index}",
            StructureBatchData(brucite).store(),
            sample.with_scalars(host=[host_index], sample=[0], status=["sampled"]),
            {},
        )
        for host_index in (0, 1)
    }
    chunk = collect_starting_points(to_refine=Bool(False), **starting_points)
    relaxed = provenance_examples.stage(
        "relax_all", chunk, chunk.batch, provenance_examples.POTENTIAL
    )
    assert [job.stage for job in _find_jobs(relaxed.pk, 0)] == ["scf_0", "relax_all"]
    assert [job.stage for job in _find_jobs(relaxed.pk, 1)] == ["scf_1", "relax_all"]


def count_queries(ask: Any) -> int:
    """Return the number of SQL queries of a call."""
    from aiida.manage import get_manager
    from sqlalchemy import event

    engine = get_manager().get_profile_storage().get_session().get_bind()
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        ask()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


@pytest.mark.slow
def test_the_provenance_of_a_real_restoration(half_restored: Any) -> None:
    from aiida.orm import CalcJobNode

    from aiida_hpaint.queries import find_failed_hosts, find_samples, trace_structure
    from aiida_hpaint.queries.formatting import format_provenance

    node = half_restored
    restored, lost = node.inputs.graph_inputs.hosts.batch.labels
    record = trace_structure(node.outputs.structures.host_00000)
    stages = ["sample", "relax_inserted", "relax_all"]
    assert [job.stage for job in record.jobs] == stages == list(record.settings)
    ran = {one.pk for one in node.called_descendants if isinstance(one, CalcJobNode)}
    assert {job.pk for job in record.jobs} < ran
    assert record.model is not None
    assert (record.model.name, record.seed) == ("random", 0)
    assert record.potential is not None
    assert record.potential.name == "sevennet-0"
    assert len(record.potential.sha256 or "") == 64
    assert record.settings["relax_all"]["relaxation"]["max_steps"] == 1
    assert record.process == node.pk
    assert record.sample is not None
    known = node.outputs.samples.batch[record.sample.row]
    assert record.sample.energy == known.scalars["energy"][0]
    assert "Jobs: 3, on localhost" in format_provenance(record)

    assert [one.number for one in find_samples(restored, node.pk)] == [0, 1]
    (failed,) = find_failed_hosts(node.pk)
    assert failed.label == lost
    assert failed.reason.startswith("it ended without a result")


@pytest.mark.dft
def test_the_provenance_of_a_structure_restored_by_dft(lithium_hydride: Any) -> None:
    from aiida_hpaint.queries import trace_structure
    from aiida_hpaint.queries.formatting import format_provenance

    node = lithium_hydride
    assert node.is_finished_ok, node.exit_message
    record = trace_structure(node.outputs.structure)
    assert (record.label, record.inserted, record.process) == ("LiH", {"H": 1}, node.pk)
    assert record.host is not None
    assert record.host.structure == node.inputs.structure.pk
    assert record.dft is not None
    assert (record.dft.status, set(record.dft.settings)) == ("converged", {"peaks", "pinball"})
    assert [job.stage for job in record.jobs] == ["scf", "potential", "relax", "relax"]
    assert set(record.jobs[-1].pseudopotentials) == {"H", "Li"}
    assert "Restored by DFT alone" in format_provenance(record)
    assert "Pseudopotential of Li: Li.upf, MD5 " in format_provenance(record)
