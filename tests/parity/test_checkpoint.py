"""A checkpoint that mattergen's own training wrote, through our reader, conversion and loading."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from aiida_hpaint.science.diffusion import convert_checkpoint, load_model  # noqa: E402
from aiida_hpaint.science.diffusion.models.lightning_files import read_lightning  # noqa: E402
from aiida_hpaint.science.diffusion.networks.gemnet.bases import (  # noqa: E402
    Gaussians,
    TimeEncoding,
)
from aiida_hpaint.science.files import hash_file  # noqa: E402

from .compare import tolerance  # noqa: E402
from .crystals import load_cases  # noqa: E402
from .ours import evaluate  # noqa: E402
from .references import load  # noqa: E402

pytestmark = pytest.mark.numerics

FOLDER = Path(__file__).parent / "data"
CHECKPOINT = FOLDER / "oracle-pos-only" / "checkpoints" / "last.ckpt"


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))


def test_it_is_read_as_torch_reads_it() -> None:
    found = read_lightning(CHECKPOINT)
    oracle = torch.load(CHECKPOINT, weights_only=True, map_location="cpu")
    assert list(found.state_dict) == list(oracle["state_dict"])
    for name, tensor in oracle["state_dict"].items():
        assert torch.equal(found.state_dict[name], tensor)
    assert found.config == oracle["config"]
    assert found.inert == ()


def test_no_tensor_is_missing_or_left_over(tmp_path: Path) -> None:
    card = convert_checkpoint(CHECKPOINT, name="whole", all_weights=True)
    state = read_lightning(CHECKPOINT).state_dict
    network = load_model("whole", "cpu").network
    assert {f"diffusion_module.model.{name}" for name in network.state_dict()} == set(state)
    assert card.sampling.scheme == "pos-only"
    assert card.data["source_sha256"] == hash_file(CHECKPOINT)


def test_tables_are_those_that_mattergen_makes() -> None:
    state = read_lightning(CHECKPOINT).state_dict
    prefix = "diffusion_module.model."
    for name in ("gemnet.radial_basis.rbf.offset", "gemnet.cbf_basis3.radial_basis.rbf.offset"):
        assert torch.equal(Gaussians(128).offset, state[prefix + name])
    rates = state[f"{prefix}noise_level_encoding.div_term"]
    assert torch.equal(TimeEncoding(2 * len(rates)).div_term, rates)


@pytest.mark.parametrize(
    ("kind", "folder", "scheme"),
    [("structure", "oracle-pos-only", "pos-only"), ("site", "oracle-td-pos-only", "td")],
)
def test_it_says_what_mattergen_said(kind: str, folder: str, scheme: str, tmp_path: Path) -> None:
    copy = shutil.copytree(FOLDER / folder, tmp_path / folder)
    if not (copy / "checkpoints").is_dir():  # the same weights, another configuration
        shutil.copytree(CHECKPOINT.parent, copy / "checkpoints")
    model = load_model(str(copy), "cpu")
    assert model.card.sampling.scheme == scheme
    cases = [load_cases()[index] for index in load("diffusion")["chosen"]]
    ours = np.concatenate(evaluate(model.network, cases, kind == "site", torch.float32))
    theirs = load("checkpoint")[f"checkpoint_{kind}"]
    allowed = tolerance(model.network.settings, "float32") * np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=allowed)
