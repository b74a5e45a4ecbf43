"""Questions to the provenance: where structures come from, and what became of hosts."""

from aiida_hpaint.queries.failures import FailedHost, by_reason, failed_hosts
from aiida_hpaint.queries.origin import trace
from aiida_hpaint.queries.references import HostBelow, hosts_below_reference
from aiida_hpaint.queries.samples import Sample, samples_of
from aiida_hpaint.queries.story import Job, Model, Origin, Relaxed, Story

__all__ = [
    "FailedHost",
    "HostBelow",
    "Job",
    "Model",
    "Origin",
    "Relaxed",
    "Sample",
    "Story",
    "by_reason",
    "failed_hosts",
    "hosts_below_reference",
    "samples_of",
    "trace",
]
