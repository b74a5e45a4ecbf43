from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from aiida_hpaint.cli import main
from aiida_hpaint.cli.chunking import choose_chunk_sites
from aiida_hpaint.cli.restore.request import (
    CampaignRequest,
    RestorationRequest,
    load_hosts,
    load_settings,
    read_request,
)
from aiida_hpaint.cli.restore.run import prepare_task
from aiida_hpaint.cli.settings import collect_overrides
from aiida_hpaint.science.protocols.dft import load_dft_protocol, load_validation_settings
from aiida_hpaint.science.settings import ValidationSettings
from aiida_hpaint.science.structures import StructureBatch, chunk_by_sites

ROOT = Path(__file__).parents[3]

YAML = """
hosts: ["*.cif", sub/b.cif]
add: {H: 4}
protocol: stringent
settings:
  sampling: {samples: 20, seed: 1}
options:
  relax: {max_wallclock_seconds: 3600}
chunk_sites: 2000
"""


@pytest.fixture
def campaign_file(tmp_path: Path) -> Path:
    for name in ("a2.cif", "a1.cif"):
        (tmp_path / name).touch()
    path = tmp_path / "restore.yaml"
    path.write_text(YAML, "utf-8")
    return path


def test_a_campaign_from_a_file(campaign_file: Path) -> None:
    campaign = read_request([str(campaign_file)], {})
    folder = campaign_file.parent
    names = ["a1.cif", "a2.cif", "sub/b.cif"]
    assert campaign.hosts == [str(folder / name) for name in names]
    assert campaign.add == {"H": 4}
    assert campaign.options["relax"]["max_wallclock_seconds"] == 3600
    assert campaign.chunk_sites == 2000


def test_the_command_line_wins(campaign_file: Path) -> None:
    flags = {"protocol": "fast", "samples": 3, "candidates": 2, "add": "H:1", "set_": ("keep=7",)}
    campaign = read_request([str(campaign_file)], flags)
    assert campaign.protocol == "fast"
    assert campaign.add == "H:1"
    assert campaign.settings == {"sampling": {"samples": 3, "seed": 1}, "candidates": 2, "keep": 7}


def test_starting_points_have_a_protocol_of_dft_without_a_validation(campaign_file: Path) -> None:
    flags = {"start_from": "peaks", "dft_protocol": "fast"}
    campaign = read_request([str(campaign_file)], flags)
    assert (campaign.start_from, campaign.dft_protocol) == ("peaks", "fast")
    assert load_settings(campaign).validation is None


def test_starting_points_need_aiida(campaign_file: Path) -> None:
    with pytest.raises(ValueError, match="leave --no-aiida out"):
        prepare_task([str(campaign_file)], {"start_from": "peaks", "no_aiida": True})


def test_a_name_makes_a_large_campaign(campaign_file: Path) -> None:
    assert not isinstance(read_request([str(campaign_file)], {}), CampaignRequest)
    (campaign_file.parent / "more").mkdir()
    for name in ("c.cif", "notes.txt"):
        (campaign_file.parent / "more" / name).touch()
    text = "campaign: hydrides\nhosts: [more]\nadd: H:1\narchive: a.aiida\nmax_jobs: 3\n"
    campaign_file.write_text(text, "utf-8")
    campaign = read_request([str(campaign_file)], {"max_jobs": 4, "group": "mine"})
    assert isinstance(campaign, CampaignRequest)
    folder = campaign_file.parent
    assert campaign.hosts == [str(folder / "more" / "c.cif")]
    assert campaign.archive == str(folder / "a.aiida")
    assert (campaign.max_jobs, campaign.group, campaign.campaign) == (4, "mine", "hydrides")
    assert campaign.chunk_sites == 5000


def test_the_example_names_hosts_that_are_there() -> None:
    campaign = read_request([str(ROOT / "examples" / "campaign.yaml")], {})
    assert isinstance(campaign, CampaignRequest)
    assert len(load_hosts(campaign, skip_bad=False)) == 8


def test_a_campaign_from_flags_alone() -> None:
    campaign = read_request([], {"campaign": "hydrides", "group": "mine"})
    assert isinstance(campaign, CampaignRequest)
    with pytest.raises(ValueError, match="give hosts, a group or an archive"):
        read_request([], {"campaign": "hydrides"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("campaign: a\nhosts: [a.cif]\nmax_jobs: 0", "max_jobs: input should be greater"),
        ("max_jobs: 3\nhosts: [a.cif]", "max_jobs is for campaigns"),
        ("campaign: ''\nhosts: [a.cif]", "campaign: string should have at least 1"),
        ("host: [a.cif]", "there is no setting host: did you mean hosts?"),
        ("hosts: [a.cif]\nprotocl: fast", "no setting protocl: did you mean protocol?"),
        ("hosts: [a.cif]\nchunk_sites: 0", "chunk_sites: input should be greater"),
        ("- a.cif", "keys and values are needed"),
        ("hosts: [", "is not YAML"),
        ("hosts: [no*.cif]", r"no file matches 'no\*\.cif'"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "restore.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ValueError, match=message):
        read_request([str(path)], {})


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No such file"):
        read_request([str(tmp_path / "restore.yaml")], {})


def test_flags_are_settings() -> None:
    flags: dict[str, Any] = {"samples": 3, "seed": 0, "potential": "mace", "generator": None}
    flags["set_"] = ("potential.model=a b.model", "relax_all.give_up_above=null", "keep=2")
    assert collect_overrides(flags) == {
        "sampling": {"samples": 3, "seed": 0},
        "potential": {"name": "mace", "model": "a b.model"},
        "relax_all": {"give_up_above": None},
        "keep": 2,
    }


def test_flags_of_sampling() -> None:
    flags: dict[str, Any] = {"scheme": "repaint", "steps": 200, "record": True, "set_": ()}
    sampling = {"scheme": "repaint", "steps": 200, "record": 1}
    assert collect_overrides(flags) == {"sampling": sampling}
    flags["set_"] = ("sampling.record=10",)
    assert collect_overrides(flags) == {"sampling": {**sampling, "record": 10}}
    assert collect_overrides({"record": False, "scheme": None}) == {}


def test_a_model_is_sent_along_on_request(campaign_file: Path) -> None:
    for flags, expected in (({}, False), ({"upload_model": True}, True)):
        assert read_request([str(campaign_file)], flags).upload_model is expected
    campaign_file.write_text(YAML + "upload_model: true\n", "utf-8")
    assert read_request([str(campaign_file)], {"upload_model": False}).upload_model


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 8))
def test_chunks_are_as_small_as_the_number_of_jobs_allows(counts: list[int], jobs: int) -> None:
    total = sum(counts)
    batch = StructureBatch(
        labels=("x",) * len(counts),
        cells=np.stack([np.eye(3)] * len(counts)),
        site_counts=np.array(counts),
        numbers=np.ones(total, dtype=int),
        frac_coords=np.zeros((total, 3)),
        inserted=np.zeros(total, dtype=bool),
    )
    size = choose_chunk_sites(counts, jobs)
    assert len(chunk_by_sites(batch, size)) <= jobs
    if size > max(counts):
        assert len(chunk_by_sites(batch, size - 1)) > jobs


def validation(**flags: Any) -> ValidationSettings | None:
    return load_settings(read_request(["host.cif"], flags)).validation


def test_without_a_flag_nothing_is_validated() -> None:
    assert validation() is None


def test_validate_takes_the_lowest_with_the_default_protocol() -> None:
    assert validation(validate="dft") == load_validation_settings()
    paper = validation(validate="dft", dft_protocol="paper")
    assert paper is not None
    assert paper.dft == load_dft_protocol("paper")


def test_rank_takes_all_or_the_lowest() -> None:
    everything, three = validation(rank="dft"), validation(rank="dft-top:3")
    assert everything is not None
    assert everything.candidates is None
    assert three is not None
    assert three.candidates == 3


def test_set_wins_over_the_protocol() -> None:
    found = validation(
        validate="dft",
        dft_protocol="fast",
        set_=("validation.dft.cutoff_wfc=44", "validation.margin=0.1"),
    )
    assert found == load_validation_settings("fast", {"dft": {"cutoff_wfc": 44}, "margin": 0.1})


def test_a_yaml_file_may_ask_for_validation(tmp_path: Path) -> None:
    path = tmp_path / "restore.yaml"
    path.write_text(
        "hosts: [host.cif]\ndft_protocol: fast\nsettings: {validation: {candidates: 2}}\n"
        "code: {sample: a, relax: b}\noptions: {dft: {max_wallclock_seconds: 60}}\n"
    )
    request = read_request([str(path)], {"dft_code": "pw@cluster"})
    assert load_settings(request).validation == load_validation_settings("fast", {"candidates": 2})
    assert request.code == {"sample": "a", "relax": "b", "dft": "pw@cluster"}


@pytest.mark.parametrize(
    ("code", "wanted"),
    [(None, {"dft": "pw"}), ("py", {"sample": "py", "relax": "py", "dft": "pw"})],
)
def test_the_code_of_pw_stands_beside_that_of_python(code: str | None, wanted: Any) -> None:
    assert (
        read_request(["host.cif"], {"code": code, "dft_code": "pw", "validate": "dft"}).code
        == wanted
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"rank": "dft-top"}, "--rank dft-top: write dft, or dft-top:N"),
        ({"rank": "dft-top:0"}, "--rank dft-top:0"),
        ({"dft_protocol": "paper"}, "a DFT protocol is for --validate dft or --rank dft"),
        ({"validate": "dft", "dft_protocol": "quick"}, "there is no protocol 'quick' of DFT"),
        ({"set_": ("validation.dft.kpoint=1",), "validate": "dft"}, "validation.dft.kpoint"),
    ],
)
def test_wrong_dft_options_are_refused(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        validation(**flags)


def test_plain_python_refuses_to_validate() -> None:
    host = str(ROOT / "examples" / "hosts" / "brucite.cif")
    result = CliRunner().invoke(
        main, ["restore", host, "--add", "H:2", "--no-aiida", "--validate", "dft"]
    )
    assert result.exit_code == 2
    assert "validation by DFT needs AiiDA: leave out --no-aiida" in result.output


def test_settings_without_validation_stay_without() -> None:
    assert (
        load_settings(RestorationRequest(hosts=["a"], settings={"validation": None})).validation
        is None
    )


def test_what_was_assumed_is_shown_before_anything_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "examples" / "hosts" / "brucite.cif").read_text(encoding="utf-8")
    (tmp_path / "host.cif").write_text(text.replace("_cell_formula_units_Z    1", ""))
    load_hosts(RestorationRequest(hosts=[str(tmp_path / "host.cif")]), skip_bad=False)
    shown = capsys.readouterr().err
    assert "Note: host: _chemical_formula_sum 'H2 Mg O2': no Z is given, and 1 fits" in shown
    assert "Note: host: Bond valences put missing H on these atoms: O1 1." in shown
