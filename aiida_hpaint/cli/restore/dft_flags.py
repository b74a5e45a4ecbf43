"""What flags say of the validation of a restoration by DFT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from aiida_hpaint.science.protocols import merge
from aiida_hpaint.science.protocols.dft import dft_protocol_values


def validation_from(flags: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that --validate and --rank ask for.

    Raises
    ------
    ValueError
        If --rank is neither `dft` nor `dft-top:N`.
    """
    rank = flags.get("rank")
    if rank is None:
        return {"validation": {}} if flags.get("validate") else {}
    if rank == "dft":
        return {"validation": {"candidates": None}}
    found = re.fullmatch(r"dft-top:([1-9]\d*)", rank)
    if found is None:
        raise ValueError(f"--rank {rank}: there is dft, and dft-top:N with a number like dft-top:3")
    return {"validation": {"candidates": int(found[1])}}


def with_dft_protocol(settings: Mapping[str, Any], protocol: str | None) -> dict[str, Any]:
    """Settings whose validation, if there is one, begins with a protocol of DFT.

    Raises
    ------
    ValueError
        If the protocol is unknown, or there is nothing to validate.
    """
    validation = settings.get("validation")
    if isinstance(validation, Mapping):
        return merge({"validation": {"dft": dft_protocol_values(protocol)}}, settings)
    if protocol is not None:
        raise ValueError("a protocol of DFT is for --validate dft or --rank dft: add one of them")
    return dict(settings)


def with_dft_code(code: Any, label: str) -> dict[str, Any]:
    """The codes of a campaign with that of pw.x."""
    if code is None:
        return {"dft": label}
    stages = dict(code) if isinstance(code, Mapping) else {"sample": code, "relax": code}
    return {**stages, "dft": label}
