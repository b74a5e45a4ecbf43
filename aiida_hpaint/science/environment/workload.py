"""What a code is to do, what that needs there, and what to ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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

STAGES = ("sample", "relax", "train")
OPTIONAL = frozenset({"click", "huggingface-hub", "rich"})
"""What only `aiida-hpaint models fetch` needs, run there by hand."""

_POTENTIALS = ("nequip", "sevenn")
"""Packages of the extra ml that are needed only if their potential is."""

_TOP_MODULES: Mapping[str, str] = {"mace-torch": "mace"}
_JOBS = ("cloudpickle", "node_graph.utils.struct_utils", "aiida_hpaint.calculations.jobs")


@dataclass(frozen=True)
class Workload:
    """What the jobs of a code are to do.

    Attributes
    ----------
    stages : tuple of strings
        Some of "sample", "relax" and "train".
    generators : tuple of strings
        Names or paths of generators that have to be there.
    potentials : tuple of PotentialSettings
        Potentials that have to be there.
    gpus : int
        GPUs that each job asks for.
    """

    stages: tuple[str, ...] = ("sample", "relax")
    generators: tuple[str, ...] = (SamplingSettings().generator,)
    potentials: tuple[PotentialSettings, ...] = (PotentialSettings(),)
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
        """The potentials as the registry knows them, if anything is to be relaxed.

        Raises
        ------
        PotentialError
            If there is no such potential.
        """
        chosen = self.potentials if "relax" in self.stages else ()
        return tuple(find_potential(settings.name) for settings in chosen)


def list_requirements(wanted: Workload) -> list[str]:
    """The requirements, as pip takes them, of what is wanted; aiida-hpaint itself left out."""
    # A potential of another package needs that package as well as the one that evaluates it.
    packages = {normalise_name(info.package) for info in wanted.infos}
    packages |= {normalise_name(info.provider) for info in wanted.infos if info.provider}
    unwanted = [name for name in _POTENTIALS if name not in packages]
    extras = {"sample": "sampling", "train": "ml"}
    chosen = {extras[stage] for stage in wanted.stages if stage in extras}
    lines = set(list_remote_requirements(chosen, leave_out=unwanted))
    everything = {read_package_name(line): line for line in list_remote_requirements(("ml",))}
    for name in packages:
        lines.add(everything.get(name, name))
    if any(not info.provider for info in wanted.infos):
        lines.add(everything["torch"])
    return sorted(lines | {normalise_name(plugin.package) for plugin in wanted.plugins})


def group_requirements(wanted: Workload) -> dict[str, list[Requirement]]:
    """The requirements of what is wanted, one list a package."""
    found: dict[str, list[Requirement]] = {}
    for line in list_requirements(wanted):
        found.setdefault(read_package_name(line), []).append(Requirement(line))
    return found


def list_other_packages(wanted: Workload) -> list[str]:
    """Packages of potentials that nobody asked for."""
    packages = {info.package for info in list_potentials()} if "relax" in wanted.stages else set()
    return sorted(packages - group_requirements(wanted).keys())


def find_required_python() -> str:
    """Versions of Python that this package runs with, as a specifier."""
    return str(metadata.metadata("aiida-hpaint")["Requires-Python"])


def build_question(wanted: Workload) -> dict[str, Any]:
    """What the probe is asked; never the same twice, so that no answer comes from a cache."""
    infos = wanted.infos
    files = [chosen.model for chosen in wanted.potentials if chosen.model and infos]
    return {
        "asked": datetime.now(timezone.utc).isoformat(),
        "wanted": {
            "stages": list(wanted.stages),
            "generators": list(wanted.generators),
            "potentials": [one.model_dump(mode="json") for one in wanted.potentials],
            "gpus": wanted.gpus,
        },
        "packages": ["aiida-hpaint", *group_requirements(wanted), *list_other_packages(wanted)],
        "modules": [*_modules(wanted)],
        "generators": list(wanted.models),
        "weights": sorted(
            {info.package for info in infos if not (info.needs_file or info.provider)}
        ),
        "files": files,
    }


def read_workload(question: Mapping[str, Any]) -> Workload:
    """What was wanted when a question was asked."""
    values = question["wanted"]
    return Workload(
        stages=tuple(values["stages"]),
        generators=tuple(values["generators"]),
        potentials=tuple(map(PotentialSettings.model_validate, values["potentials"])),
        gpus=int(values["gpus"]),
    )


def _modules(wanted: Workload) -> list[str]:
    # What samples imports torch with it; the generators themselves are imported where they run.
    drawing = (
        ["aiida_hpaint.science.diffusion.sampling.batching"] if "sample" in wanted.stages else []
    )
    drawing += sorted({plugin.entry_point.module for plugin in wanted.plugins})
    training = ["aiida_hpaint.science.diffusion.training.train"] if "train" in wanted.stages else []
    packages = sorted({info.package for info in wanted.infos if not info.provider})
    modules = [_TOP_MODULES.get(name, name) for name in packages]
    loaders = [info.loader.partition(":")[0] for info in wanted.infos if info.provider]
    return [*_JOBS, *drawing, *training, *modules, *loaders]
