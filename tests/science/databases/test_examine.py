"""What is found about the records of documents, one by one and by several processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from deadly import DeadlyDocument

from aiida_hpaint.science.databases import (
    Document,
    Filters,
    Finding,
    Verdict,
    examine_document,
    examine_documents,
)
from aiida_hpaint.science.settings import DEFAULT_HOST_SETTINGS

ROOT = Path(__file__).parents[3]
HOSTS = sorted((ROOT / "examples" / "hosts").glob("*.cif"))
BRUCITE = (ROOT / "examples" / "hosts" / "brucite.cif").read_text("utf-8")


def examine(text: str) -> Finding:
    document = Document("where", None, text.encode(), "x.cif")
    [finding] = examine_document(document, DEFAULT_HOST_SETTINGS)
    return finding


def test_hosts_miss_what_their_references_have() -> None:
    from aiida_hpaint.science.structures import read_hosts

    for path in HOSTS:
        [finding] = examine_document(Document(str(path), path), DEFAULT_HOST_SETTINGS)
        reference = read_hosts(ROOT / "examples" / "references" / path.name)
        assert finding.verdict is Verdict.MISSING
        assert finding.missing == (reference.numbers == 1).sum()
        assert finding.sites == len(reference.numbers)
        assert finding.formula
        assert finding.reason


def test_references_are_complete() -> None:
    for path in sorted((ROOT / "examples" / "references").glob("*.cif")):
        [finding] = examine_document(Document(str(path), path), DEFAULT_HOST_SETTINGS)
        assert (finding.verdict, finding.missing) == (Verdict.COMPLETE, 0), finding


@pytest.mark.parametrize(
    ("old", "new", "verdict", "reason"),
    [
        ("_chemical_formula_sum", "_not_a_formula", Verdict.UNDECIDED, ""),
        ("H2 Mg O2", "H2 Mg O3", Verdict.UNDECIDED, ""),
        ("_cell_length_a", "_no_cell", Verdict.REFUSED, "it has no cell"),
        (
            "3.14979",
            "0.314979",
            Verdict.REFUSED,
            "Its formula counts H, and no such site is listed",
        ),
        ("loop_", "loop loop", Verdict.REFUSED, "no readable CIF"),
    ],
)
def test_other_verdicts_have_a_reason(old: str, new: str, verdict: Verdict, reason: str) -> None:
    assert old in BRUCITE
    finding = examine(BRUCITE.replace(old, new))
    assert finding.verdict is verdict
    assert finding.reason
    assert reason in finding.reason


def test_nothing_that_a_file_holds_raises() -> None:
    for content in ("", "\0", "data_", "data_x\n_cell_length_a 1e999\n", BRUCITE[:700]):
        assert examine(content).verdict is Verdict.REFUSED


def test_filters_keep_what_is_unknown() -> None:
    finding = examine(BRUCITE)
    assert finding.elements == ("H", "Mg", "O")
    assert Filters(max_sites=5, elements=frozenset({"Mg", "H"})).accept(finding)
    assert not Filters(max_sites=4).accept(finding)
    assert not Filters(elements=frozenset({"Ca"})).accept(finding)
    unknown = Finding("x", "x", Verdict.REFUSED, "damaged")
    assert Filters(max_sites=1, elements=frozenset({"Ca"})).accept(unknown)


@pytest.mark.slow
def test_a_document_that_kills_its_process_is_a_finding_too() -> None:
    documents = [Document(str(path), path) for path in HOSTS[:2]]
    alone = dict(zip([each.name for each in documents], _examine(documents, 1), strict=True))
    deadly = DeadlyDocument("deadly.cif", None, b"")
    found = list(
        examine_documents([*documents, deadly, *documents], DEFAULT_HOST_SETTINGS, processes=2)
    )
    assert len(found) == 2 * len(documents) + 1
    for document, findings in found:
        if document is deadly:
            assert [each.verdict for each in findings] == [Verdict.REFUSED]
            assert "killed its process" in findings[0].reason
        else:
            assert findings == alone[document.name]


def _examine(documents: list[Document], processes: int) -> list[list[Finding]]:
    found = examine_documents(documents, DEFAULT_HOST_SETTINGS, processes=processes)
    return [findings for _, findings in found]
