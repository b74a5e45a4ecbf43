from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiida.common.exceptions import ModificationNotAllowed
from aiida.orm import QueryBuilder, StructureData, load_node
from aiida.plugins import DataFactory

from aiida_hpaint.data.structure_batch import StructureBatchData, hash_content, to_node
from aiida_hpaint.science.structures import StructureBatch, to_ase

pytestmark = pytest.mark.usefixtures("profile")


@pytest.fixture
def unplaced(samples: StructureBatch) -> StructureBatch:
    coords = samples.frac_coords.copy()
    coords[samples.inserted] = np.nan
    return samples.with_coords(coords)


def test_a_stored_batch_comes_back_bit_for_bit(unplaced: StructureBatch) -> None:
    node = StructureBatchData(unplaced).store()
    assert load_node(node.uuid).batch.equals(unplaced)


def test_a_batch_without_structures_comes_back(samples: StructureBatch) -> None:
    empty = samples[[]]
    assert load_node(StructureBatchData(empty).store().uuid).batch.equals(empty)


def test_the_entry_point_is_the_class() -> None:
    assert DataFactory("hpaint.structure_batch") is StructureBatchData


def test_attributes_can_be_queried(samples: StructureBatch) -> None:
    pk = StructureBatchData(samples).store().pk
    wanted = {
        "id": pk,
        "attributes.n_structures": 3,
        "attributes.elements": ["H", "Li", "Mg"],
        "attributes.inserted_elements": ["H"],
        "attributes.labels": ["Li-H.a", "ß 2"],
        "attributes.statuses.too close": 1,
        "attributes.models": [{"name": "m", "sha256": "0f"}],
    }
    assert QueryBuilder().append(StructureBatchData, filters=wanted).count() == 1


def test_a_stored_node_does_not_change(samples: StructureBatch) -> None:
    node = StructureBatchData(samples).store()
    with pytest.raises(ModificationNotAllowed):
        node.base.attributes.set("n_structures", 7)
    with pytest.raises(ValueError, match="read-only"):
        load_node(node.uuid).batch.frac_coords[0] = 0.0


def test_only_a_batch_is_stored() -> None:
    with pytest.raises(TypeError, match="got list"):
        StructureBatchData([1, 2])  # type: ignore[arg-type]


def test_time_and_place_do_not_count_for_the_hash(samples: StructureBatch) -> None:
    later = replace(samples, history=({**samples.history[0], "seconds": 9.0, "device": "cuda"},))
    nodes = [StructureBatchData(batch).store() for batch in (samples, later)]
    assert nodes[0].base.caching.get_hash() == nodes[1].base.caching.get_hash()
    assert not nodes[0].batch.equals(nodes[1].batch)


def _moved(batch: StructureBatch) -> StructureBatch:
    coords = batch.frac_coords.copy()
    coords[3, 1] = np.nextafter(coords[3, 1], 1.0)
    return batch.with_coords(coords)


@pytest.mark.parametrize(
    "change",
    [
        _moved,
        lambda b: b.with_scalars(sample=[0, 2, 0]),
        lambda b: b.with_scalars(status=["converged", "sampled", "sampled"]),
        lambda b: b.with_history({"stage": "relax"}),
        lambda b: replace(b, labels=("Li-H.a", "Li-H.b", "ß 2")),
        lambda b: replace(b, metadata=({}, {}, {})),
        lambda b: replace(b, history=({**b.history[0], "seed": 2},)),
        lambda b: b[[1, 0, 2]],
    ],
)
def test_everything_else_counts_for_the_hash(samples: StructureBatch, change: Any) -> None:
    assert hash_content(change(samples)) != hash_content(samples)


def test_the_width_of_strings_does_not_count(samples: StructureBatch) -> None:
    wide = samples.with_scalars(status=samples.scalars["status"].astype("U64"))
    assert hash_content(wide) == hash_content(samples)


def test_a_structure_agrees_with_ase(samples: StructureBatch) -> None:
    node = StructureBatchData(samples).store()
    for index, expected in enumerate(to_ase(samples)):
        structure = node.get_structure(index)
        found = structure.get_ase()
        assert isinstance(structure, StructureData)
        assert found.get_chemical_symbols() == expected.get_chemical_symbols()
        np.testing.assert_allclose(found.positions, expected.positions, atol=1e-12)
        np.testing.assert_allclose(found.cell.array, expected.cell.array, atol=1e-12)
        assert found.pbc.all()


def test_a_structure_knows_what_it_is(samples: StructureBatch) -> None:
    structure = StructureBatchData(samples).get_structure(1).store()
    assert structure.label == "Li-H.a"
    assert load_node(structure.pk).base.attributes.get("hpaint") == {
        "label": "Li-H.a",
        "inserted": [1],
        "host": 0,
        "sample": 1,
        "status": "too close",
        "energy": None,
    }


def test_what_has_no_position_is_no_structure(unplaced: StructureBatch) -> None:
    with pytest.raises(ValueError, match=r"Li-H\.a: some sites have no position"):
        StructureBatchData(unplaced).get_structure(0)


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_is_one_of_the_structures(samples: StructureBatch, index: int) -> None:
    with pytest.raises(IndexError, match=f"no structure {index}: the node has 3"):
        StructureBatchData(samples).get_structure(index)


def test_pythonjob_makes_nodes_of_batches_and_batches_of_nodes(samples: StructureBatch) -> None:
    # Needs a configured AiiDA to be imported, which is there only when the tests run.
    from aiida_pythonjob.data.deserializer import deserialize_to_raw_python_data
    from aiida_pythonjob.data.serializer import general_serializer

    node = general_serializer(samples, store=False)
    assert isinstance(node, StructureBatchData)
    assert deserialize_to_raw_python_data(node).equals(samples)
    assert to_node(samples).sha256 == node.sha256
