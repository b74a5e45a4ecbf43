"""An exchange from data to a file that a training reads, with a real potential."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.build import bulk

from aiida_hpaint.science.diffusion.training.files import Source, read_source
from aiida_hpaint.science.structures.conversion import from_ase
from aiida_hpaint.science.structures.extxyz import write_extxyz
from aiida_hpaint.science.substitution import SubstitutionSettings, substitute_elements

pytest.importorskip("sevenn")


def settings(folder: Path, **changes: object) -> SubstitutionSettings:
    data = folder / "data.extxyz"
    salts = [bulk("NaF", "rocksalt", a=4.63), bulk("LiCl", "rocksalt", a=5.14), bulk("Al", a=4.05)]
    write_extxyz(from_ase(salts), data)
    values = {"data": data, "output": folder / "out", "chunk": 1}
    values["swaps"] = ["F>H", "Cl>H", {"take": "void", "put": "H", "without": ["F", "Cl"]}]
    return SubstitutionSettings.model_validate({**values, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("substitute_elements")
    substitute_elements(settings(folder))
    return folder


def arrays(path: Path) -> dict[str, Any]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_hydrides_come_of_halides_at_their_volume(folder: Path) -> None:
    made = read_source(Source(path=folder / "out" / "exchanged.npz"))
    edges = {
        tuple(sorted(made.crystal(i).numbers.tolist())): abs(np.linalg.det(made.crystal(i).cell))
        for i in range(len(made))
    }
    assert (1, 13) in edges
    # Edges of the cubic cells as measured: NaH 4.88 Å, LiH 4.08 Å. The chloride shrinks by more
    # than the scales that are tried allow.
    assert (4 * edges[1, 11]) ** (1 / 3) == pytest.approx(4.88, rel=0.03)
    assert (4 * edges[1, 3]) ** (1 / 3) == pytest.approx(4.08, rel=0.06)


def test_the_record_says_what_was_tried(folder: Path) -> None:
    record = json.loads((folder / "out" / "exchanged.json").read_text())
    assert record["tried"] == record["kept"] == {"F>H": 1, "Cl>H": 1, "void>H": 1}
    assert record["potential"]["name"] == "sevennet-0"
    assert record["data"][0]["structures"] == 3


def test_a_run_goes_on_where_it_stopped(folder: Path) -> None:
    before = arrays(folder / "out" / "exchanged.npz")
    chunk = folder / "out" / "chunk-0000.npz"
    time = chunk.stat().st_mtime_ns
    (folder / "out" / "chunk-0001.npz").unlink()
    cut = folder / "out" / "chunk-0002.npz"
    cut.write_bytes(cut.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="chunk-0002.npz is damaged and is made again"):
        substitute_elements(settings(folder))
    assert chunk.stat().st_mtime_ns == time
    again = arrays(folder / "out" / "exchanged.npz")
    assert again.keys() == before.keys()
    for name, values in before.items():
        np.testing.assert_array_equal(again[name], values)


def test_other_settings_are_refused_in_the_same_folder(folder: Path) -> None:
    with pytest.raises(ValueError, match="other settings"):
        substitute_elements(settings(folder, seed=1))


def test_swaps_that_fit_nothing_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no structure .* fits the swaps Br>H"):
        substitute_elements(settings(tmp_path, swaps=["Br>H"]))
