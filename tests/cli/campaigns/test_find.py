"""aiida-hpaint find, from folders, archives, providers and groups to campaigns."""

from __future__ import annotations

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from click.testing import CliRunner, Result
from optimade_server import Provider, make_entry, serve

from aiida_hpaint.cli import main
from aiida_hpaint.cli.restore.request import CampaignRequest, load_hosts, read_request

ROOT = Path(__file__).parents[3]
HOSTS, REFERENCES = ROOT / "examples" / "hosts", ROOT / "examples" / "references"


def find(*arguments: str | Path) -> Result:
    one = ["--processes", "1"]
    return CliRunner().invoke(main, ["find", *map(str, arguments), *one])


def read_campaign(path: Path) -> CampaignRequest:
    request = read_request([str(path)], {})
    assert isinstance(request, CampaignRequest)
    return request


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Two hosts, a complete structure and a damaged file, as in a mirror of a database."""
    folder = tmp_path / "database"
    (folder / "1" / "00").mkdir(parents=True)
    shutil.copy(HOSTS / "brucite.cif", folder / "1" / "00" / "1000000.cif")
    shutil.copy(HOSTS / "diaspore.cif", folder / "di[1]spore.cif")
    shutil.copy(REFERENCES / "portlandite.cif", folder)
    (folder / "damaged.cif").write_text("data_\nloop_ nothing")
    return folder


def test_a_folder_becomes_a_campaign(database: Path, tmp_path: Path) -> None:
    output = tmp_path / "campaigns" / "hydroxides.yaml"
    result = find(database, "--output", output)
    assert result.exit_code == 0, result.output
    assert "4 records: 2 miss hydrogen, 0 are undecided" in result.stderr
    assert "1 is complete, 1 is refused" in result.stderr
    assert "H2 Mg O2" in result.stdout
    assert "portlandite" not in result.stdout
    campaign = read_campaign(output)
    assert campaign.campaign == "hydroxides"
    again = find(database, "--output", tmp_path / "campaign.yaml")
    assert again.exit_code == 0, again.output
    assert read_campaign(tmp_path / "campaign.yaml").campaign == database.name
    assert not campaign.skip_bad
    assert sorted(load_hosts(campaign, skip_bad=False).insert_counts.tolist()) == [2, 4]


def test_members_of_an_archive_are_written_next_to_the_campaign(
    database: Path, tmp_path: Path
) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number, file in enumerate(sorted(database.rglob("*.cif"))):
            archive.write(file, f"../{number}/../same.cif")
    output = tmp_path / "out" / "c.yaml"
    assert find(path, "--output", output).exit_code == 0
    written = sorted(output.parent.rglob("*.cif"))
    assert [file.relative_to(output.parent).as_posix() for file in written] == [
        "c-hosts/same.cif",
        "c-hosts/same_2.cif",
    ]
    assert len(load_hosts(read_campaign(output), skip_bad=False)) == 2


def test_records_of_the_same_name_are_told_apart(database: Path) -> None:
    shutil.copy(HOSTS / "diaspore.cif", database / "1" / "di[1]spore.cif")
    found = json.loads(find(database, "--json").stdout)
    names = [each["label"] for each in found]
    assert names == ["1000000", "1/di[1]spore", "database/di[1]spore"]


def test_other_records_of_a_file_are_left_out(tmp_path: Path) -> None:
    both = (HOSTS / "brucite.cif").read_text() + (REFERENCES / "portlandite.cif").read_text()
    (tmp_path / "both.cif").write_text(both)
    output = tmp_path / "c.yaml"
    assert find(tmp_path / "both.cif", "-o", output).exit_code == 0
    campaign = read_campaign(output)
    assert campaign.skip_bad
    assert len(load_hosts(campaign, skip_bad=campaign.skip_bad)) == 1


def test_an_answer_of_a_provider_becomes_a_campaign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    provider = Provider([make_entry("test/1"), make_entry("test/2"), make_entry("test/3")])
    output = tmp_path / "c.yaml"
    with serve(provider) as address:
        result = find(address, "--filter", "nelements=3", "--output", output, "--json")
    assert result.exit_code == 0, result.output
    assert provider.queries[0]["filter"] == ["(nelements=3)"]
    assert [entry["label"] for entry in json.loads(result.stdout)] == ["test/1", "test/2", "test/3"]
    assert load_hosts(read_campaign(output), skip_bad=False).insert_counts.tolist() == [2, 2, 2]


def test_a_provider_that_fails_later_keeps_what_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    provider = Provider([make_entry(str(number)) for number in range(5)], links="same")
    with serve(provider) as address:
        result = find(address, "--csv")
    assert result.exit_code == 2
    assert "gives this page as the next one again" in result.stderr
    assert len(result.stdout.splitlines()) == 5


def test_csv_has_all_columns_and_escapes_formulas(database: Path) -> None:
    (database / "=cmd.cif").write_text("data_x")
    result = find(database, "--csv", "--all")
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) == 5
    by_record = {row["record"]: row for row in rows}
    assert by_record["1000000"] | {"why": ""} == {
        "record": "1000000",
        "source": str(database / "1" / "00" / "1000000.cif"),
        "verdict": "missing",
        "formula": "H2 Mg O2",
        "missing": "2",
        "listed": "0",
        "on": by_record["1000000"]["on"],
        "sites": "5",
        "why": "",
    }
    assert "'=cmd.cif" in by_record or "'=cmd" in by_record


def test_exit_status_and_filters(database: Path, tmp_path: Path) -> None:
    assert find(REFERENCES).exit_code == 1
    assert find(tmp_path / "nothing").exit_code == 2
    assert find(database, "--elements", "Ca").exit_code == 1
    assert find(database, "--max-sites", "4").exit_code == 1
    result = find(database, "--max-sites", "5", "--elements", "Mg,H", "--json")
    assert [entry["label"] for entry in json.loads(result.stdout)] == ["1000000"]
    assert "'Xx' is no element" in find(database, "--elements", "Xx").output
    assert "not both" in find(database, "--json", "--csv").output


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("group:mpds/cif", "mpds/cif-restored"),
        ("optimade:cod", "cod"),
        ("https://optimade.example.org:80/v1/", "optimade.example.org-80-v1"),
        ("old/missing.cif.gz", "missing"),
        ("cod.zip", "cod"),
        ("minerals/hosts", "minerals"),
    ],
)
def test_a_campaign_file_without_a_name_is_called_after_its_source(source: str, name: str) -> None:
    from aiida_hpaint.cli.campaigns.find import _open_campaign

    assert _open_campaign(Path("folder/campaign.yaml"), [source, "other.zip"]).name == name
    assert _open_campaign(Path("folder/mine.yaml"), [source]).name == "mine"


@pytest.mark.usefixtures("profile")
def test_nodes_of_a_group_become_a_campaign(tmp_path: Path) -> None:
    from aiida.orm import CifData, Group

    nodes: list[Any] = []
    for path in (HOSTS / "brucite.cif", HOSTS / "diaspore.cif", REFERENCES / "portlandite.cif"):
        nodes.append(CifData(file=io.BytesIO(path.read_bytes()), filename=path.name).store())
    nodes[0].base.extras.set("incorrect_formula", "missing_elements")
    label = f"group {uuid4()}"
    Group(label=label).store().add_nodes(nodes)
    output = tmp_path / "c.yaml"
    result = find(f"group:{label}", "--output", output)
    assert result.exit_code == 0, result.output
    values = yaml.safe_load(output.read_text())
    assert values == {
        "campaign": "c",
        "group": label,
        "nodes": [nodes[0].uuid, nodes[1].uuid],
        "protocol": "balanced",
    }
    dry = CliRunner().invoke(main, ["submit", str(output), "--dry-run"])
    assert "To restore: 2 hosts" in dry.output, dry.output
    chosen = find(f"group:{label}", "--where", "extras.incorrect_formula=missing_elements")
    assert "1 record: 1 misses hydrogen" in chosen.stderr
    assert find("group:no such group").exit_code == 2
    two = find(f"group:{label}", "x.aiida", "--output", output)
    assert "nodes of one group or one archive" in two.output


@pytest.mark.usefixtures("profile")
def test_an_archive_is_searched_without_an_import(tmp_path: Path) -> None:
    from aiida.orm import CifData
    from aiida.tools.archive import create_archive

    content = io.BytesIO((HOSTS / "brucite.cif").read_bytes())
    node = CifData(file=content, filename="brucite.cif").store()
    path = tmp_path / "hosts.aiida"
    create_archive([node], filename=path)
    output = tmp_path / "sub" / "c.yaml"
    assert find(path, "--output", output).exit_code == 0
    campaign = read_campaign(output)
    assert campaign.archive is not None
    assert Path(campaign.archive).resolve() == path.resolve()
    assert campaign.nodes == [node.uuid]
