"""Inputs of pw.x work chains from settings, based on protocols of aiida-quantumespresso."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from aiida.common import AttributeDict
from aiida.engine.processes.utils import prune_mapping
from aiida.orm import AbstractCode, Dict, StructureData
from aiida.plugins import CalculationFactory
from aiida_quantumespresso.common.types import SpinType
from aiida_quantumespresso.workflows.pw.base import PwBaseWorkChain

from aiida_hpaint.science.protocols import merge_settings
from aiida_hpaint.science.settings import DftSettings
from aiida_hpaint.science.structures.elements import MAGNETIC
from aiida_hpaint.workflows.dft.families import find_cutoffs, pick_family
from aiida_hpaint.workflows.engine.options import check_options

__all__ = [
    "Calculation",
    "choose_spin_type",
    "make_base_inputs",
    "make_pw_options",
    "pick_family",
    "remove_structure",
    "restrict_to_structure",
    "split_overrides",
]

Calculation = Literal["scf", "relax"]

_BASIS = "balanced"
"""Protocol of aiida-quantumespresso that ours overrides with all of its own settings."""

_NESTED = frozenset(
    {
        "pw",
        "meta_parameters",
        "max_iterations",
        "clean_workdir",
        "kpoints_force_parity",
        "handler_overrides",
    }
)
"""Inputs of PwBaseWorkChain and keys of its protocol that overrides may name."""

_RELAXATIONS = ("base", "base_relax")
"""Names of the namespace of PwBaseWorkChain in a PwRelaxWorkChain."""


def make_base_inputs(
    code: AbstractCode,
    structure: StructureData,
    settings: DftSettings,
    *,
    calculation: Calculation = "scf",
    options: Mapping[str, Any] | None = None,
    charge: float = 0,
    fixed: Sequence[bool] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the inputs of a PwBaseWorkChain.

    Parameters
    ----------
    structure
        Structure as it is calculated; `symmetrise_structure` is a separate step.
    calculation
        "scf", or "relax" for positions at a fixed cell.
    options
        `metadata.options` of the jobs; see `pw_options`.
    charge
        `tot_charge` of pw.x, in units of e: positive if electrons are missing.
    fixed : (sites,)
        True for sites that must not move.
    overrides
        Of the protocol of PwBaseWorkChain, like `{"pw": {"parameters": {"SYSTEM": {...}}}}`, and
        its input `handler_overrides`; they take precedence over the settings.

    Raises
    ------
    ValueError
        If there is no family of pseudopotentials, it lacks an element or cutoffs, or the length
        of `fixed` is not the number of sites.
    """
    elements = sorted(structure.get_symbols_set())
    family = pick_family(settings, elements)
    nested = dict(overrides or {})
    handlers = nested.pop("handler_overrides", None)
    builder = PwBaseWorkChain.get_builder_from_protocol(
        code,
        structure,
        protocol=_BASIS,
        overrides=merge_settings(
            _make_overrides(settings, structure, family, calculation, charge), nested
        ),
        spin_type=choose_spin_type(settings, elements),
        options=make_pw_options(code, options),
    )
    if handlers:
        builder.handler_overrides = Dict(handlers)
    if fixed is not None:
        if len(fixed) != len(structure.sites):
            raise ValueError(f"{len(fixed)} values of `fixed` for {len(structure.sites)} sites")
        builder.pw.settings = Dict({"FIXED_COORDS": [[bool(value)] * 3 for value in fixed]})
    inputs: dict[str, Any] = prune_mapping(dict(builder))
    return inputs


def split_overrides(overrides: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split overrides into those of our settings, and those of PwBaseWorkChain.

    The latter may also be given as aiida-quantumespresso does for a relaxation, in the namespace
    `base` or `base_relax`.

    Returns
    -------
    Values of settings, and `overrides` of `make_base_inputs`.

    Raises
    ------
    ValueError
        If PwBaseWorkChain has no such key or error handler.
    """
    given = dict(overrides)
    nested = {key: given.pop(key) for key in _NESTED & given.keys()}
    for name in _RELAXATIONS:
        inner = dict(given.pop(name, {}))
        for key in sorted(inner.keys() - _NESTED):
            raise ValueError(
                f"there is no override {name}.{key} of PwBaseWorkChain: choose from "
                f"{', '.join(sorted(_NESTED))}; the other settings of DFT go beside {name}"
            )
        nested = merge_settings(nested, inner)
    for handler in nested.get("handler_overrides", {}):
        if not PwBaseWorkChain.is_process_handler(handler):
            known = [one.__name__ for one in PwBaseWorkChain.get_process_handlers()]
            raise ValueError(
                f"PwBaseWorkChain has no error handler {handler!r}: choose from {', '.join(known)}"
            )
    return given, nested


def choose_spin_type(settings: DftSettings, elements: Iterable[str]) -> SpinType:
    """Return collinear spins if the settings or an element require them, else none."""
    magnetic = settings.spin == "collinear" or (
        settings.spin == "auto" and bool(MAGNETIC & set(elements))
    )
    return SpinType.COLLINEAR if magnetic else SpinType.NONE


def restrict_to_structure(
    inputs: AttributeDict,
    structure: StructureData,
    charge: float | None = None,
    fixed: Sequence[bool] | None = None,
) -> AttributeDict:
    """Restrict inputs of a PwBaseWorkChain to the species of a structure.

    pw.x refuses pseudopotentials and magnetic moments of species that do not occur.

    Parameters
    ----------
    inputs
        Inputs with the pseudopotentials of all elements; they are changed in place.
    structure
        Structure to calculate; it is not added to the inputs.
    charge
        Value that is added to `tot_charge` of the inputs, in units of e.
    fixed
        True for sites that do not move.
    """
    kinds = set(structure.get_kind_names())
    pw = inputs.pw
    pw.pseudos = {name: pseudo for name, pseudo in pw.pseudos.items() if name in kinds}
    parameters = pw.parameters.get_dict()
    system = dict(parameters.get("SYSTEM", {}))
    if charge:
        system["tot_charge"] = system.get("tot_charge", 0.0) + charge
    moments = system.get("starting_magnetization")
    if isinstance(moments, dict):
        system["starting_magnetization"] = {k: v for k, v in moments.items() if k in kinds}
    pw.parameters = Dict({**parameters, "SYSTEM": system})
    if fixed is not None:
        settings = pw.settings.get_dict() if "settings" in pw else {}
        pw.settings = Dict({**settings, "FIXED_COORDS": [[value] * 3 for value in fixed]})
    return inputs


def remove_structure(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return `make_base_inputs` for a work chain that sets the structure itself."""
    pw = {name: value for name, value in inputs["pw"].items() if name != "structure"}
    kept = {name: value for name, value in inputs.items() if name != "clean_workdir"}
    return {**kept, "pw": pw}


def make_pw_options(code: AbstractCode, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Make `metadata.options` of pw.x and pp.x jobs: by default one process on one machine.

    MPI is used if the code requires it or there is more than one process.

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


def _make_overrides(
    settings: DftSettings,
    structure: StructureData,
    family: Any,
    calculation: Calculation,
    charge: float,
) -> dict[str, Any]:
    wfc, rho = find_cutoffs(settings, family, sorted(structure.get_symbols_set()))
    # The cell is never relaxed, so the stress is not needed.
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
