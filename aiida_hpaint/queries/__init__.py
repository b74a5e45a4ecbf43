"""Queries of the provenance: origins of structures, samples and failures of hosts."""

from aiida_hpaint.queries.failures import FailedHost, find_failed_hosts, group_by_reason
from aiida_hpaint.queries.provenance_graph import draw_provenance
from aiida_hpaint.queries.provenance_record import (
    DftRecord,
    HostRecord,
    JobRecord,
    ModelRecord,
    ProvenanceRecord,
)
from aiida_hpaint.queries.references import HostBelow, find_hosts_below_reference
from aiida_hpaint.queries.samples import Sample, find_samples
from aiida_hpaint.queries.tracing import list_structures, trace_structure

__all__ = [
    "DftRecord",
    "FailedHost",
    "HostBelow",
    "HostRecord",
    "JobRecord",
    "ModelRecord",
    "ProvenanceRecord",
    "Sample",
    "draw_provenance",
    "find_failed_hosts",
    "find_hosts_below_reference",
    "find_samples",
    "group_by_reason",
    "list_structures",
    "trace_structure",
]
