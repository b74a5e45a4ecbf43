"""The jobs of a restoration and plain Python give the same samples, whatever the settings."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiida_hpaint import __version__
from aiida_hpaint.calculations.jobs import AFTER, WALLTIME_VARIABLE, run_stage_job, run_stages_job
from aiida_hpaint.calculations.ranking import join_chunks
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.recipe import find_stage, plan_finish, plan_stages
from aiida_hpaint.science.relaxation import relax
from aiida_hpaint.science.relaxation.potentials import Evaluation, PotentialCard
from aiida_hpaint.science.restoration import restore_batch
from aiida_hpaint.science.settings import RestorationSettings
from aiida_hpaint.science.stages import start_from_guesses
from aiida_hpaint.science.structures import SampleStatus, StructureBatch, add_sites, from_ase
from aiida_hpaint.science.types import FloatArray, IntArray

BRUCITE = ("MgO2", [[0, 0, 0], [1 / 3, 2 / 3, 0.22], [2 / 3, 1 / 3, 0.78]])
HYDROXIDE = ("Li2O2", [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0.19], [0.5, 0, 0.81]])


class Well:
    """A potential that costs nothing: all sites in a harmonic well, each element its own."""

    card = PotentialCard("well", "tests", "0", None, None, "cpu")

    def evaluate(
        self,
        numbers: IntArray,
        cart_positions: FloatArray,
        cells: FloatArray,
        site_counts: IntArray,
    ) -> Evaluation:
        """Energies, eV, and forces, eV/Å."""
        owners = np.repeat(np.arange(len(site_counts)), site_counts)
        stiffness = 0.01 * (1 + numbers % 5)
        away = cart_positions - 1.0
        energies = np.bincount(owners, 0.5 * stiffness * (away**2).sum(1), len(site_counts))
        return Evaluation(energies - site_counts, -stiffness[:, None] * away)


@pytest.fixture(autouse=True)
def cheap_potential(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all settings of potentials mean the well."""
    monkeypatch.setattr(sys.modules[relax.__module__], "get_potential", lambda _: Well())


@pytest.fixture(scope="module")
def hosts() -> StructureBatch:
    """Three hosts that each lack two H."""
    crystals = [
        Atoms(BRUCITE[0], scaled_positions=BRUCITE[1], cell=[3.15, 3.15, 4.77, 90, 90, 120]),
        Atoms(HYDROXIDE[0], scaled_positions=HYDROXIDE[1], cell=[3.55, 3.55, 4.33]),
        Atoms(BRUCITE[0], scaled_positions=BRUCITE[1], cell=[3.3, 3.3, 4.9, 90, 90, 120]),
    ]
    for crystal in crystals:
        crystal.pbc = True
    return add_sites(from_ase(crystals), "H:2")


def relaxations(least: int = 0) -> st.SearchStrategy[dict[str, Any] | None]:
    """Draw a stage of relaxation, or none."""
    stage = st.fixed_dictionaries(
        {
            "moving": st.sampled_from(["inserted", "all"]),
            "max_steps": st.integers(least, 4),
            "fmax": st.sampled_from([0.005, 0.05]),
            "optimizer": st.sampled_from(["bfgs", "fire"]),
        }
    )
    return st.none() | stage


SAMPLING = st.fixed_dictionaries(
    {
        "generator": st.just("random"),
        "samples": st.integers(1, 4),
        "seed": st.integers(0, 3),
        "redraws": st.sampled_from([0, 2]),
    }
)
OVERRIDES = st.fixed_dictionaries(
    {
        "sampling": st.none() | SAMPLING,
        "symmetry": st.fixed_dictionaries(
            {
                "symmetrised": st.booleans(),
                "wyckoff": st.integers(0, 2),
                "refine": st.sampled_from([None, 0.1]),
            }
        ),
        "filter": st.fixed_dictionaries(
            {"plausible": st.booleans(), "same": st.sampled_from([0.1, 0.4])}
        ),
        "score": relaxations(),
        "candidates": st.integers(1, 3),
        "relax_inserted": relaxations(),
        "relax_all": relaxations(),
        "keep": st.integers(1, 3),
        "keep_window": st.sampled_from([0.0, 0.02]),
        "checks": st.none() | st.fixed_dictionaries({"host_limit": st.sampled_from([0.05, 0.8])}),
    }
)


def with_guesses(hosts: StructureBatch, count: int) -> StructureBatch:
    """Return each host several times, with positions for its inserted sites."""
    rows = np.repeat(np.arange(len(hosts)), count)
    guesses = hosts[rows].with_scalars(host=rows)
    coords = guesses.frac_coords.copy()
    coords[guesses.inserted] = np.random.default_rng(0).random((guesses.inserted.sum(), 3))
    return guesses.with_coords(coords)


def through_jobs(
    hosts: StructureBatch, chosen: RestorationSettings, size: int, interrupted: pytest.MonkeyPatch
) -> StructureBatch:
    """Restore as the WorkGraph does: in chunks, in jobs whose walltime is up now and then."""
    places = hosts.scalars["host"]
    chunks = [np.flatnonzero(np.isin(places, range(i, i + size))) for i in range(0, 3, size)]
    done = []
    for rows in chunks:
        structures = hosts[rows]
        if chosen.sampling is None:
            structures = start_from_guesses(structures, chosen.symmetry, chosen.filter)
        for name, inputs in plan_stages(chosen).items():
            given_settings = json.loads(inputs.model_dump_json())
            arguments = (name, given_settings, {"version": __version__})
            if find_stage(name).kind == "relax":
                interrupted.setenv(WALLTIME_VARIABLE, "0")
                structures = run_stage_job(structures, *arguments)["structures"]
                interrupted.delenv(WALLTIME_VARIABLE)
            structures = run_stage_job(structures, *arguments)["structures"]
        done.append(structures)
    return join_chunks(done, hosts, plan_finish(chosen))


def through_one_job(
    hosts: StructureBatch, chosen: RestorationSettings, size: int
) -> StructureBatch:
    """Restore as the WorkGraph does where one job of a chunk runs all stages."""
    places = hosts.scalars["host"]
    chunks = [np.flatnonzero(np.isin(places, range(i, i + size))) for i in range(0, 3, size)]
    identity, done = {"version": __version__}, []
    plan = [
        {"stage": name, "settings": json.loads(inputs.model_dump_json()), "identity": identity}
        for name, inputs in plan_stages(chosen).items()
    ]
    for rows in chunks:
        structures = hosts[rows]
        if chosen.sampling is None:
            structures = start_from_guesses(structures, chosen.symmetry, chosen.filter)
        if plan:
            found = run_stages_job(structures, **plan[0], later={"stages": plan[1:]})
            structures = found["structures"]
            for step in plan[1:]:
                name = f"{AFTER}{step['stage']}"
                left = {} if name in found else run_stage_job(structures, **step)
                structures = found.get(name, left.get("structures"))
        done.append(structures)
    return join_chunks(done, hosts, plan_finish(chosen))


def assert_same(found: StructureBatch, expected: StructureBatch) -> None:
    """Compare labels, coordinates and all scalars, floats up to rounding."""
    assert found.labels == expected.labels
    for ours, theirs in zip(found.metadata, expected.metadata, strict=True):
        assert ours.get("checks") == theirs.get("checks")
    np.testing.assert_allclose(found.frac_coords, expected.frac_coords, rtol=0, atol=1e-12)
    assert set(found.scalars) == set(expected.scalars)
    for name, values in expected.scalars.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(found.scalars[name], values, rtol=1e-12, err_msg=name)
        else:
            assert found.scalars[name].tolist() == values.tolist(), name


@settings(
    max_examples=settings.default.max_examples // 3,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(overrides=OVERRIDES, size=st.integers(1, 3), together=st.booleans())
def test_jobs_and_plain_python_agree(
    hosts: StructureBatch,
    monkeypatch: pytest.MonkeyPatch,
    overrides: dict[str, Any],
    size: int,
    together: bool,
) -> None:
    chosen = load_protocol("fast", overrides)
    numbered = hosts.with_scalars(host=np.arange(len(hosts)))
    given_hosts = with_guesses(hosts, 3) if chosen.sampling is None else numbered
    plain = restore_batch(given_hosts, chosen).samples
    if together:
        found = through_one_job(given_hosts, chosen, size)
    else:
        found = through_jobs(given_hosts, chosen, size, monkeypatch)
    assert_same(found, plain)


def test_the_lowest_are_selected_whatever_moves_first(hosts: StructureBatch) -> None:
    """A stage was once taken for an interrupted one because of what it moves."""
    overrides: dict[str, Any] = {
        "sampling": {"generator": "random", "samples": 4},
        "filter": {"plausible": False},
        "score": None,
        "search": None,
        "relax_inserted": {"moving": "all", "max_steps": 1},
        "keep": 1,
        "keep_window": 0.0,
    }
    found = restore_batch(hosts[:1], load_protocol("fast", overrides)).samples
    ranked = found.scalars["status"] == SampleStatus.HIGHER_IN_ENERGY.value
    assert ranked.any()


@pytest.mark.parametrize(("last", "kept"), [("relax_all", 2), ("relax_inserted", 1)])
def test_an_interrupted_stage_does_not_select_again(
    hosts: StructureBatch, last: str, kept: int
) -> None:
    """Two samples have converged in the first job, and the third is left for the next one."""
    chosen = load_protocol("fast", {"sampling": None, "keep": 1, "keep_window": 0.0})
    samples = with_guesses(hosts[:1], 3).with_scalars(
        sample=np.arange(3),
        status=["converged", "converged", "unfinished"],
        energy=[-5.0, -4.0, -3.0],
        energy_sampled=[-4.0, -3.0, -3.0],
        max_force=[0.01, 0.01, 1.0],
        steps=[3, 3, 3],
    )
    inputs = plan_stages(chosen)["relax_all"]
    settings_of_job = json.loads(inputs.model_dump_json())
    found = run_stage_job(
        samples.with_history({"stage": last}),
        "relax_all",
        settings_of_job,
        {"version": __version__},
    )["structures"]
    dropped = found.scalars["status"] == SampleStatus.HIGHER_IN_ENERGY.value
    assert (~dropped[:2]).sum() == kept
