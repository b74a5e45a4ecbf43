"""The adapter where mattergen is not installed, and what configurations may ask for.

Where it is installed, tests/parity/test_adapter.py evaluates it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
yaml = pytest.importorskip("yaml")

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, FractionalNoiseSettings  # noqa: E402
from aiida_hpaint.science.diffusion.networks.mattergen import (  # noqa: E402
    MattergenNetwork,
    MattergenSettings,
)
from aiida_hpaint.science.diffusion.networks.mattergen_package import (  # noqa: E402
    build,
    find,
    write_scale_file,
)

DATA = Path(__file__).parents[3] / "parity" / "data"


def denoiser(folder: str) -> dict[str, object]:
    config = yaml.safe_load((DATA / folder / "config.yaml").read_text("utf-8"))
    found: dict[str, object] = config["lightning_module"]["diffusion_module"]["model"]
    return found


@pytest.mark.skipif(find_spec("mattergen") is not None, reason="mattergen is installed")
@pytest.mark.parametrize("folder", ["oracle-pos-only", "oracle-td-pos-only"])
def test_without_the_package_the_error_names_the_way_out(folder: str) -> None:
    settings = MattergenSettings(denoiser=denoiser(folder))
    with pytest.raises(CheckpointError, match=r"mattergen 1\.0\.3.*documentation.*'gemnet'"):
        MattergenNetwork(settings, FractionalNoiseSettings())


def test_only_td_configurations_have_times_of_sites() -> None:
    assert MattergenSettings(denoiser=denoiser("oracle-td-pos-only")).per_site
    assert not MattergenSettings(denoiser=denoiser("oracle-pos-only")).per_site


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "mattergen.common.utils.globals.try_eval",
        "mattergen.common.utils.globals.os.system",
        "mattergen.denoiser.GemNetTDenoiser.__init__.__globals__",
        "xtalpaint.time_dependent.gemnet.torch.load",
    ],
)
def test_nothing_else_is_called(target: str) -> None:
    with pytest.raises(CheckpointError, match="not loaded"):
        find(target)
    with pytest.raises(CheckpointError, match="not loaded"):
        build({"gemnet": [{"_target_": target, "command": "true"}]})


def test_configurations_without_classes_are_plain_data() -> None:
    plain = {"a": [1, {"b": None}], "_convert_": "all"}
    assert build(plain) == {"a": [1, {"b": None}]}


def test_targets_are_made_with_their_arguments() -> None:
    made = build({"layer": {"_target_": "torch.nn.Identity", "size": 3}})
    assert isinstance(made["layer"], torch.nn.Identity)


def test_the_scale_file_has_a_number_for_each_layer(tmp_path: Path) -> None:
    write_scale_file(tmp_path)
    text = (tmp_path / "common" / "gemnet" / "gemnet-dT.json").read_text("utf-8")
    factors = yaml.safe_load(text)
    assert len(factors) == 17
    assert factors["AtomUpdate_1_sum"] == 1.220463752746582
    assert factors["OutBlock_3_had"] == 13.484951972961426
