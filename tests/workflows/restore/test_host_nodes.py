"""Hosts of every kind that a user may have at hand become nodes that are linked with the hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiida_hpaint.science.structures import HostError, StructureBatch

pytestmark = pytest.mark.usefixtures("profile")

EXAMPLES = Path(__file__).parents[3] / "examples" / "hosts"
BRUCITE = EXAMPLES / "brucite.cif"


def make(hosts: Any, add: Any = "H:2") -> StructureBatch:
    from aiida_hpaint.workflows.restore.host_nodes import make_host_node

    found: StructureBatch = make_host_node(hosts, add).batch
    return found


def objects() -> dict[str, Any]:
    from aiida.orm import CifData, StructureData
    from ase.io import read
    from pymatgen.core import Structure

    atoms, structure = read(BRUCITE), Structure.from_file(BRUCITE)
    return {
        "path": BRUCITE,
        "text": str(BRUCITE),
        "ase": atoms,
        "pymatgen": structure,
        "CifData": CifData(file=str(BRUCITE)).store(),
        "StructureData": StructureData(ase=atoms).store(),
        "list": [atoms],
        "mapping": {"one": atoms},
    }


KINDS = ("path", "text", "ase", "pymatgen", "CifData", "StructureData", "list", "mapping")


@pytest.mark.parametrize("kind", KINDS)
def test_a_host_may_be_of_any_kind(kind: str) -> None:
    found = make(objects()[kind])
    assert found.insert_counts.tolist() == [2]
    known = make(BRUCITE)
    assert sorted(found.numbers.tolist()) == sorted(known.numbers.tolist())
    np.testing.assert_allclose(abs(np.linalg.det(found.cells)), abs(np.linalg.det(known.cells)))


def test_hosts_of_several_kinds_keep_their_order(tmp_path: Path) -> None:
    from aiida.orm import Group

    from aiida_hpaint.workflows.restore.host_nodes import make_host_node

    kinds = objects()
    poscar = tmp_path / "POSCAR"
    kinds["pymatgen"].to(str(poscar), "poscar")
    group = Group("minerals").store()
    group.add_nodes(kinds["StructureData"])
    node = make_host_node([group, poscar, BRUCITE], "H:2")
    assert node.batch.insert_counts.tolist() == [2, 2, 2]
    inputs = node.creator.inputs
    assert inputs.source_00000.uuid == kinds["StructureData"].uuid
    assert [entry["uuid"] for entry in node.batch.metadata] == [
        inputs[f"source_{i:05d}"].uuid for i in range(3)
    ]
    assert node.batch.labels[2] == "brucite"


def test_the_file_of_a_host_is_stored_once_with_its_hash() -> None:
    import hashlib

    from aiida.orm import CifData

    from aiida_hpaint.workflows.restore.host_nodes import make_host_node

    first, second = (make_host_node(path, "H:2") for path in (BRUCITE, str(BRUCITE)))
    file = first.creator.inputs.source_00000
    assert isinstance(file, CifData)
    assert file.uuid == second.creator.inputs.source_00000.uuid
    assert file.get_content(mode="rb") == BRUCITE.read_bytes()
    expected = hashlib.sha256(BRUCITE.read_bytes()).hexdigest()
    assert file.base.attributes.get("sha256") == expected


@pytest.mark.parametrize(
    ("hosts", "error", "message"),
    [
        ([], ValueError, "there is no host: give a structure, a file, a group"),
        ("nowhere.cif", ValueError, r"host 'nowhere\.cif': there is no such file"),
        (3.0, TypeError, r"3\.0 is no host: give a StructureData, CifData"),
        (BRUCITE, HostError, "brucite: --add H:900 contradicts its file"),
    ],
)
def test_what_is_no_host_is_said(hosts: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make(hosts, {"H": 900})


def test_an_empty_group_is_named() -> None:
    from aiida.orm import Group

    with pytest.raises(ValueError, match="group 'without structures' has no structure"):
        make(Group("without structures").store())
