from __future__ import annotations

import collections
import pickle
import sys
import zipfile
from pathlib import Path, PosixPath
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf
from published_files import write_checkpoint
from torch import nn

from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.diffusion.models.lightning_files import read_lightning

PATH_CLASS = f"{PosixPath.__module__}.PosixPath"
STATE = {
    "net.weight": torch.arange(6.0).reshape(2, 3),
    "net.bias": torch.tensor([0.5, -0.5], dtype=torch.float64),
}


def lightning(path: Path, state: dict[str, Any] | None = None, **content: Any) -> Path:
    return write_checkpoint(path, STATE if state is None else state, **content)


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return list(left) == list(right) and all(
        left[key].dtype == right[key].dtype
        and left[key].shape == right[key].shape
        and torch.equal(left[key], right[key])
        for key in left
    )


class Unknown:
    """Its module is gone when the file is read."""

    def __init__(self) -> None:
        self.value = {"a": [1, 2]}


class Runs:
    """Pickles to a call of what it is given."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def test_weights_and_progress_are_read(tmp_path: Path) -> None:
    path = lightning(tmp_path / "last.ckpt")
    file = read_lightning(path)
    oracle = torch.load(path, weights_only=False)
    assert same(file.state_dict, oracle["state_dict"])
    assert file.config is None
    assert file.training == {
        "epoch": 7,
        "global_step": 1234,
        "pytorch-lightning_version": "2.0.6",
    }
    assert file.inert == (PATH_CLASS,)


DTYPES = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32]
DTYPES += [torch.int16, torch.int8, torch.uint8, torch.bool]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(DTYPES),
            st.lists(st.integers(0, 4), max_size=3),
            st.booleans(),
        ),
        max_size=5,
    )
)
def test_tensors_are_what_torch_reads(
    tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[torch.dtype, list[int], bool]]
) -> None:
    rng = np.random.default_rng(len(kinds))
    state: dict[str, torch.Tensor] = {}
    for index, (dtype, shape, turned) in enumerate(kinds):
        tensor = torch.as_tensor(rng.integers(-3, 9, shape)).to(dtype)
        state[f"t{index}"] = tensor.T if turned and tensor.ndim == 2 else tensor
        if tensor.ndim:
            state[f"slice{index}"] = tensor[1:]
    path = lightning(tmp_path_factory.mktemp("ckpt") / "last.ckpt", state)
    assert same(read_lightning(path).state_dict, torch.load(path, weights_only=False)["state_dict"])


def test_a_module_and_its_parameters(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    path = lightning(tmp_path / "last.ckpt", network.state_dict())
    assert same(read_lightning(path).state_dict, network.state_dict())
    path = lightning(tmp_path / "parameters.ckpt", dict(network.named_parameters()))
    read = read_lightning(path).state_dict
    assert not read["0.weight"].requires_grad
    assert torch.equal(read["0.weight"], network[0].weight)


def test_what_is_not_known_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {
        "unknown": Unknown(),
        "path": PosixPath("/a/b"),
        "counter": collections.Counter("aab"),
        "ordered": collections.OrderedDict(a=1),
        "default": collections.defaultdict(list, a=[1]),
        "array": np.arange(3.0),
        "scalar": np.float64(2.0),
        "types": [torch.float32, torch.device("cpu"), dict, torch.optim.Adam],
        "sparse": torch.eye(2).to_sparse(),
        "set": {1, 2},
        "module": nn.Linear(1, 1),
        "complex": 1 + 2j,
        "namespace": __import__("argparse").Namespace(a=1),
    }
    path = lightning(tmp_path / "last.ckpt", hyper_parameters=others)
    monkeypatch.delitem(sys.modules, Unknown.__module__)
    file = read_lightning(path)
    assert same(file.state_dict, STATE)
    assert {PATH_CLASS, "collections.Counter"} <= set(file.inert)
    assert any(name.endswith("Unknown") for name in file.inert)


def test_the_config_is_plain(tmp_path: Path) -> None:
    config = {"lightning_module": {"cutoff": 7.0, "parts": ["a", None, True], "n": 4}}
    plain = read_lightning(lightning(tmp_path / "a.ckpt", config=config)).config
    # what OmegaConf itself says about its containers is the oracle
    container = OmegaConf.create({**config, "link": "${lightning_module.n}"})
    wrapped = read_lightning(lightning(tmp_path / "b.ckpt", config=container)).config
    assert plain == config
    assert wrapped == OmegaConf.to_container(container, resolve=False)
    assert read_lightning(lightning(tmp_path / "c.ckpt", config=[1])).config is None


@pytest.mark.parametrize("place", ["state_dict", "config", "callbacks", "anything"])
@pytest.mark.parametrize("shell", ["os.system", "subprocess.call", "eval"])
def test_a_harmful_file_is_refused_and_harms_nobody(tmp_path: Path, place: str, shell: str) -> None:
    marker = tmp_path / "marker"
    harm = {
        "os.system": Runs(__import__("os").system, f"touch {marker}"),
        "subprocess.call": Runs(__import__("subprocess").call, ["touch", str(marker)]),
        "eval": Runs(eval, f"open({str(marker)!r}, 'w').close()"),
    }[shell]
    path = lightning(tmp_path / "last.ckpt", **{place: {"weight": harm}})
    with pytest.raises(CheckpointError, match=r"last\.ckpt: it tries to call .* It was not called"):
        read_lightning(path)
    assert not marker.exists()
    # the file is a real attack: whoever unpickles it runs the command
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_a_call_hidden_in_another_package_does_not_happen(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    harm = Runs(np.savetxt, str(marker), [1.0])
    path = lightning(tmp_path / "last.ckpt", hyper_parameters=harm)
    assert same(read_lightning(path).state_dict, STATE)
    assert not marker.exists()
    torch.load(path, weights_only=False)
    assert marker.exists()


def test_attributes_of_what_is_ours_cannot_be_set(tmp_path: Path) -> None:
    # BUILD on a name instead of an object: sets attributes of what the name stands for
    for name in (b"ccollections\nOrderedDict\n", b"ctorch._utils\n_rebuild_tensor_v2\n"):
        pickled = b"\x80\x02" + name + b"(N}X\x03\x00\x00\x00popK\x01stb."
        path = tmp_path / "last.ckpt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("last/data.pkl", pickled)
        with pytest.raises(CheckpointError, match=r"damaged|no state_dict"):
            read_lightning(path)
        assert not isinstance(collections.OrderedDict.pop, int)


def repack(path: Path, **records: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    for name in content:
        content[name] = records.get(name.rpartition("/")[2].replace(".", "_"), content[name])
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ({"data_pkl": b"\x80\x02garbage"}, "its pickle is damaged"),
        ({"data_pkl": b""}, "its pickle is damaged"),
        ({"data_pkl": pickle.dumps([1, 2])}, "no state_dict"),
        ({"data_pkl": pickle.dumps({"state_dict": [1]})}, "no state_dict"),
        ({"data_pkl": pickle.dumps({"state_dict": {"a": 1}})}, "'a' .* is not a plain tensor"),
        ({"byteorder": b"big" if sys.byteorder == "little" else b"little"}, "byte order"),
        ({"0": b"1234"}, r"'net\.weight' in it is damaged: 4 bytes for 6 numbers"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, records: dict[str, bytes], message: str) -> None:
    path = lightning(tmp_path / "last.ckpt")
    repack(path, **records)
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: .*{message}"):
        read_lightning(path)


def test_one_number_cannot_fill_the_memory(tmp_path: Path) -> None:
    path = lightning(tmp_path / "last.ckpt", {"a": torch.zeros(1).expand(1 << 40)})
    with pytest.raises(CheckpointError, match="'a' in it is damaged"):
        read_lightning(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_another_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        read_lightning(path)


def test_other_archives_and_missing_files_are_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(CheckpointError, match=r"torch\.save did not write it"):
        read_lightning(tmp_path / "a.zip")
    with pytest.raises(CheckpointError, match="No such file"):
        read_lightning(tmp_path / "no.ckpt")
    old = tmp_path / "old.ckpt"
    torch.save({"state_dict": STATE}, old, _use_new_zipfile_serialization=False)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        read_lightning(old)
