from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from aiida_hpaint.science.evaluation import is_match
from aiida_hpaint.science.settings import SymmetrySettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.symmetry import add_symmetric_proposals
from aiida_hpaint.science.symmetry.proposals import make_proposals

Read = Callable[[str], StructureBatch]
Make = Callable[..., StructureBatch]
BOTH = SymmetrySettings(symmetrised=True, wyckoff=5)


def of(found: StructureBatch, origin: str) -> StructureBatch:
    return found[np.flatnonzero(found.scalars["origin"] == origin)]


def test_switched_off_the_samples_come_back_as_they_are(reference: Read, samples: Make) -> None:
    drawn = samples(reference("brucite"), 0.2, 2)
    assert add_symmetric_proposals(drawn, SymmetrySettings()) is drawn


def test_samples_come_first_and_proposals_host_by_host(reference: Read, samples: Make) -> None:
    first = samples(reference("brucite"), 0.2, 3)
    second = samples(reference("diaspore"), 0.2, 2).with_scalars(host=[1, 1])
    drawn = concatenate([first, second])
    found = add_symmetric_proposals(drawn, BOTH)
    kept = found[np.arange(len(drawn))]
    np.testing.assert_array_equal(kept.frac_coords, drawn.frac_coords)
    assert set(kept.scalars["origin"]) == {"generated"}
    new = found[np.arange(len(drawn), len(found))]
    assert (np.diff(new.scalars["host"]) >= 0).all()
    assert set(new.scalars["status"]) == {"sampled"}
    for host, count in ((0, 3), (1, 2)):
        members = new[np.flatnonzero(new.scalars["host"] == host)]
        np.testing.assert_array_equal(members.scalars["sample"], count + np.arange(len(members)))
        assert set(of(members, "wyckoff").scalars["parent"]) <= {-1}
        assert set(of(members, "symmetrised").scalars["parent"]) <= set(range(count))


def test_the_history_tells_how_many_and_with_which_settings(reference: Read, samples: Make) -> None:
    drawn = samples(reference("brucite"), 0.2, 3).with_history({"stage": "sample"})
    found = add_symmetric_proposals(drawn, BOTH)
    assert [record["stage"] for record in found.history] == ["sample", "symmetry"]
    assert found.history[-1]["make_proposals"] == len(found) - 3
    assert found.history[-1]["settings"] == BOTH.model_dump(mode="json")


def test_other_scalars_and_metadata_are_kept(reference: Read, samples: Make) -> None:
    drawn = samples(reference("brucite"), 0.2, 2).with_scalars(energy=[1.0, 2.0])
    drawn = replace(drawn, metadata=({"formula": "MgO2H2"}, {"formula": "MgO2H2"}))
    found = add_symmetric_proposals(drawn, BOTH)
    assert all(entry == {"formula": "MgO2H2"} for entry in found.metadata)
    new = of(found, "symmetrised")
    np.testing.assert_array_equal(new.scalars["energy"], new.scalars["parent"] + 1)


def test_host_sites_stay_where_they_are(reference: Read, samples: Make) -> None:
    crystal = reference("sodium_alanate")
    known = ~crystal.inserted
    for structure in add_symmetric_proposals(samples(crystal, 0.3, 3), BOTH):
        np.testing.assert_array_equal(structure.frac_coords[known], crystal.frac_coords[known])


@pytest.mark.parametrize("name", ["brucite", "magnesium_hydride", "sodium_alanate", "diaspore"])
def test_the_crystal_is_among_few_wyckoff_proposals_for_poor_samples(
    reference: Read, samples: Make, name: str
) -> None:
    crystal = reference(name)
    # None of the samples has all of the sites: half of them are 1.5 Å off.
    good, bad = samples(crystal, 0.2, 6), samples(crystal, 1.5, 6, seed=1)
    rng = np.random.default_rng(2)
    inserted = crystal.inserted
    frac = good.frac_coords.copy().reshape(6, -1, 3)
    for sample in range(6):
        off = rng.permutation(np.flatnonzero(inserted))[: inserted.sum() // 2]
        frac[sample, off] = bad.frac_coords.reshape(6, -1, 3)[sample, off]
    found = add_symmetric_proposals(
        good.with_coords(frac.reshape(-1, 3)), SymmetrySettings(wyckoff=5)
    )
    assert any(is_match(structure, crystal) for structure in of(found, "wyckoff"))
    assert len(of(found, "wyckoff")) <= 5


def test_proposals_depend_on_nothing_else(reference: Read, samples: Make) -> None:
    drawn = samples(reference("sodium_alanate"), 0.3, 3)
    other = samples(reference("brucite"), 0.3, 3).with_scalars(host=[1, 1, 1])
    alone, together = (
        add_symmetric_proposals(drawn, BOTH),
        add_symmetric_proposals(concatenate([other, drawn]), BOTH),
    )
    members = together[np.flatnonzero(together.scalars["host"] == 0)]
    np.testing.assert_array_equal(alone.frac_coords, members.frac_coords)


def test_samples_that_are_no_use_have_no_proposals(reference: Read, samples: Make) -> None:
    crystal = reference("brucite")
    drawn = samples(crystal, 0.2, 2)
    coords = drawn.frac_coords.copy()
    coords[drawn.inserted] = np.nan
    lost = drawn.with_coords(coords).with_scalars(status=["not a number"] * 2)
    assert len(add_symmetric_proposals(lost, BOTH)) == 2
    host = crystal.frac_coords[0]
    coords[drawn.inserted] = np.concatenate([host[None], crystal.frac_coords[-1:]] * 2)
    close = drawn.with_coords(coords)
    assert (
        len(of(add_symmetric_proposals(close, SymmetrySettings(symmetrised=True)), "symmetrised"))
        == 0
    )


def test_proposals_with_sites_too_close_are_left_out(reference: Read, samples: Make) -> None:
    crystal = reference("brucite")
    # Two H beside one threefold axis, 0.9 Å from each other: on it they would be at 0.3 Å.
    frac = crystal.frac_coords.copy()
    frac[crystal.inserted] = [[0.4133, 0.7667, 0.53], [0.2333, 0.6367, 0.47]]
    drawn = samples(crystal.with_coords(frac), 0.0)
    settings = SymmetrySettings(symmetrised=True)
    found = of(add_symmetric_proposals(drawn, settings), "symmetrised")
    assert len(make_proposals(drawn, np.array([True]), settings)) > len(found)
    for structure in found:
        first, second = structure.frac_coords[structure.inserted]
        shift = first - second
        assert np.linalg.norm((shift - np.rint(shift)) @ crystal.cells[0]) > 0.5
