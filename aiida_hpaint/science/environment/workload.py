"""The workload of a code: what its jobs do, what that requires, and what to ask the probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

from aiida_hpaint.science.diffusion.sampling.generators import (
    BUILT_IN,
    InstalledGenerator,
    find_installed,
    get_generator,
)
from aiida_hpaint.science.environment.requirements import (
    list_remote_requirements,
    normalise_name,
    read_package_name,
)
from aiida_hpaint.science.relaxation.potentials import (
    PotentialInfo,
    find_potential,
    list_potentials,
)
from aiida_hpaint.science.settings import PotentialSettings, SamplingSettings

_STAGES = ("sample", "relax", "train")
OPTIONAL = frozenset({"click", "huggingface-hub", "rich"})
"""Packages that only `aiida-hpaint models fetch` needs."""

_POTENTIALS = ("nequip", "sevenn")
"""Packages of the extra `ml` that are needed only with their potential."""

_TOP_MODULES: Mapping[str, str] = {"mace-torch": "mace"}
_JOBS = ("cloudpickle", "aiida_hpaint.calculations.jobs")


@dataclass(frozen=True)
class Workload:
    """Workload of the jobs of a code.

    Attributes
    ----------
    stages : tuple of strings
        Any of "sample", "relax" and "train".
    generators : tuple of strings
        Names or paths of the generators that jobs use.
    potentials : tuple of PotentialSettings
        Potentials that jobs use.
    gpus : int
        Number of GPUs that each job requests.
    """

    stages: tuple[str, ...] = ("sample", "relax")
    generators: tuple[str, ...] = (SamplingSettings().generator,)
    potentials: tuple[PotentialSettings, ...] = field(
        default_factory=lambda: (PotentialSettings(),)
    )
    gpus: int = 0

    @property
    def models(self) -> tuple[str, ...]:
        """Generators that read a model file, if anything is to be sampled."""
        names = self.generators if "sample" in self.stages else ()
        return tuple(name for name in names if get_generator(name).needs_file)

    @property
    def plugins(self) -> tuple[InstalledGenerator, ...]:
        """Generators of other packages, if anything is to be sampled."""
        names = self.generators if "sample" in self.stages else ()
        found = (find_installed(name) for name in names if name not in BUILT_IN)
        return tuple(one for one in found if one is not None)

    @property
    def infos(self) -> tuple[PotentialInfo, ...]:
        """Registry entries of the potentials, if jobs relax.

        Raises
        ------
        PotentialError
            If there is no such potential.
        """
        chosen = self.potentials if "relax" in self.stages else ()
        return tuple(find_potential(settings.name) for settings in chosen)


def list_requirements(workload: Workload) -> list[str]:
    """Return the requirements of a workload, in the syntax of pip, without aiida-hpaint."""
    # A potential of another package needs that package as well as the one that evaluates it.
    packages = {normalise_name(info.package) for info in workload.infos}
    packages |= {normalise_name(info.provider) for info in workload.infos if info.provider}
    unwanted = [name for name in _POTENTIALS if name not in packages]
    extras = {"sample": "sampling", "train": "ml"}
    chosen = {extras[stage] for stage in workload.stages if stage in extras}
    lines = set(list_remote_requirements(chosen, leave_out=unwanted))
    everything = {read_package_name(line): line for line in list_remote_requirements(("ml",))}
    for name in packages:
        lines.add(everything.get(name, name))
    if any(not info.provider for info in workload.infos):
        lines.add(everything["torch"])
    return sorted(lines | {normalise_name(plugin.package) for plugin in workload.plugins})


def group_requirements(workload: Workload) -> dict[str, list[Requirement]]:
    """Return the requirements of a workload, one list for each package."""
    found: dict[str, list[Requirement]] = {}
    for line in list_requirements(workload):
        found.setdefault(read_package_name(line), []).append(Requirement(line))
    return found


def list_other_packages(workload: Workload) -> list[str]:
    """Return the packages of potentials that the workload does not use."""
    packages = {info.package for info in list_potentials()} if "relax" in workload.stages else set()
    return sorted(packages - group_requirements(workload).keys())


def find_required_python() -> str:
    """Return the Python versions that this package supports, as a specifier."""
    return str(metadata.metadata("aiida-hpaint")["Requires-Python"])


def build_question(workload: Workload) -> dict[str, Any]:
    """Return the question for the probe; a time stamp keeps its answer out of any cache."""
    infos = workload.infos
    files = [chosen.model for chosen in workload.potentials if chosen.model and infos]
    return {
        "asked": datetime.now(timezone.utc).isoformat(),
        "workload": {
            "stages": list(workload.stages),
            "generators": list(workload.generators),
            "potentials": [one.model_dump(mode="json") for one in workload.potentials],
            "gpus": workload.gpus,
        },
        "packages": ["aiida-hpaint", *group_requirements(workload), *list_other_packages(workload)],
        "modules": [*_modules(workload)],
        "generators": list(workload.models),
        "loops": not workload.gpus and any(info.package == "sevenn" for info in infos),
        "weights": sorted(
            {info.package for info in infos if not (info.needs_file or info.provider)}
        ),
        "files": files,
    }


def read_workload(question: Mapping[str, Any]) -> Workload:
    """Return the workload that a question was made for."""
    values = question["workload"]
    return Workload(
        stages=tuple(values["stages"]),
        generators=tuple(values["generators"]),
        potentials=tuple(map(PotentialSettings.model_validate, values["potentials"])),
        gpus=int(values["gpus"]),
    )


def _modules(workload: Workload) -> list[str]:
    # What samples imports torch with it; the generators themselves are imported where they run.
    drawing = (
        ["aiida_hpaint.science.diffusion.sampling.batching"] if "sample" in workload.stages else []
    )
    drawing += sorted({plugin.entry_point.module for plugin in workload.plugins})
    training = (
        ["aiida_hpaint.science.diffusion.training.train"] if "train" in workload.stages else []
    )
    packages = sorted({info.package for info in workload.infos if not info.provider})
    modules = [_TOP_MODULES.get(name, name) for name in packages]
    loaders = [info.loader.partition(":")[0] for info in workload.infos if info.provider]
    return [*_JOBS, *drawing, *training, *modules, *loaders]
