"""Inputs of pw.x work chains from our settings, by way of aiida-quantumespresso's protocols."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from aiida.orm import AbstractCode, Dict, StructureData
from aiida.plugins import CalculationFactory
from aiida_quantumespresso.workflows.pw.base import PwBaseWorkChain

from aiida_hpaint.science.settings import DftSettings
from aiida_hpaint.workflows.dft.families import cutoffs, pick_family
from aiida_hpaint.workflows.dft.magnetism import spin_type
from aiida_hpaint.workflows.engine.options import check_options

__all__ = ["Calculation", "base_inputs", "pick_family", "pw_options", "without_structure"]

Calculation = Literal["scf", "relax"]

_BASIS = "balanced"
"""Protocol of aiida-quantumespresso below ours, which sets all that it has a setting for."""


def base_inputs(
    code: AbstractCode,
    structure: StructureData,
    settings: DftSettings,
    *,
    calculation: Calculation = "scf",
    options: Mapping[str, Any] | None = None,
    charge: float = 0,
    fixed: Sequence[bool] | None = None,
) -> dict[str, Any]:
    """Inputs of a PwBaseWorkChain.

    Parameters
    ----------
    structure
        Calculated as it is: `symmetrise_structure` is a step of its own.
    calculation
        "scf", or "relax" for positions at a fixed cell.
    options
        `metadata.options` of the jobs; see `pw_options`.
    charge
        `tot_charge` of pw.x: positive where electrons are missing, in units of e.
    fixed : (sites,)
        True where a site must not move.

    Raises
    ------
    ValueError
        If there is no family of pseudopotentials, it lacks an element or cutoffs, or `fixed` has
        not one value a site.
    """
    elements = sorted(structure.get_symbols_set())
    family = pick_family(settings, elements)
    builder = PwBaseWorkChain.get_builder_from_protocol(
        code,
        structure,
        protocol=_BASIS,
        overrides=_overrides(settings, structure, family, calculation, charge),
        spin_type=spin_type(settings, elements),
        options=pw_options(code, options),
    )
    if fixed is not None:
        builder.pw.settings = Dict({"FIXED_COORDS": _fixed_coords(structure, fixed)})
    inputs: dict[str, Any] = builder._inputs(prune=True)
    return inputs


def without_structure(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a work chain that sets the structure itself takes of `base_inputs`."""
    pw = {name: value for name, value in inputs["pw"].items() if name != "structure"}
    kept = {name: value for name, value in inputs.items() if name != "clean_workdir"}
    return {**kept, "pw": pw}


def pw_options(code: AbstractCode, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """`metadata.options` of pw.x and pp.x jobs: one process on one machine unless said otherwise.

    MPI is used where the code asks for it or there is more than one process.

    Raises
    ------
    ValueError
        If an option is unknown.
    """
    plugin = code.default_calc_job_plugin or "quantumespresso.pw"
    check_options("dft", given, CalculationFactory(plugin), code.computer)
    given = dict(given or {})
    resources = given.get("resources") or {"num_machines": 1, "num_mpiprocs_per_machine": 1}
    processes = resources.get("tot_num_mpiprocs") or (
        resources.get("num_machines", 1) * resources.get("num_mpiprocs_per_machine", 1)
    )
    variables = {"OMP_NUM_THREADS": "1", **given.get("environment_variables", {})}
    withmpi = code.with_mpi if code.with_mpi is not None else processes > 1
    defaults = {"resources": resources, "withmpi": withmpi}
    return {**defaults, **given, "environment_variables": variables}


def _overrides(
    settings: DftSettings,
    structure: StructureData,
    family: Any,
    calculation: Calculation,
    charge: float,
) -> dict[str, Any]:
    wfc, rho = cutoffs(settings, family, sorted(structure.get_symbols_set()))
    # Nothing here changes the cell, so nobody needs the stress.
    control = {
        "calculation": calculation,
        "forc_conv_thr": settings.force_threshold,
        "tstress": False,
        **({"nstep": settings.max_steps} if calculation == "relax" else {}),
    }
    system = {
        "ecutwfc": wfc,
        "ecutrho": rho,
        "smearing": settings.smearing,
        "degauss": settings.degauss,
        **({"tot_charge": float(charge)} if charge else {}),
    }
    parameters = {
        "CONTROL": control,
        "SYSTEM": system,
        "ELECTRONS": {"electron_maxstep": settings.scf_steps},
    }
    return {
        "kpoints_distance": settings.kpoints_distance,
        "max_iterations": settings.max_jobs,
        "meta_parameters": {
            "conv_thr_per_atom": settings.scf_threshold,
            "etot_conv_thr_per_atom": settings.energy_threshold,
        },
        "pw": {"pseudos": family.get_pseudos(structure=structure), "parameters": parameters},
    }


def _fixed_coords(structure: StructureData, fixed: Sequence[bool]) -> list[list[bool]]:
    if len(fixed) != len(structure.sites):
        raise ValueError(f"{len(fixed)} values of `fixed` for {len(structure.sites)} sites")
    return [[bool(value)] * 3 for value in fixed]
