"""Compilation of NequIP packages, on the computer that will evaluate them.

    python -m aiida_hpaint.science.relaxation.potentials.compilation PACKAGE OUTPUT DEVICE

A compiled file is tied to the torch that compiled it and to the device: `compiled.json` names both.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path

from aiida_hpaint.science.relaxation.potentials.files import (
    find_version,
    import_package,
    resolve_device,
)

REPORT = "compiled.json"


def compile_package(package: Path, output: Path, device: str) -> dict[str, str]:
    """Compile a package for batches of structures; return what the result is tied to.

    Parameters
    ----------
    package
        NequIP package (.nequip.zip). **It contains code, which runs.**
    output
        File to write (.nequip.pt2).
    device
        'cpu', 'cuda', or 'auto'.

    Returns
    -------
    `device`, `architecture`, and the versions of `torch` and `nequip`.

    Raises
    ------
    PotentialError
        If nequip is not installed, or there is no such device.
    """
    compiler = import_package("nequip", "nequip.scripts.compile", "pip install 'aiida-hpaint[ml]'")
    where = resolve_device("nequip", device)
    options = {"--mode": "aotinductor", "--target": "batch", "--device": where}
    words = [word for option in options.items() for word in option]
    compiler.main([str(package), str(output), *words])
    return {
        "device": where,
        "architecture": describe_architecture(where),
        "torch": find_version("torch"),
        "nequip": find_version("nequip"),
    }


def describe_architecture(device: str) -> str:
    """Return the processor or GPU that machine code of torch is made for."""
    import torch

    if device == "cpu":
        return f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    major, minor = torch.cuda.get_device_capability()
    return f"{torch.cuda.get_device_name()} sm_{major}{minor}"


if __name__ == "__main__":
    given, written, chosen = sys.argv[1:]
    report = compile_package(Path(given), Path(written), chosen)
    Path(REPORT).write_text(json.dumps(report), "utf-8")
