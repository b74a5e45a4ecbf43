from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_plugin import IDENTITY, install

from aiida_hpaint import __version__
from aiida_hpaint.science.benchmark.collect import count_network_calls
from aiida_hpaint.science.diffusion import (
    CheckpointError,
    Generator,
    GeneratorError,
    SampledPath,
    generate,
    generate_recorded,
    get_generator,
    identify_generator,
    list_generators,
)
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch

TOY = SamplingSettings(generator="toy", samples=3, seed=5)
LISTED = """
import sys
from aiida_hpaint.science.diffusion import list_generators
print(*(one.name for one in list_generators()))
print(*sorted({"torch", "toy_generators"} & sys.modules.keys()))
"""


def test_one_is_found_by_its_entry_point(plugin: Path, hosts: StructureBatch) -> None:
    assert [one.name for one in list_generators()] == ["random", "toy"]
    samples = generate(hosts, TOY)
    assert samples.placed.all()
    assert samples.history[-1]["model"] == IDENTITY
    assert samples.history[-1]["settings"]["steps"] == 3
    assert count_network_calls(samples) == 3 * len(samples)


def test_a_list_imports_neither_it_nor_torch(plugin: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", LISTED],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(plugin), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines() == ["random toy", ""]


def test_its_samples_depend_on_host_seed_and_index_alone(
    plugin: Path, hosts: StructureBatch
) -> None:
    together, more = generate(hosts, TOY), TOY.model_copy(update={"samples": 5})
    for index in range(len(hosts)):
        alone = generate(hosts[index], more)[:3]
        rows = np.flatnonzero(together.scalars["host"] == index)
        assert np.array_equal(alone.frac_coords, together[rows].frac_coords)
    other = generate(hosts, TOY.model_copy(update={"seed": 6}))
    assert not np.array_equal(other.frac_coords, together.frac_coords)


def test_an_object_takes_the_place_of_the_setting(plugin: Path, hosts: StructureBatch) -> None:
    samples = generate(hosts, SamplingSettings(samples=3, seed=5), generator=get_generator("toy"))
    assert np.array_equal(samples.frac_coords, generate(hosts, TOY).frac_coords)
    record = samples.history[-1]
    assert record["settings"]["generator"] == "toy"
    assert record["model"] == {"name": "toy", "sha256": "0" * 64}


@pytest.mark.parametrize("name", ["bundled", "random"])
def test_our_own_are_objects_too(hosts: StructureBatch, name: str) -> None:
    settings = SamplingSettings(generator=name, samples=2, steps=3)
    by_name = generate(hosts, settings)
    default = settings.model_copy(update={"generator": "bundled"})
    by_object = generate(hosts, default, generator=get_generator(name))
    assert np.array_equal(by_name.frac_coords, by_object.frac_coords)
    assert by_name.history[-1]["model"] == by_object.history[-1]["model"]


def test_what_it_cannot_do_is_refused(plugin: Path, hosts: StructureBatch) -> None:
    with pytest.raises(ValueError, match="the generator toy has no trajectory: choose a diffusion"):
        generate_recorded(hosts, TOY)
    guesses = hosts.with_coords(np.nan_to_num(hosts.frac_coords, nan=0.4))
    with pytest.raises(ValueError, match="the generator toy refines no guess"):
        generate(guesses, TOY.model_copy(update={"start_time": 0.5}))


class Short(Generator):
    name = "short"

    def sample(self, requests: Sequence[Any], *_: object, **__: object) -> list[SampledPath]:
        return [SampledPath(np.zeros((1, 3))) for _ in requests]


def test_positions_of_other_sites_are_refused(hosts: StructureBatch) -> None:
    with pytest.raises(GeneratorError, match=r"the generator short returned .* was asked for"):
        generate(hosts, TOY, generator=Short())


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("broken", r"'toy' of toy-generators 1\.2 cannot be loaded: ImportError: no module named"),
        ("Missing", "cannot be loaded: AttributeError"),
        ("Misnamed", "calls itself 'other': both names have to be the same"),
    ],
)
@pytest.mark.usefixtures("empty_site")
def test_one_that_cannot_be_loaded_is_named(empty_site: Path, target: str, message: str) -> None:
    install(empty_site, {"toy": f"toy_generators:{target}"})
    with pytest.raises(GeneratorError, match=message):
        get_generator("toy")


def test_two_of_one_name_are_refused(plugin: Path) -> None:
    install(plugin, name="more-toys")
    with pytest.raises(GeneratorError, match="several packages offer a generator 'toy': more-toys"):
        get_generator("toy")


def test_nobody_replaces_our_own(empty_site: Path) -> None:
    reserved = ("random", "bundled", "mattergen/base", "model.ckpt")
    install(empty_site, dict.fromkeys(reserved, "toy_generators:Toy"))
    assert [(one.name, one.package_version) for one in list_generators()] == [
        ("random", __version__)
    ]
    assert identify_generator("bundled")["name"] == "bundled"


def test_any_other_name_is_a_model_that_may_be_elsewhere() -> None:
    assert get_generator("toy").needs_file
    with pytest.raises(CheckpointError, match="no model 'toy'"):
        identify_generator("toy")
