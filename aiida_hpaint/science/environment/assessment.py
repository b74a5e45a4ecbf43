"""Assess the answer of the probe: whether the jobs of a code can run on that computer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from aiida_hpaint import __version__
from aiida_hpaint.science.environment.findings import OK, Finding, Status, build_own_install_command
from aiida_hpaint.science.environment.machine import assess_machine
from aiida_hpaint.science.environment.models import assess_models
from aiida_hpaint.science.environment.probe import find_versions, hash_package_source
from aiida_hpaint.science.environment.workload import (
    OPTIONAL,
    Workload,
    find_required_python,
    group_requirements,
    list_other_packages,
)

_Answer = Mapping[str, Any]
_MODULES = {"mace-torch": "mace", "pyyaml": "yaml"}
"""Modules whose name differs from that of their distribution."""


def assess_answer(answer: _Answer, workload: Workload) -> list[Finding]:
    """Compare a remote computer with what jobs need; what to fix first comes first.

    Parameters
    ----------
    answer
        Content of `answer.json`, which the probe wrote.
    workload
        Workload of the jobs.
    """
    python = _assess_python(answer)
    if "packages" not in answer:
        return [python]
    packages = [_assess_package(answer, *item) for item in group_requirements(workload).items()]
    return [
        python,
        *_assess_ours(answer),
        *(found for found in packages if found.required or found.status != OK),
        *_assess_imports(answer),
        *assess_machine(answer, workload),
        *assess_models(answer, workload),
        *_assess_others(answer, list_other_packages(workload)),
    ]


def _assess_python(answer: _Answer) -> Finding:
    found, needed = str(answer["python"].get("version", "?")), find_required_python()
    there = f"{found} ({answer['python'].get('executable', '')})"
    if _fits(found, SpecifierSet(needed)):
        return Finding("Python", there, needed)
    remedy = "create an environment with such a Python on that computer, and a code for it"
    return Finding("Python", there, needed, "differs", remedy=remedy)


def _assess_ours(answer: _Answer) -> list[Finding]:
    found = answer["packages"].get("aiida-hpaint")
    command = build_own_install_command(answer["python"]["executable"])
    if found is None:
        return [Finding("aiida-hpaint", "", __version__, "missing", remedy=command)]
    if found != __version__:
        return [Finding("aiida-hpaint", found, __version__, "differs", remedy=command)]
    whole = Finding("aiida-hpaint", found, __version__)
    if answer.get("source") == hash_package_source("aiida_hpaint"):
        return [whole]
    note = "the version is the same, but the files differ: one of the two is under development"
    return [whole, Finding("  its files", "differ from the local ones", "", "note", False, note)]


def _assess_package(answer: _Answer, name: str, lines: list[Requirement]) -> Finding:
    environment = _environment(answer["python"])
    lines = [line for line in lines if line.marker is None or line.marker.evaluate(environment)]
    specifier = SpecifierSet()
    for line in lines:
        specifier &= line.specifier
    found, needed = answer["packages"].get(name), str(specifier) or "any"
    required = name not in OPTIONAL
    if found is not None and _fits(found, specifier):
        return Finding(name, found, needed, OK, required)
    remedy = "" if required else "only needed to run `aiida-hpaint models fetch` on that computer"
    verdict: Status = "missing" if found is None else "differs"
    return Finding(name, found or "", needed, verdict, required, remedy, (f"{name}{specifier}",))


def _assess_others(answer: _Answer, names: list[str]) -> list[Finding]:
    """Note packages of other potentials whose versions differ between the two machines."""
    here, there = find_versions(names), answer["packages"]
    return [
        Finding(name, there.get(name) or "", here[name] or "", "note", False)
        for name in names
        if there.get(name) != here[name]
    ]


_MISSING = r"ModuleNotFoundError: No module named '(\w+).*'"


def _assess_imports(answer: _Answer) -> list[Finding]:
    """Find modules of installed packages that cannot be imported."""
    failed = answer.get("imports") or {}
    if "error" in failed:
        return [Finding("imports", str(failed["error"]), "", "broken")]
    lacking = {name for name, version in answer["packages"].items() if version is None}
    modules = {_MODULES.get(name, name.replace("-", "_")) for name in lacking}
    return [
        Finding(
            f"import {name}", error, "", "broken", remedy=f"fix what makes `import {name}` fail"
        )
        for name, error in failed.items()
        # A module that is missing has a finding of its own.
        if error and not ((missing := re.fullmatch(_MISSING, error)) and missing[1] in modules)
    ]


def _environment(python: Mapping[str, Any]) -> dict[str, str]:
    version = str(python["version"])
    return {
        "python_version": ".".join(version.split(".")[:2]),
        "python_full_version": version,
        "sys_platform": str(python.get("sys_platform", "linux")),
        "platform_machine": str(python.get("machine", "")),
        "extra": "",
    }


def _fits(version: str, specifier: SpecifierSet) -> bool:
    try:
        return specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return False
