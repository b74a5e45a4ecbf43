"""Crystal structures: batches, files, hosts and their checks. No AiiDA, no torch."""

from __future__ import annotations

from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.determine import determine_budget
from aiida_hpaint.science.structures.budget.types import Evidence, HydrogenBudget
from aiida_hpaint.science.structures.checks import (
    HostLimits,
    check_hosts,
    find_problems,
    separate_usable_hosts,
)
from aiida_hpaint.science.structures.chunks import chunk_by_sites
from aiida_hpaint.science.structures.conversion import from_ase, from_pymatgen, to_ase, to_pymatgen
from aiida_hpaint.science.structures.errors import HostError, HostProblem, IsotopeWarning
from aiida_hpaint.science.structures.extxyz import read_extxyz, write_extxyz
from aiida_hpaint.science.structures.hosts import partition_hosts, prepare_hosts, read_hosts
from aiida_hpaint.science.structures.insertion import (
    add_sites,
    parse_insert,
    remove_inserted,
    remove_sites,
)
from aiida_hpaint.science.structures.npz import load_npz, save_npz
from aiida_hpaint.science.structures.reading import read_records
from aiida_hpaint.science.structures.records import Record
from aiida_hpaint.science.structures.safe_text import (
    escape_control_characters,
    escape_for_spreadsheet,
    make_safe_name,
    make_safe_names,
    quote_for_shell,
)
from aiida_hpaint.science.structures.status import ACTIVE, RELAXED, SampleStatus
from aiida_hpaint.science.structures.trajectory import Recording, Trajectory
from aiida_hpaint.science.structures.writing import remove_restored, write_cif, write_restored

__all__ = [
    "ACTIVE",
    "RELAXED",
    "Evidence",
    "HostError",
    "HostLimits",
    "HostProblem",
    "HydrogenBudget",
    "IsotopeWarning",
    "Record",
    "Recording",
    "SampleStatus",
    "StructureBatch",
    "Trajectory",
    "add_sites",
    "check_hosts",
    "chunk_by_sites",
    "concatenate",
    "determine_budget",
    "escape_control_characters",
    "escape_for_spreadsheet",
    "find_problems",
    "from_ase",
    "from_pymatgen",
    "load_npz",
    "make_safe_name",
    "make_safe_names",
    "parse_insert",
    "partition_hosts",
    "prepare_hosts",
    "quote_for_shell",
    "read_extxyz",
    "read_hosts",
    "read_records",
    "remove_inserted",
    "remove_restored",
    "remove_sites",
    "save_npz",
    "separate_usable_hosts",
    "to_ase",
    "to_pymatgen",
    "write_cif",
    "write_extxyz",
    "write_restored",
]
