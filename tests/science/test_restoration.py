"""The whole recipe on real crystals with the bundled model and SevenNet-0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from aiida_hpaint import Restoration, restore
from aiida_hpaint.science.diffusion.sampling.generators import (
    Generator,
    SampledPath,
    SampleRequest,
    Tick,
)
from aiida_hpaint.science.evaluation import compare
from aiida_hpaint.science.evaluation.trajectories import compute_deviations
from aiida_hpaint.science.protocols import load_protocol
from aiida_hpaint.science.settings import (
    HostSettings,
    PotentialSettings,
    RelaxationSettings,
    RestorationSettings,
    SamplingSettings,
)
from aiida_hpaint.science.structures import HostError, read_hosts, remove_sites, to_ase
from aiida_hpaint.science.structures.status import SampleStatus

EXAMPLES = Path(__file__).parents[2] / "examples"
BRUCITE = EXAMPLES / "hosts" / "brucite.cif"


def quick(generator: str = "bundled") -> RestorationSettings:
    plain = {"symmetry": {"wyckoff": 0, "refine": None}, "score": None, "search": None}
    sampling = {"samples": 3, "generator": generator}
    return load_protocol("fast", {"sampling": sampling, **plain})


@pytest.fixture(scope="module")
def restoration() -> Restoration:
    return restore(BRUCITE, settings=quick(), record=True)


def test_brucite_gets_its_hydrogen_back(restoration: Restoration) -> None:
    complete = read_hosts(EXAMPLES / "references" / "brucite.cif")
    _, reference = remove_sites(complete, "H")
    found = compare(restoration.best, reference)
    assert found.match
    assert found.site_distances.max() < 0.15
    assert restoration.unrestored == ()


def test_every_sample_has_its_status_in_the_table(restoration: Restoration) -> None:
    rows = restoration.table()
    assert [row["sample"] for row in rows] == [0, 1, 2]
    assert {SampleStatus(row["status"]) for row in rows} <= set(SampleStatus)
    assert all(row["label"] == "brucite" for row in rows)


def test_candidates_are_ordered_by_energy(restoration: Restoration) -> None:
    candidates = restoration.candidates(0)
    assert candidates.scalars["rank"].tolist() == list(range(len(candidates)))
    assert (np.diff(candidates.scalars["energy"]) >= 0).all()
    assert restoration.best.equals(candidates[0])


def test_the_history_names_every_stage(restoration: Restoration) -> None:
    stages = [record["stage"] for record in restoration.samples.history]
    assert stages == ["sample", "filter", "relax_inserted", "relax_all", "check"]
    models = [record["model"] for record in restoration.samples.history if "model" in record]
    hashes = [model["sha256"] for model in models]
    assert len(hashes) == 3
    assert all(len(value) == 64 for value in hashes)


def test_the_way_of_each_sample_is_recorded_on_request(restoration: Restoration) -> None:
    recording = restoration.recording
    assert recording is not None
    assert restoration.trajectory is recording.trajectory
    assert recording.trajectory.samples.tolist() == [0, 1, 2]
    # As through AiiDA, the filter has marked what is not worth relaxing.
    assert set(recording.samples.scalars["status"]) <= {"sampled", "duplicate"}
    assert (compute_deviations(recording).positions[:, -1] == 0).all()


def test_random_placement_takes_the_same_way() -> None:
    restoration = restore(BRUCITE, add="H:2", settings=quick("random"))
    assert restoration.samples.history[0]["model"] == {"name": "random"}
    assert len(restoration.best) == 1
    assert restoration.trajectory is None


def test_a_bad_host_ends_before_anything_is_sampled() -> None:
    with pytest.raises(HostError, match="there are no sites to add"):
        restore(BRUCITE, add="H:0", settings=quick())


def test_an_unknown_protocol_is_named() -> None:
    with pytest.raises(ValueError, match="no protocol 'hasty': choose from fast, balanced"):
        restore(BRUCITE, settings="hasty")


@pytest.fixture(scope="module")
def funnel() -> Restoration:
    overrides = {
        "sampling": {"samples": 8, "generator": "random"},
        "symmetry": {"wyckoff": 0, "refine": None},
        "score": {"max_steps": 1},
        "candidates": 2,
        "keep": 1,
    }
    return restore(BRUCITE, settings=load_protocol("fast", overrides))


def test_only_the_lowest_scored_are_relaxed(funnel: Restoration) -> None:
    stages = {record["stage"]: record for record in funnel.samples.history}
    assert list(stages) == ["sample", "filter", "score", "relax_inserted", "relax_all", "check"]
    assert stages["relax_inserted"]["samples"] == 2
    scored, statuses = funnel.samples.scalars["energy_scored"], funnel.samples.scalars["status"]
    relaxed = np.flatnonzero(np.isin(statuses, ["converged", "not converged"]))
    held_back = statuses == "higher in energy"
    assert len(relaxed)
    lowest_kept = np.sort(scored[np.isfinite(scored)])[1]
    assert (scored[relaxed] <= lowest_kept).all()
    assert (scored[held_back & (funnel.samples.scalars["steps"] == 2)] >= lowest_kept).all()


def test_the_energy_of_the_drawn_sample_survives_the_score(funnel: Restoration) -> None:
    scalars = funnel.samples.scalars
    scored = np.isfinite(scalars["energy_scored"])
    screened = scored & (scalars["steps"] == 1)
    drawn = scalars["energy_sampled"]
    assert (scalars["energy_scored"][scored & ~screened] < drawn[scored & ~screened]).all()
    np.testing.assert_array_equal(scalars["energy_scored"][screened], drawn[screened])
    filtered_out = np.isin(scalars["status"], ["too close", "implausible"])
    assert not scored[filtered_out].any()


class Corner(Generator):
    """A generator that puts all inserted sites near the corner of the cell."""

    name = "corner"
    has_weights = False

    def sample(
        self,
        requests: Sequence[SampleRequest],
        settings: SamplingSettings,
        *,
        record: int = 0,
        tick: Tick | None = None,
    ) -> list[SampledPath]:
        """Return positions at random in an eighth of the cell."""
        return [SampledPath(r.rng.random((r.unknown.sum(), 3)) / 2) for r in requests]


def test_objects_take_the_place_of_what_the_settings_name() -> None:
    from ase.calculators.lj import LennardJones

    from aiida_hpaint.science.relaxation.potentials import PotentialCard
    from aiida_hpaint.science.relaxation.potentials.ase_adapter import AsePotential

    card = PotentialCard("lj", "ase", "0", None, None, "cpu")
    potential = AsePotential(card, LennardJones)
    settings = quick("random").model_copy(update={"relax_inserted": None})
    found = restore(BRUCITE, settings=settings, generator=Corner(), potential=potential)
    records = {record["stage"]: record for record in found.samples.history}
    assert list(records) == ["sample", "filter", "relax_all", "check"]
    assert records["sample"]["model"]["name"] == "corner"
    assert records["relax_all"]["model"]["name"] == "lj"


def test_a_second_potential_ranks_what_the_first_has_found() -> None:
    from ase.calculators.lj import LennardJones

    off = {"relax_inserted": None, "checks": None}
    one_step = RelaxationSettings(moving="all", max_steps=1, give_up_above=None)
    both = {"relax_all": one_step, "rerank": PotentialSettings(), "keep": 1, "keep_window": 0.0}
    settings = quick("random").model_copy(update={**off, **both})
    found = restore(BRUCITE, settings=settings, potential=LennardJones()).samples
    records = {record["stage"]: record for record in found.history}
    assert records["rerank"]["model"]["name"] == "sevennet-0"
    assert records["rerank"]["samples"] == 1
    assert records["rerank"]["settings"] == one_step.model_dump()
    chosen = found.scalars["rank"] == 0
    assert chosen.sum() == 1
    # SevenNet-0 binds brucite by more than 20 eV; Lennard-Jones has other units.
    assert found.scalars["energy"][chosen] < -20
    assert np.isnan(found.scalars["energy"][~chosen]).all()
    assert np.isfinite(found.scalars["energy_searched"][chosen])
    assert set(found.scalars["ranked_by"].tolist()) == {"sevennet-0"}


def test_guesses_are_ranked_where_sampling_is_off(restoration: Restoration) -> None:
    guesses = replace(restoration.candidates(0)[:1], scalars={})
    settings = quick().model_copy(update={"sampling": None, "relax_inserted": None})
    found = restore(guesses, settings=settings)
    assert len(found.best) == 1
    assert compare(found.best, restoration.best).match
    with pytest.raises(ValueError, match="its inserted sites have no positions"):
        restore(BRUCITE, settings=settings)


def test_without_relaxation_nothing_is_ranked() -> None:
    off = {"relax_inserted": None, "relax_all": None}
    found = restore(BRUCITE, settings=quick("random").model_copy(update=off))
    assert found.unrestored == ("brucite",)
    assert set(found.samples.scalars["rank"].tolist()) == {-1}


class OnAtoms(Generator):
    """A generator that puts each inserted site onto an anion of the host."""

    name = "on atoms"
    has_weights = False

    def sample(
        self,
        requests: Sequence[SampleRequest],
        settings: SamplingSettings,
        *,
        record: int = 0,
        tick: Tick | None = None,
    ) -> list[SampledPath]:
        """Return the positions of the anions, one after the other."""
        return [
            SampledPath(np.resize(r.frac[r.numbers == 8], (int(r.unknown.sum()), 3)))
            for r in requests
        ]


@pytest.mark.slow
def test_hydrogen_of_potassium_hydroxide_finds_its_oxygen() -> None:
    """In cubic KOH all directions of O-H are alike, and generators put H onto O."""
    from ase.build import bulk
    from ase.neighborlist import neighbor_list

    salt = bulk("KO", "rocksalt", 5.78, cubic=True)
    found = restore(salt, add="H:4", settings=quick(), generator=OnAtoms())
    assert len(found.best) == 1
    assert found.samples.metadata[0]["moved_apart"] == 1  # of the primitive cell
    [atoms] = to_ase(found.best)
    lengths = neighbor_list("d", atoms, {("H", "O"): 1.3})
    np.testing.assert_allclose(lengths, 0.97, atol=0.02)
    assert len(lengths) == 8  # each bond from both ends


@pytest.mark.slow
def test_too_much_hydrogen_is_not_restored_without_a_word() -> None:
    settings = quick("random").model_copy(update={"hosts": HostSettings(trust="add")})
    found = restore(BRUCITE, add="H:4", settings=settings)
    assert len(found.best) == 0
    assert found.unrestored == ("brucite",)
    [reasons] = found.failing.values()
    assert any(reason.startswith("stray H2") for reason in reasons)
    assert not found.samples.scalars["passes"].any()
