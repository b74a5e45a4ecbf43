"""Inputs of RestoreHydrogenWorkChain from a host, codes and settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida.engine import ProcessBuilder
from aiida.orm import AbstractCode, Bool, Dict, Float, Int, Str, StructureData

from aiida_hpaint.data.structure_batch import read_structure, to_structure
from aiida_hpaint.science.electrostatics.placement import place_sites
from aiida_hpaint.science.protocols import merge_settings, validate_settings
from aiida_hpaint.science.protocols.dft import read_dft_protocol
from aiida_hpaint.science.settings import DftSettings, RestoreHydrogenSettings
from aiida_hpaint.science.structures import check_hosts, parse_insert
from aiida_hpaint.science.structures.insertion import split_isotope
from aiida_hpaint.workflows.dft.codes import find_espresso_codes
from aiida_hpaint.workflows.dft.inputs import (
    Calculation,
    make_base_inputs,
    make_pw_options,
    remove_structure,
)
from aiida_hpaint.workflows.engine.options import add_saved_options

__all__ = [
    "derive_density_settings",
    "fill_builder",
    "load_hydrogen_settings",
    "make_potential_inputs",
    "split_overrides",
]

_NAMESPACES = ("scf", "relax_inserted", "relax_all")
"""Namespaces of the calculations, in their order."""

_POTENTIAL = {"INPUTPP": {"plot_num": 11}, "PLOT": {"iflag": 3}}
"""Bare and Hartree potential on the FFT grid of the density, in three dimensions."""


def load_hydrogen_settings(
    protocol: str | None = None, overrides: Mapping[str, Any] | None = None
) -> RestoreHydrogenSettings:
    """Load settings with the DFT of a protocol, and override some of them.

    Raises
    ------
    ValueError
        If the protocol or a setting is unknown, or a value is out of its range.
    """
    return validate_settings(
        RestoreHydrogenSettings,
        merge_settings({"dft": read_dft_protocol(protocol)}, overrides or {}),
    )


def split_overrides(
    overrides: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, Mapping[str, Any]]]:
    """Split overrides into those of settings, and those of the protocols of calculations.

    Returns
    -------
    Values of `RestoreHydrogenSettings`, and overrides of PwBaseWorkChain by namespace.
    """
    given = dict(overrides)
    nested = {name: given.pop(name) for name in _NAMESPACES if name in given}
    return given, {
        name: value if name == "scf" else value.get("base_relax", {})
        for name, value in nested.items()
    }


def fill_builder(
    builder: ProcessBuilder,
    codes: tuple[AbstractCode | str | None, AbstractCode | str | None],
    structure: StructureData,
    insert: tuple[str, int],
    settings: RestoreHydrogenSettings,
    options: Mapping[str, Any] | None = None,
    charge: float = 0,
    nested: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Set all inputs; see `RestoreHydrogenWorkChain.get_builder_from_protocol`."""
    pw, pp = find_espresso_codes(*codes)
    [(element, count)] = split_isotope(parse_insert(":".join(map(str, insert))))[0].items()
    if count < 1:
        raise ValueError(f"there are no sites to add ({element}:{count}): add at least one")
    host = check_hosts(read_structure(structure))
    # The complete composition provides the pseudopotentials of all species; each calculation
    # uses those that its structure has.
    filled = place_sites(host, np.zeros((count, 3)), np.arange(count)[None], element)
    complete = to_structure(filled)
    jobs = add_saved_options(pw, options)
    scf, rounds, last = (
        make_base_inputs(
            pw,
            complete,
            dft,
            calculation=kind,
            options=jobs,
            charge=charge,
            overrides=(nested or {}).get(name),
        )
        for name, (kind, dft) in zip(_NAMESPACES, _derive_stages(settings), strict=True)
    )
    builder.structure = structure
    builder.count, builder.element = Int(count), Str(element)
    builder.max_rounds = Int(settings.max_rounds)
    if settings.dft.symmetrise is not None:
        builder.symmetrise = Float(settings.dft.symmetrise)
    builder.scf = remove_structure(scf)
    potential = make_potential_inputs(pp, settings, add_saved_options(pp, options))
    for namespace, value in potential.items():
        builder[namespace] = value
    for namespace, inputs in (("relax_inserted", rounds), ("relax_all", last)):
        builder[namespace] = {
            "base_relax": remove_structure(inputs),
            "meta_convergence": Bool(False),
        }


def make_potential_inputs(
    pp: AbstractCode, settings: RestoreHydrogenSettings, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Make the inputs of PotentialPeaksWorkChain for the steps after the density."""
    return {
        "peaks": Dict(settings.peaks.model_dump(mode="json")),
        "pinball": Dict(settings.pinball.model_dump(mode="json")),
        "pp": {
            "code": pp,
            "parameters": Dict(_POTENTIAL),
            "metadata": {"options": make_pw_options(pp, options)},
        },
    }


def derive_density_settings(settings: RestoreHydrogenSettings) -> DftSettings:
    """Derive the settings of the density, whose k-points may be denser than for relaxations."""
    distance = min(settings.potential_kpoints, settings.dft.kpoints_distance)
    return settings.dft.model_copy(update={"kpoints_distance": distance})


def _derive_stages(
    settings: RestoreHydrogenSettings,
) -> tuple[tuple[Calculation, DftSettings], ...]:
    """Derive the settings of the density, the relaxations in each round, and the last one."""
    dft = settings.dft
    thresholds = ("force_threshold", "energy_threshold")
    loose = {name: getattr(dft, name) * settings.loosen for name in thresholds}
    return (
        ("scf", derive_density_settings(settings)),
        ("relax", dft.model_copy(update=loose)),
        ("relax", dft),
    )
