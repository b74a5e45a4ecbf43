"""Nodes of groups as sources: CIFs, structures with CIFs as ancestors, cleanings of CIFs."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytestmark = pytest.mark.usefixtures("profile")

HOSTS = Path(__file__).parents[2] / "examples" / "hosts"


def store_cif(name: str) -> Any:
    from aiida.orm import CifData

    content = (HOSTS / f"{name}.cif").read_bytes()
    return CifData(file=BytesIO(content), filename=f"{name}.cif").store()


def make_structure(cif: Any, *, primitive: bool = True) -> Any:
    """Return a structure that a calculation made from a CIF, as aiida-codtools does."""
    from aiida.engine import calcfunction
    from aiida.orm import Bool, StructureData

    @calcfunction
    def primitive_structure_from_cif(cif: Any, primitive: Any) -> Any:
        return StructureData(
            pymatgen=cif.get_structure(primitive_cell=primitive.value).get_pymatgen()
        )

    return primitive_structure_from_cif(cif, Bool(primitive))


def relax(structure: Any) -> Any:
    """Return a structure that another calculation made from a structure."""
    from aiida.engine import calcfunction

    @calcfunction
    def relax_structure(structure: Any) -> Any:
        return structure.clone()

    return relax_structure(structure)


def clean(cif: Any, exit_status: int, cleaned: Any = None, structure: Any = None) -> Any:
    """Store a CifCleanWorkChain of aiida-codtools, which need not be installed."""
    from aiida.common.links import LinkType
    from aiida.orm import WorkChainNode

    node = WorkChainNode(process_type="aiida.workflows:codtools.cif_clean")
    node.set_process_label("CifCleanWorkChain")
    node.base.links.add_incoming(cif, LinkType.INPUT_WORK, "cif")
    node.set_process_state("finished")
    node.set_exit_status(exit_status)
    node.store()
    for name, output in (("cif", cleaned), ("structure", structure)):
        if output is not None:
            output.base.links.add_incoming(node, LinkType.RETURN, name)
    node.seal()
    return node


def group_of(*nodes: Any) -> str:
    from aiida.orm import Group

    label = f"group {uuid4()}"
    Group(label=label).store().add_nodes(list(nodes))
    return label


def find(label: str, *where: str, **more: Any) -> list[Any]:
    from aiida_hpaint.campaigns.nodes import Selection, find_source_nodes

    return find_source_nodes(label, Selection(where, **more))


def test_a_structure_finds_the_cif_that_it_was_made_from() -> None:
    from aiida.orm import StructureData

    cif = store_cif("brucite")
    near = make_structure(cif)
    far = relax(relax(near))
    alone = StructureData(ase=near.get_ase()).store()
    found = {one.node.pk: one.cifs for one in find(group_of(near, far, alone))}
    assert {pk: [each.pk for each in cifs] for pk, cifs in found.items()} == {
        near.pk: [cif.pk],
        far.pk: [cif.pk],
        alone.pk: [],
    }


def test_the_nearest_cif_counts() -> None:
    from aiida.engine import calcfunction
    from aiida.orm import CifData

    @calcfunction
    def select(cif: Any) -> Any:
        return CifData(file=BytesIO(cif.get_content(mode="rb")), filename="selected.cif")

    selected = select(store_cif("brucite"))
    [source] = find(group_of(make_structure(selected)))
    assert [cif.uuid for cif in source.cifs] == [selected.uuid]


def test_a_structure_lacks_what_its_cif_says() -> None:
    from aiida_hpaint.campaigns.sources import gather_campaign_hosts, read_hosts_from_group

    cif = store_cif("sodium_alanate")
    structure = relax(make_structure(cif))
    found = read_hosts_from_group(group_of(structure), None)
    assert found.problems == ()
    assert found.hosts is not None
    assert found.hosts.insert_counts.tolist() == [8]
    assert found.hosts.metadata[0]["uuid"] == structure.uuid
    assert set(found.hosts.metadata[0]["site_labels"]) == {"Na1", "Al1"}

    stored = gather_campaign_hosts(found, [0])
    assert stored.batch.insert_counts.tolist() == [8]
    inputs = stored.creator.base.links.get_incoming().all_nodes()
    assert {structure.uuid, cif.uuid} <= {node.uuid for node in inputs}


def test_two_cifs_are_a_question() -> None:
    from aiida.engine import calcfunction

    from aiida_hpaint.campaigns.sources import read_hosts_from_group

    @calcfunction
    def merge(one: Any, other: Any) -> Any:
        return one.get_structure().clone()

    structure = merge(store_cif("brucite"), store_cif("portlandite"))
    found = read_hosts_from_group(group_of(structure), None)
    assert found.hosts is None
    assert "it was made from 2 CIFs: brucite.cif" in found.problems[0].reason
    given = read_hosts_from_group(group_of(structure), "H:2")
    assert given.hosts is not None


def test_a_cleaning_stands_for_its_cif() -> None:
    raw, cleaned, other = (store_cif(name) for name in ("brucite", "brucite", "diaspore"))
    chain = clean(raw, 430, cleaned, make_structure(cleaned))
    early = clean(other, 401)
    label = group_of(chain, early)
    found = {one.node.uuid: one.statement for one in find(label)}
    assert set(found) == {cleaned.uuid, other.uuid}
    assert found[cleaned.uuid] == (
        f"exit status 430 of CifCleanWorkChain {chain.pk}: elements of the formula are missing in "
        "the structure"
    )
    assert found[other.uuid] == ""
    assert [one.node.uuid for one in find(label, "exit_status=430,431")] == [cleaned.uuid]
    assert find(label, "exit_status=432") == []


def test_extras_and_uuids_select_nodes() -> None:
    one, other = store_cif("brucite"), store_cif("diaspore")
    one.base.extras.set("incorrect_formula", "missing_elements")
    other.base.extras.set_many({"incorrect_formula": False, "n": 3})
    label = group_of(one, other)
    condition = "extras.incorrect_formula=missing_elements"
    assert [each.node.uuid for each in find(label, condition)] == [one.uuid]
    assert [each.node.uuid for each in find(label, "extras.n=3")] == [other.uuid]
    assert find(label, condition, "extras.n=3") == []
    chosen = find(label, uuids=frozenset({other.uuid}))
    assert [each.node.uuid for each in chosen] == [other.uuid]
    with pytest.raises(ValueError, match="write KEY=VALUE"):
        find(label, "incorrect_formula")


def test_nodes_that_miss_hydrogen_are_found() -> None:
    from aiida.orm import StructureData

    from aiida_hpaint.campaigns.finding import examine_group
    from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS

    cif = store_cif("brucite")
    structure = make_structure(cif)
    alone = StructureData(ase=structure.get_ase())
    alone.label = "alone"
    chain = clean(store_cif("diaspore"), 430)
    label = group_of(cif, structure, alone.store(), chain)
    found = list(examine_group(label, (), DEFAULT_HOST_SETTINGS))
    assert {total for total, _, _ in found} == {4}
    verdicts = {document.uuid: findings[0] for _, document, findings in found}
    assert verdicts[cif.uuid].missing == verdicts[structure.uuid].missing == 2
    assert verdicts[alone.uuid].verdict.value != "missing" or verdicts[alone.uuid].missing == 2
    diaspore = next(one for one in verdicts.values() if "Al" in one.elements)
    assert "exit status 430 of CifCleanWorkChain" in diaspore.reason


def test_only_uuids_are_compared_with_uuids() -> None:
    from uuid import uuid4

    from aiida_hpaint.campaigns.nodes import _match_group

    # PostgreSQL refuses to compare them with other text, SQLite does not.
    assert _match_group("bench") == {"or": [{"label": "bench"}]}
    uuid = str(uuid4())
    assert _match_group(uuid) == {"or": [{"label": uuid}, {"uuid": uuid}]}
