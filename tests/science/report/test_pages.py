"""Pages: what they say, that they need nothing else, and that names in them are text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from restorations import make_restoration

from aiida_hpaint.science.confidence import format_confidence
from aiida_hpaint.science.confidence.model import FOUND_ONCE
from aiida_hpaint.science.report import (
    Process,
    add_validation,
    group_rows_by_host,
    write_reports,
)
from aiida_hpaint.science.report.provenance import describe_provenance
from aiida_hpaint.science.structures.status import SampleStatus
from aiida_hpaint.science.viewer import LIBRARY

HOSTILE = "</title><script>alert(1)</script><img src=x onerror=alert(2)>'\"&"


class Tags(HTMLParser):
    """Tags with their attributes, and the text outside of scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""
        self.text += " " if tag in ("td", "th", "li", "p") else ""

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.text += data

    def list(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("single")
    restoration = make_restoration()
    results = group_rows_by_host(
        restoration.samples, restoration.hosts, process=Process("0a1b", 4711)
    )
    (folder / "brucite_relaxed.cif").touch()
    page = write_reports(results, folder)
    assert page == folder / "report.html"
    assert sorted(path.name for path in folder.iterdir()) == ["brucite_relaxed.cif", "report.html"]
    return page.read_text("utf-8")


def test_a_page_of_one_host_says_what_was_found(single: str) -> None:
    text = " ".join(Tags(single).text.split())
    assert f"Moderate confidence: {format_confidence(FOUND_ONCE)}" in text
    assert "Mg(OH)2, H2 inserted into the cell" in text
    assert "P -3 m 1 (No. 164), the restored structure P -3 m 1 (No. 164)" in text
    assert "all 12 symmetry operations of the host are kept" in text
    # O-H of the published structure: 0.1927 times c = 4.7677 Å.
    assert re.search("O1\N{EN DASH}H1 0\\.919 2 ", text)
    assert "3 arrangements of the inserted sites were drawn by bundled (SHA-256 5aa7)" in text
    assert "process 0a1b of AiiDA" in text
    assert "verdi process status 4711" in text
    assert "brucite_relaxed.cif: all sites relaxed" in text
    assert "brucite.cif:" not in text  # nobody wrote it


def test_a_page_of_one_host_needs_no_other_file(single: str) -> None:
    links = [one[key] for _, one in Tags(single).tags for key in ("src", "href") if one.get(key)]
    assert links == ["brucite_relaxed.cif"]
    assert "default-src 'none'" in single
    assert "url(" not in re.sub(r"<script.*?</script>", "", single, flags=re.DOTALL)


def test_scripts_run_by_a_nonce_only(single: str) -> None:
    scripts = [one for one in Tags(single).list("script") if one.get("type") is None]
    nonces = {one["nonce"] for one in scripts}
    assert len(scripts) == 2
    assert len(nonces) == 1
    assert f"script-src 'nonce-{nonces.pop()}'" in single


def test_scenes_are_json_of_the_candidates(single: str) -> None:
    found = re.search(r'<script type="application/json" id="scenes">(.*?)</script>', single)
    assert found is not None
    scenes = json.loads(found[1])
    assert len(scenes) == 3
    assert {scenes[0]["symbols"][index] for index in scenes[0]["inserted"]} == {"H"}
    assert scenes[1]["title"].startswith("Candidate 2 of 3: +30.0 meV/atom")


def test_equal_results_give_equal_pages(tmp_path: Path) -> None:
    texts = [make_restoration().write_report(tmp_path / name).read_bytes() for name in "ab"]
    assert texts[0] == texts[1]


def test_many_hosts_share_one_viewer(tmp_path: Path) -> None:
    restoration = make_restoration(("brucite", "portlandite"))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "mine.html").write_text("kept")
    make_restoration(("lithium_hydroxide", "portlandite")).write_report(tmp_path)
    page = restoration.write_report(tmp_path, title="My minerals")
    names = sorted(path.name for path in (tmp_path / "reports").iterdir())
    licence = f"{LIBRARY}.LICENSE.txt"
    # Pages of other hosts that an earlier run wrote are gone.
    assert names == [LIBRARY, licence, "brucite.html", "mine.html", "portlandite.html"]
    assert (tmp_path / "reports" / "brucite.html").stat().st_size < 200_000
    index = Tags(page.read_text("utf-8"))
    assert "My minerals" in index.text
    assert [link["href"] for link in index.list("a")] == [
        "reports/brucite.html",
        "reports/portlandite.html",
    ]


def test_pages_of_many_hosts_can_stand_alone(tmp_path: Path) -> None:
    make_restoration(("brucite", "portlandite")).write_report(tmp_path, alone=True)
    assert not (tmp_path / "reports" / LIBRARY).exists()
    assert (tmp_path / "reports" / "brucite.html").stat().st_size > 500_000


def test_hostile_names_are_text(tmp_path: Path) -> None:
    restoration = make_restoration(("brucite", "portlandite"), labels=(HOSTILE, "=1+1"))
    page = restoration.write_report(tmp_path, title=HOSTILE)
    for path in (page, *(tmp_path / "reports").glob("*.html")):
        tags = Tags(path.read_text("utf-8"))
        assert not tags.list("img")
        assert not any(key.startswith("on") for _, attributes in tags.tags for key in attributes)
        scripts = [one for one in tags.list("script") if one.get("type") is None]
        assert all(one["nonce"] for one in scripts)
    assert HOSTILE in Tags(page.read_text("utf-8")).text


def test_a_page_says_why_nothing_was_found(tmp_path: Path) -> None:
    statuses = (SampleStatus.TOO_CLOSE, SampleStatus.TOO_CLOSE, SampleStatus.FAILED)
    text = make_restoration(statuses=statuses).write_report(tmp_path).read_text("utf-8")
    tags = Tags(text)
    assert "No structure was found" in tags.text
    told = "3 samples: 2 dropped: atoms closer than any bond, 1 failed with an error."
    assert told in tags.text
    assert not tags.list("script")


def test_a_restoration_without_hosts_at_hand_has_a_page(tmp_path: Path) -> None:
    results = group_rows_by_host(make_restoration().samples)
    assert "Candidate" in write_reports(results, tmp_path).read_text("utf-8")


def test_hydrides_have_distances_to_metals(tmp_path: Path) -> None:
    text = make_restoration(("magnesium_hydride",)).write_report(tmp_path).read_text("utf-8")
    # Distances Mg-H of Zachariasen, Holley & Stamper: 1.95 Å.
    found = re.search(r"3 Mg1 1\.9(\d\d) to 1\.9(\d\d) ", " ".join(Tags(text).text.split()))
    assert found is not None
    assert "None: no acceptor" in text


def test_energies_by_dft_stand_beside_those_of_the_potential(tmp_path: Path) -> None:
    restoration = make_restoration()
    results = group_rows_by_host(restoration.samples, restoration.hosts)
    rows = [
        {
            "host": "0",
            "role": "candidate",
            "rank": "0",
            "status": "converged",
            "above_best": 0.0125,
        },
        {"host": "0", "role": "candidate", "rank": "1", "status": "converged", "above_best": "0.0"},
        {"host": "0", "role": "candidate", "rank": "2", "status": "failed", "above_best": ""},
        {"host": "0", "role": "reference", "rank": "", "status": "converged", "above_best": "0.1"},
    ]
    [result] = add_validation(results, rows)
    (tmp_path / "brucite_dft.cif").touch()
    told = " ".join(Tags(write_reports([result], tmp_path).read_text("utf-8")).text.split())
    assert "DFT has candidate 2 below candidate 1, by 12.5 meV/atom" in told
    assert "DFT +12.5" in told
    assert "\N{EN DASH} (failed)" in told
    assert "brucite_dft.cif: the lowest by DFT" in told
    assert add_validation(results, rows[2:])[0].contradiction == ""
    # DFT has no energy of candidate 1, or relaxes both to the same structure.
    assert add_validation(results, rows[1:])[0].contradiction == ""
    same = [{**rows[0], "above_best": 0.0004}, rows[1]]
    assert add_validation(results, same)[0].contradiction == ""
    lost = write_reports(add_validation(results, rows[2:3]), tmp_path).read_text("utf-8")
    assert "by DFT, meV/atom" in lost
    assert "\N{EN DASH} (failed)" in lost
    plain = write_reports(results, tmp_path).read_text("utf-8")
    assert "by DFT, meV/atom" not in plain


def test_hosts_of_a_campaign_name_the_processes_that_restored_them(tmp_path: Path) -> None:
    restoration = make_restoration(("brucite", "portlandite"))
    why = "chunk_0000: not in one job, but in jobs of their own: relax all sites. Reason: time."
    processes = {0: Process("0a1b", 4711, 1), 1: Process("2c3d", 4712, 3, "a b", (why,))}
    results = group_rows_by_host(restoration.samples, restoration.hosts, process=processes)
    index = Tags(write_reports(results, tmp_path).read_text("utf-8"))
    links = [link["href"] for link in index.list("a")]
    assert links[1::2] == ["reports/brucite.html#commands", "reports/portlandite.html#commands"]
    assert "4712" in index.text
    page = Tags((tmp_path / "reports" / "portlandite.html").read_text("utf-8"))
    assert "aiida-hpaint pick 4712 'a b'" in page.text
    assert "aiida-hpaint provenance 4712" in page.text
    assert "It ran in 3 jobs as the process 2c3d of AiiDA" in page.text
    assert why in page.text
    first = Tags((tmp_path / "reports" / "brucite.html").read_text("utf-8"))
    assert "It ran in 1 job as the process 0a1b" in first.text
    assert [one["id"] for one in page.list("h2") if one.get("id")] == ["commands"]


def test_commands_name_hosts_as_their_process_does(tmp_path: Path) -> None:
    """Two hosts of one label have names of their own in the report alone."""
    restoration = make_restoration(("brucite", "portlandite"), labels=("a b", "a b"))
    results = group_rows_by_host(restoration.samples, process=Process("0a1b", 4711))
    write_reports(results, tmp_path)
    for page in (tmp_path / "reports").glob("*.html"):
        assert "aiida-hpaint pick 4711 'a b'\naiida" in Tags(page.read_text("utf-8")).text


def test_the_index_says_why_a_sure_answer_is_amber(tmp_path: Path) -> None:
    restoration = make_restoration(("brucite", "portlandite"))
    found = group_rows_by_host(restoration.samples, restoration.hosts)
    checks = {"failed": [], "notices": ["lower symmetry: P 1"]}
    best = found[0].ranked
    metadata = ({**best.metadata[0], "checks": checks}, *best.metadata[1:])
    noted = replace(found[0], ranked=replace(best, metadata=metadata))
    text = write_reports([noted, found[1]], tmp_path).read_text(encoding="utf-8")
    assert text.count("Moderate confidence, with a notice") == 2  # its cell and its key
    assert text.count("Moderate confidence") > 2


def test_the_provenance_of_a_host_that_was_put_back_says_so() -> None:
    history = [{"stage": "relax_all", "settings": {"moving": "all", "fmax": 0.01}}]
    told = describe_provenance(history, {}, None)
    put_back = describe_provenance(history, {}, None, is_put_back=True)
    assert "All sites in the fixed cell were relaxed" in told
    assert "rebuilt" not in told
    assert "That rebuilt the host" in put_back


def test_the_provenance_counts_the_arrangements_of_its_host() -> None:
    """History is that of all hosts."""
    history = [
        {"stage": "sample", "settings": {"samples": 10}, "seed": 0},
        {"stage": "search", "new_samples": 72},
        {"stage": "sample", "settings": {"samples": 10}, "seed": 0},
        {"stage": "search", "new_samples": 34},
    ]
    told = describe_provenance(history, {}, None, searched=53, is_twice=True)
    assert told.count("A search made 53 further arrangements.") == told.count("search") == 1
    assert told.count("10 arrangements of the inserted sites in its primitive cell, and as") == 1
    assert "search" not in describe_provenance(history, {}, None, searched=0)
