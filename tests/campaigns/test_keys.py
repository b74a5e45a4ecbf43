from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.campaigns import hash_host, hash_hosts, hash_plan
from aiida_hpaint.science.structures import StructureBatch, concatenate
from aiida_hpaint.science.structures.budget.parents import write_parents

HOSTS = st.integers(0, 2**32 - 1).map(lambda seed: make_host(np.random.default_rng(seed)))


def make_host(random: np.random.Generator) -> StructureBatch:
    """Return a host of one to six sites in a random cell, with up to three sites to insert."""
    known, missing = int(random.integers(1, 7)), int(random.integers(1, 4))
    coords = random.uniform(-1, 2, (known + missing, 3))
    coords[known:] = np.nan
    return StructureBatch(
        labels=("a",),
        cells=random.normal(size=(1, 3, 3)) + 4 * np.eye(3),
        site_counts=np.array([known + missing]),
        numbers=random.integers(1, 10, known + missing),
        frac_coords=coords,
        inserted=np.arange(known + missing) >= known,
    )


def reordered(host: StructureBatch, order: np.ndarray) -> StructureBatch:
    return replace(
        host,
        numbers=host.numbers[order],
        frac_coords=host.frac_coords[order],
        inserted=host.inserted[order],
    )


@given(HOSTS, st.randoms(use_true_random=False), st.text(max_size=5))
def test_label_metadata_and_order_do_not_count(host: StructureBatch, order, label: str) -> None:
    sites = list(range(host.n_sites))
    order.shuffle(sites)
    other = replace(reordered(host, np.array(sites)), labels=(label,), metadata=({"file": label},))
    assert hash_host(other.with_scalars(host=[7])) == hash_host(host)


@given(HOSTS, HOSTS)
def test_a_key_does_not_depend_on_the_rest_of_the_batch(
    one: StructureBatch, other: StructureBatch
) -> None:
    assert hash_hosts(concatenate([one, other])) == [hash_host(one), hash_host(other)]


@given(HOSTS, st.data())
def test_any_change_of_content_is_another_host(host: StructureBatch, data) -> None:
    site = data.draw(st.integers(0, int((~host.inserted).sum()) - 1))
    missing = data.draw(st.integers(int((~host.inserted).sum()), host.n_sites - 1))
    axis = data.draw(st.integers(0, 2))
    cells, coords, numbers = host.cells.copy(), host.frac_coords.copy(), host.numbers.copy()
    cells[0, axis, 0] = np.nextafter(cells[0, axis, 0], 99)
    coords[site, axis] = np.nextafter(coords[site, axis], 99)
    numbers[site] += 1
    other = host.numbers.copy()
    other[missing] += 1
    guess = host.frac_coords.copy()
    guess[missing] = 0.5
    changed = [
        replace(host, cells=cells),
        replace(host, frac_coords=coords),
        replace(host, numbers=numbers),
        replace(host, numbers=other),
        replace(host, frac_coords=guess),
        replace(host, inserted=np.zeros(host.n_sites, dtype=bool)),
    ]
    keys = [hash_host(each) for each in changed]
    assert len({hash_host(host), *keys}) == len(changed) + 1


def test_zero_has_one_sign(brucite: StructureBatch) -> None:
    negative = np.where(brucite.frac_coords == 0, -0.0, brucite.frac_coords)
    assert np.signbit(negative[brucite.frac_coords == 0]).all()
    assert hash_host(replace(brucite, frac_coords=negative)) == hash_host(brucite)


def test_one_host_at_a_time(brucite: StructureBatch) -> None:
    with pytest.raises(ValueError, match="one host is needed, got 2"):
        hash_host(brucite[[0, 0]])


PLAN = {
    "sample": {
        "settings": {"generator": "/a/model.safetensors", "samples": 3, "device": "cpu"},
        "identity": {"version": "1", "model": {"name": "m", "sha256": "0f", "card": "1"}},
    },
    "relax_all": {
        "settings": {
            "relaxation": {"max_steps": 3, "max_sites_per_batch": 400},
            "potential": {"name": "sevennet-0", "model": None, "device": "auto"},
        },
        "identity": {"version": "1", "model": {"name": "sevennet-0", "package_version": "2"}},
    },
    "finish": {"": {"refine": 0.02}},
}


def changed(path: str, value: object) -> dict:
    import copy

    plan = copy.deepcopy(PLAN)
    *keys, last = path.split("/")
    where = plan
    for key in keys:
        where = where[key]
    where[last] = value
    return plan


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sample/settings/generator", "model/model.safetensors"),
        ("sample/settings/device", "cuda"),
        ("sample/identity/model/name", "renamed"),
        ("relax_all/settings/relaxation/max_sites_per_batch", 10),
        ("relax_all/settings/potential/device", "cuda"),
        ("validation", {"settings": {"candidates": 3}}),
        ("pick", {"": {"value": False}}),
    ],
)
def test_how_and_where_jobs_run_does_not_count(path: str, value: object) -> None:
    assert hash_plan(changed(path, value)) == hash_plan(PLAN)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sample/settings/samples", 4),
        ("sample/identity/model/sha256", "1f"),
        ("sample/identity/version", "2"),
        ("relax_all/settings/relaxation/max_steps", 4),
        ("relax_all/settings/potential/name", "mace"),
        ("relax_all/identity/model/package_version", "3"),
        ("finish/", {"refine": 0.03}),
        ("score", {"settings": {}, "identity": {}}),
    ],
)
def test_settings_and_models_count(path: str, value: object) -> None:
    assert hash_plan(changed(path, value)) != hash_plan(PLAN)


def test_the_number_of_sites_that_each_atom_carries_counts(brucite: StructureBatch) -> None:
    known = np.flatnonzero(~brucite.inserted)
    count = int(brucite.insert_counts[0])
    told = write_parents(brucite, [[known[-1]] * count])
    other = write_parents(brucite, [[known[0]] * count])
    unknown = write_parents(brucite, [[-1] * count])
    assert hash_host(unknown) == hash_host(brucite)
    assert len({hash_host(each) for each in (brucite, told, other)}) == 3
    order = np.concatenate([known[::-1], np.flatnonzero(brucite.inserted)])
    turned = write_parents(reordered(brucite, order), [[0] * count])
    assert hash_host(turned) == hash_host(told)
