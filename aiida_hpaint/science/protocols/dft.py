"""Protocols of density-functional theory: named `DftSettings`, from first looks to the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from aiida_hpaint.science.protocols import merge_settings, validate_settings
from aiida_hpaint.science.settings import DftSettings, ValidationSettings
from aiida_hpaint.science.wording import suggest

__all__ = [
    "list_dft_protocols",
    "load_dft_protocol",
    "load_validation_settings",
    "read_dft_protocol",
]


def list_dft_protocols() -> dict[str, str]:
    """List names and descriptions of the protocols, from the fastest to the most thorough."""
    return {name: entry["description"] for name, entry in _all()["protocols"].items()}


def load_dft_protocol(
    name: str | None = None, overrides: Mapping[str, Any] | None = None
) -> DftSettings:
    """Load the settings of a protocol, with some of them replaced.

    Parameters
    ----------
    name
        A name from `list_dft_protocols`; None means the default protocol, `balanced`.
    overrides
        Settings to replace, like `{"kpoints_distance": 0.2}`; units are those of `DftSettings`.

    Raises
    ------
    ValueError
        If the protocol is unknown, or an override is unknown or out of its range.
    """
    return validate_settings(DftSettings, merge_settings(read_dft_protocol(name), overrides or {}))


def load_validation_settings(
    protocol: str | None = None, overrides: Mapping[str, Any] | None = None
) -> ValidationSettings:
    """Load settings of a validation: `dft` from a protocol, then the overrides.

    Parameters
    ----------
    protocol
        A name from `list_dft_protocols`; None means the default protocol.
    overrides
        Nested mapping, like `{"candidates": 3, "dft": {"kpoints_distance": 0.2}}`.

    Raises
    ------
    ValueError
        If the protocol is unknown, or an override is unknown or out of its range.
    """
    values = merge_settings({"dft": read_dft_protocol(protocol)}, overrides or {})
    return validate_settings(ValidationSettings, values)


def read_dft_protocol(name: str | None = None) -> dict[str, Any]:
    """Read the values of a protocol, without defaults, to merge other values onto.

    Raises
    ------
    ValueError
        If the protocol is unknown.
    """
    protocols = _all()["protocols"]
    name = _all()["default"] if name is None else name
    if name not in protocols:
        known = ", ".join(protocols)
        raise ValueError(
            f"there is no protocol {name!r} of DFT: choose from {known}.{suggest(name, protocols)}"
        )
    return dict(protocols[name]["settings"])


@cache
def _all() -> dict[str, Any]:
    text = files("aiida_hpaint.science.protocols").joinpath("dft.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded
