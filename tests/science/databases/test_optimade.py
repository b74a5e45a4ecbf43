"""The client of OPTIMADE against a provider on this machine, and against that of pymatgen."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from optimade_server import Provider, make_entry, serve

from aiida_hpaint.science.databases import Filters, Optimade, OptimadeError, Verdict
from aiida_hpaint.science.databases.examine import examine_document
from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS
from aiida_hpaint.science.structures import StructureBatch, from_pymatgen, read_hosts


@pytest.fixture(autouse=True)
def _without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


ENTRIES = [make_entry(f"test/{number}") for number in range(5)]


@pytest.mark.parametrize("links", ["text", "object"])
def test_all_pages_are_read(links: str) -> None:
    provider = Provider(ENTRIES, links=links)
    with serve(provider) as address:
        client = Optimade(address)
        documents = list(client.iter_documents())
    assert [json.loads(document.content)["data"] for document in documents] == ENTRIES
    assert client.announced == 5
    assert documents[3].name == f"{address} test/3"
    assert documents[3].filename == "test_3.json"
    assert len(provider.queries) == 3


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/structures"])
def test_the_base_url_may_be_written_in_several_ways(suffix: str) -> None:
    provider = Provider(ENTRIES[:1])
    with serve(provider) as address:
        assert len(list(Optimade(address + suffix).iter_documents())) == 1


def test_the_provider_selects_what_it_can() -> None:
    provider = Provider(ENTRIES[:1])
    filters = Filters(max_sites=9, elements=frozenset({"O", "Mg", "H"}))
    with serve(provider) as address:
        list(Optimade.find(address, "nelements<4 OR nsites<3", filters).iter_documents())
    assert provider.queries[0]["filter"] == [
        '(nelements<4 OR nsites<3) AND (elements HAS ALL "Mg", "O")'
    ]
    assert "species_at_sites" in provider.queries[0]["response_fields"][0]


def test_a_busy_provider_is_asked_again() -> None:
    with serve(Provider(ENTRIES, failures=[503])) as address:
        assert len(list(Optimade(address).iter_documents())) == 5


def test_what_comes_before_an_error_is_not_lost() -> None:
    with serve(Provider(ENTRIES, links="same")) as address:
        documents = Optimade(address).iter_documents()
        assert [next(documents).filename for _ in range(4)][-1] == "test_1.json"
        with pytest.raises(OptimadeError, match="gives this page as the next one again"):
            list(documents)


def test_errors_say_what_to_do() -> None:
    with serve(Provider(ENTRIES)) as address:
        with pytest.raises(OptimadeError, match="the provider refuses: nonsense is no filter"):
            list(Optimade(address, "nonsense").iter_documents())
        with pytest.raises(OptimadeError, match=r"no OPTIMADE list of structures \(status 404\)"):
            list(Optimade(f"{address}/elsewhere").iter_documents())
    with pytest.raises(OptimadeError, match="cannot be reached"):
        list(Optimade("http://127.0.0.1:9").iter_documents())
    with pytest.raises(OptimadeError, match=r"no provider has this short name.*, cod, "):
        list(Optimade("optimade:nobody").iter_documents())
    with pytest.raises(OptimadeError, match="no address that begins with"):
        list(Optimade("ftp://example.org").iter_documents())


def test_structures_are_those_of_another_client() -> None:
    from pymatgen.ext.optimade import OptimadeRester

    with serve(Provider(ENTRIES[:1])) as address:
        [document] = Optimade(address).iter_documents()
        found = OptimadeRester(f"{address}/").get_structures(elements="Mg")
    [[theirs]] = [list(each.values()) for each in found.values()]
    reference = from_pymatgen([theirs])
    assert document.path is None
    ours = _read(document.content)
    assert ours.numbers.tolist() == reference.numbers.tolist()
    np.testing.assert_allclose(ours.cells, reference.cells)
    apart = ours.frac_coords - reference.frac_coords
    np.testing.assert_allclose(apart, np.round(apart), atol=1e-9)


def _read(content: bytes) -> StructureBatch:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "entry.json"
        path.write_bytes(content)
        return read_hosts(path)


def test_an_entry_says_how_much_hydrogen_it_lacks() -> None:
    with serve(Provider(ENTRIES[:1])) as address:
        [document] = Optimade(address).iter_documents()
    [finding] = examine_document(document, DEFAULT_HOST_SETTINGS)
    assert (finding.verdict, finding.missing, finding.sites) == (Verdict.MISSING, 2, 5)
    assert finding.label == "test/0"
    assert finding.source == f"{address} test/0"
