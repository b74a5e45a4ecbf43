from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from aiida_hpaint.science.diffusion import generate
from aiida_hpaint.science.plausibility import find_implausible_samples
from aiida_hpaint.science.settings import SamplingSettings
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.status import SampleStatus

GENERATORS = ["bundled", "random"]


def settings(generator: str = "bundled", **values: int) -> SamplingSettings:
    return SamplingSettings(generator=generator, **{"samples": 2, "steps": 12, **values})


def inserted(samples: StructureBatch) -> np.ndarray:
    return samples.frac_coords[samples.inserted]


def apart(left: np.ndarray, right: np.ndarray) -> float:
    difference = left - right
    return float(np.abs(difference - np.round(difference)).max())


@pytest.mark.parametrize("generator", GENERATORS)
def test_a_host_alone_and_among_forty_gets_the_same_samples(
    hosts: StructureBatch, generator: str
) -> None:
    crowd = hosts[np.arange(40) % len(hosts)]
    together = generate(crowd, settings(generator))
    for index in (0, 1, 2):
        alone = generate(hosts[index], settings(generator))
        for copy in range(index, 40, len(hosts)):
            rows = np.where(together.scalars["host"] == copy)[0]
            assert apart(inserted(together[rows]), inserted(alone)) < 1e-7


@pytest.mark.parametrize("generator", GENERATORS)
def test_two_runs_with_one_seed_are_identical(hosts: StructureBatch, generator: str) -> None:
    first, second = (generate(hosts, settings(generator, seed=7)) for _ in range(2))
    assert np.array_equal(first.frac_coords, second.frac_coords)
    other = generate(hosts, settings(generator, seed=8))
    assert apart(inserted(first), inserted(other)) > 0.01


def test_chunks_do_not_matter(hosts: StructureBatch) -> None:
    whole = generate(hosts, settings())
    chunked = generate(hosts, settings(max_memory=1e-9))
    assert apart(inserted(whole), inserted(chunked)) < 1e-7


@pytest.mark.parametrize("generator", GENERATORS)
def test_more_samples_keep_the_first_ones(hosts: StructureBatch, generator: str) -> None:
    few, many = (generate(hosts[0], settings(generator, samples=n)) for n in (2, 5))
    assert apart(inserted(few), inserted(many[:2])) < 1e-7


def test_absurd_samples_are_drawn_again_and_no_other(hosts: StructureBatch) -> None:
    # So few steps that some samples are absurd.
    kept, redrawn = (generate(hosts, settings(steps=2, samples=8, redraws=n)) for n in (0, 4))
    before, after = find_implausible_samples(kept), find_implausible_samples(redrawn)
    assert before.any()
    assert after.sum() < before.sum()
    assert np.array_equal(redrawn.scalars["draws"] > 1, before)
    for row in range(len(kept)):
        same = np.array_equal(kept[row].frac_coords, redrawn[row].frac_coords)
        assert same == (not before[row])
    alone = generate(hosts[1], settings(steps=2, samples=8, redraws=4))
    together = redrawn[np.where(redrawn.scalars["host"] == 1)[0]]
    assert apart(inserted(alone), inserted(together)) < 1e-7


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("seed", range(3))
def test_rotation_order_and_origin_change_nothing_but_the_frame(
    hosts: StructureBatch, equivalent: Callable[..., bool], generator: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    for host in hosts:
        known = np.where(~host.inserted)[0]
        order = np.concatenate([rng.permutation(known), np.where(host.inserted)[0]])
        shift = rng.random(3)
        moved = StructureBatch(
            host.labels,
            host.cells @ Rotation.random(random_state=seed).as_matrix(),
            host.site_counts,
            host.numbers[order],
            host.frac_coords[order] + shift,
            host.inserted[order],
        )
        for sample in range(2):
            before, after = (
                generate(entry, settings(generator))[sample] for entry in (host, moved)
            )
            assert equivalent(host, inserted(after), inserted(before) + shift)


@pytest.mark.parametrize("generator", GENERATORS)
def test_the_host_stays_bit_for_bit(hosts: StructureBatch, generator: str) -> None:
    shifted = hosts.with_coords(hosts.frac_coords - 3.3)
    samples = generate(shifted, settings(generator))
    repeated = shifted[samples.scalars["host"]]
    assert np.array_equal(
        samples.frac_coords[~samples.inserted], repeated.frac_coords[~repeated.inserted]
    )
    assert samples.placed.all()
    assert (samples.scalars["status"] == SampleStatus.SAMPLED.value).all()
    assert samples.labels == repeated.labels
    assert samples.scalars["sample"].tolist() == [0, 1] * len(hosts)


def test_the_history_says_what_made_the_samples(hosts: StructureBatch) -> None:
    record = generate(hosts[0], settings(seed=3)).history[-1]
    assert record["stage"] == "sample"
    assert record["seed"] == 3
    assert len(record["model"]["sha256"]) == 64
    assert record["settings"]["steps"] == 12


def test_progress_is_reported_to_the_end(hosts: StructureBatch) -> None:
    seen = []
    generate(hosts, settings(max_memory=1e-9), progress=lambda *report: seen.append(report))
    assert seen[-1] == (6, 6, "sampling")


def test_a_host_with_nothing_to_place_is_an_error(hosts: StructureBatch) -> None:
    full = hosts.with_coords(np.nan_to_num(hosts.frac_coords, nan=0.4))
    with pytest.raises(ValueError, match="'brucite' has no site to place: add sites first"):
        generate(full, settings())


def test_out_of_memory_halves_the_batch(
    hosts: StructureBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aiida_hpaint.science.diffusion.sampling import batching

    expected = generate(hosts, settings())
    whole, sizes = batching.inpaint, []

    def short_of_memory(draws: list, *rest: object, **options: object) -> list:
        sizes.append(len(draws))
        found = whole(draws, *rest, **options)
        if len(draws) > 2:
            raise MemoryError
        return found

    monkeypatch.setattr(batching, "inpaint", short_of_memory)
    assert apart(inserted(generate(hosts, settings())), inserted(expected)) < 1e-7
    assert max(sizes) > 2


@pytest.mark.slow
def test_two_hundred_sites_sample_in_bounded_memory() -> None:
    import resource

    rng = np.random.default_rng(0)
    span = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3) / 5
    known = np.concatenate([span, span[:75] + 0.1])
    frac = np.concatenate([known, np.full((40, 3), np.nan)])
    numbers = np.concatenate([rng.choice([8, 12, 13], 200), np.ones(40, int)])
    host = StructureBatch(("big",), np.eye(3)[None] * 14, [240], numbers, frac, numbers == 1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    samples = generate(host, settings(samples=8, steps=2))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert samples.placed.all()
    assert grown < 3_000_000, f"{grown} KiB"


def test_several_elements_can_be_inserted(hosts: StructureBatch) -> None:
    numbers = hosts[0].numbers.copy()
    numbers[-1] = 3
    mixed = concatenate(
        [
            hosts[0],
            StructureBatch(
                ("mixed",),
                hosts[0].cells,
                hosts[0].site_counts,
                numbers,
                hosts[0].frac_coords,
                hosts[0].inserted,
            ),
        ]
    )
    samples = generate(mixed, settings())
    assert samples.placed.all()
    assert samples[2].numbers[-1] == 3
