from __future__ import annotations

from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.ase import AseAtomsAdaptor

from aiida_hpaint.science.diffusion.training.files import (
    Source,
    describe_source,
    hash_source,
    load_structures,
    read_source,
)
from aiida_hpaint.science.diffusion.training.structures import TrainingDataError, TrainingStructures

CRYSTALS = Path(__file__).parents[1] / "data" / "crystals.npz"


def write_npz(path: Path, crystals: dict[str, Structure], **changes: Any) -> Path:
    found = list(crystals.values())
    arrays = {
        "num_atoms": np.array([len(crystal) for crystal in found]),
        "atomic_numbers": np.concatenate([crystal.atomic_numbers for crystal in found]),
        "frac_coords": np.concatenate([crystal.frac_coords for crystal in found]),
        "lattice": np.stack([crystal.lattice.matrix for crystal in found]),
    }
    np.savez(path, **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return path


def write_cache(folder: Path, crystals: dict[str, Structure]) -> Path:
    """As MatterGen's `structures_to_numpy` leaves structures behind."""
    folder.mkdir()
    found = list(crystals.values())
    np.save(folder / "pos.npy", np.vstack([crystal.frac_coords for crystal in found]))
    np.save(folder / "cell.npy", np.array([crystal.lattice.matrix for crystal in found]))
    np.save(folder / "atomic_numbers.npy", np.concatenate([c.atomic_numbers for c in found]))
    np.save(folder / "num_atoms.npy", np.array([len(crystal) for crystal in found]))
    np.save(folder / "structure_id.npy", np.array(list(crystals)))
    return folder


def check_same(read: TrainingStructures, crystals: dict[str, Structure], atol: float) -> None:
    assert len(read) == len(crystals)
    for index, crystal in enumerate(crystals.values()):
        found = read.crystal(index)
        assert found.numbers.tolist() == list(crystal.atomic_numbers)
        ours = Structure(found.cell, found.numbers, found.frac)
        np.testing.assert_allclose(ours.distance_matrix, crystal.distance_matrix, atol=atol, rtol=0)
        assert abs(ours.volume - crystal.volume) < 100 * atol


def test_npz(tmp_path: Path, crystals: dict[str, Structure]) -> None:
    read = read_source(Source(path=write_npz(tmp_path / "a.npz", crystals)))
    check_same(read, crystals, 1e-8)
    assert read.labels.tolist() == ["0", "1", "2"]
    assert read_source(Source(path=CRYSTALS)).labels[0] == "mp-626785"


def test_cache_folders_are_mapped_not_read(tmp_path: Path, crystals: dict[str, Structure]) -> None:
    read = read_source(Source(path=write_cache(tmp_path / "train", crystals)))
    check_same(read, crystals, 1e-8)
    assert read.labels.tolist() == list(crystals)
    assert isinstance(read.frac, np.memmap)
    assert isinstance(read.without([0]).frac, np.memmap)


def test_extxyz_of_ase(tmp_path: Path, crystals: dict[str, Structure]) -> None:
    path = tmp_path / "a.extxyz"
    ase.io.write(path, [AseAtomsAdaptor.get_atoms(crystal) for crystal in crystals.values()])
    check_same(read_source(Source(path=path)), crystals, 1e-6)


def test_folders_of_cifs(tmp_path: Path, crystals: dict[str, Structure]) -> None:
    for name, crystal in sorted(crystals.items()):
        crystal.to(str(tmp_path / f"{name}.cif"))
    (tmp_path / "notes.txt").write_text("not a crystal")
    read = read_source(Source(path=tmp_path))
    assert read.labels.tolist() == sorted(crystals)
    check_same(read, dict(sorted(crystals.items())), 1e-4)


def test_sources_follow_one_another(tmp_path: Path, crystals: dict[str, Structure]) -> None:
    sources = [
        Source(path=write_cache(tmp_path / "cache", crystals)),
        Source(path=write_npz(tmp_path / "a.npz", crystals)),
        Source(path=CRYSTALS),
    ]
    read = load_structures(sources)
    assert len(read) == 46
    np.testing.assert_array_equal(read.crystal(0).frac, read.crystal(3).frac)
    last = load_structures([Source(path=CRYSTALS)]).crystal(39)
    np.testing.assert_array_equal(read.crystal(45).frac, last.frac)
    left = read.without([0, 6])
    np.testing.assert_array_equal(left.crystal(2).frac, read.crystal(3).frac)
    assert left.sizes.tolist() == np.delete(read.sizes, [0, 6]).tolist()
    assert left.contain(1)[:5].all()


def test_the_hash_is_checked_where_it_is_given(
    tmp_path: Path, crystals: dict[str, Structure]
) -> None:
    cache = write_cache(tmp_path / "cache", crystals)
    for path in (CRYSTALS, cache):
        right = Source(path=path, sha256=hash_source(path))
        about = describe_source(right, read_source(right))
        assert about["sha256"] == right.sha256
        assert about["name"] == path.name
        with pytest.raises(TrainingDataError, match="the data have changed"):
            read_source(Source(path=path, sha256="0" * 64))
    before = hash_source(cache)
    np.save(cache / "num_atoms.npy", np.array([1, 2, 3]))
    assert hash_source(cache) != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lattice": None}, "it has no lattice"),
        ({"num_atoms": np.array([5, 6, 5])}, r"together 16\) require \(16,\)"),
        ({"num_atoms": np.array([5.0, 6.0, 6.0])}, "have to be integers"),
        ({"num_atoms": np.array([5, 0, 12])}, "structure 1, '1', has no sites"),
        ({"atomic_numbers": np.array([119] * 17)}, r"structure 0, '0', \(and 2 more\) has atomic"),
        ({"frac_coords": np.full((17, 3), np.nan)}, "without a .finite. position"),
        ({"lattice": np.full((3, 3, 3), np.inf)}, "a cell that is not finite"),
        ({"lattice": np.ones((3, 3, 3))}, "a cell of no volume"),
        ({"lattice": np.ones((2, 3, 3))}, r"have the shape \(2, 3, 3\)"),
        ({"frac_coords": np.array([{}] * 17)}, "cannot be read: Object arrays"),
    ],
)
def test_broken_data_are_named(
    tmp_path: Path, crystals: dict[str, Structure], changes: dict[str, Any], message: str
) -> None:
    path = write_npz(tmp_path / "broken.npz", crystals, **changes)
    with pytest.raises(TrainingDataError, match=message) as caught:
        read_source(Source(path=path))
    assert str(caught.value).startswith(str(path))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.npz").write_bytes(b"no zip")
    (tmp_path / "a.cif").write_text("data_x\n")
    (tmp_path / "a.json").write_text("{}")
    for name, message in (
        ("nothing.npz", "there is no file or folder"),
        ("empty", "neither CIF files nor"),
        ("a.npz", "cannot be read"),
        ("a.cif", "it lists no sites"),
        ("a.json", "not of a supported kind"),
    ):
        with pytest.raises(TrainingDataError, match=message):
            read_source(Source(path=tmp_path / name))


def test_sites_without_position_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.extxyz"
    path.write_text(
        '1\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3\nH nan nan nan\n'
    )
    with pytest.raises(TrainingDataError, match="position"):
        read_source(Source(path=path))
