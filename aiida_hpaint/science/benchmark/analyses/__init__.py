"""Analyses of stored benchmarks, side by side: settings, potentials, distances, training, failures.

They read the folders that a benchmark writes, and run nothing. Each gives an `Analysis`: a table,
records for CSV, a figure, and what was left out. They follow the supporting information of Reents
et al. (npj Comput. Mater. 12, 203 (2026)).
"""

from __future__ import annotations

from aiida_hpaint.science.benchmark.analyses.analysis import Analysis, write_analysis
from aiida_hpaint.science.benchmark.analyses.distances import analyse_distances
from aiida_hpaint.science.benchmark.analyses.energies import read_benchmark_energies
from aiida_hpaint.science.benchmark.analyses.failures import analyse_failures
from aiida_hpaint.science.benchmark.analyses.potentials import analyse_potentials
from aiida_hpaint.science.benchmark.analyses.sampling import analyse_sampling
from aiida_hpaint.science.benchmark.analyses.similarity import analyse_similarity
from aiida_hpaint.science.benchmark.analyses.stored_runs import StoredRun, read_stored_runs

__all__ = [
    "Analysis",
    "StoredRun",
    "analyse_distances",
    "analyse_failures",
    "analyse_potentials",
    "analyse_sampling",
    "analyse_similarity",
    "read_benchmark_energies",
    "read_stored_runs",
    "write_analysis",
]
