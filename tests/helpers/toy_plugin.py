"""A package with a generator of samples, as another project would install it."""

from __future__ import annotations

from pathlib import Path

CODE = """
from aiida_hpaint.science.diffusion import Generator, SampledPath


class Toy(Generator):
    name = "toy"

    def identify(self):
        return {"name": self.name, "sha256": "0" * 64}

    def resolve_settings(self, settings):
        return settings.model_copy(update={"steps": settings.steps or 3})

    def count_evaluations(self, settings):
        return settings.steps

    def sample(self, requests, settings, *, record=0, tick=None):
        paths = []
        for request in requests:
            count = int(request.unknown.sum())
            paths.append(SampledPath(request.rng.random((count, 3)) / settings.steps))
            if tick is not None:
                tick(len(paths) / len(requests))
        return paths


class Misnamed(Toy):
    name = "other"


def broken():
    raise ImportError("no module named 'missing'")
"""
METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
ENTRY_POINTS = {"toy": "toy_generators:Toy"}
IDENTITY = {
    "name": "toy",
    "sha256": "0" * 64,
    "package": "toy-generators",
    "package_version": "1.2",
}


def install(
    folder: Path,
    entry_points: dict[str, str] = ENTRY_POINTS,
    name: str = "toy-generators",
    version: str = "1.2",
) -> Path:
    """Write the package and its metadata into a folder that is to be on the path."""
    (folder / "toy_generators").mkdir(parents=True, exist_ok=True)
    (folder / "toy_generators" / "__init__.py").write_text(CODE)
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA.format(name=name, version=version))
    lines = (f"{key} = {value}\n" for key, value in entry_points.items())
    (info / "entry_points.txt").write_text("[hpaint.generators]\n" + "".join(lines))
    return info
