from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aiida_hpaint import restore
from aiida_hpaint.science import diffusion
from aiida_hpaint.science.extras import describe_missing_extra, name_missing_extra

ROOT = Path(__file__).parents[2]
BRUCITE = str(ROOT / "examples" / "hosts" / "brucite.cif")
MESSAGE = "needs the package lightning, which is not installed here: pip install 'aiida-hpaint[ml]'"


@pytest.mark.parametrize(
    ("module", "extra"),
    [("torch", "ml"), ("torch.nn", "ml"), ("huggingface_hub", "ml"), ("dftd3", "d3")],
)
def test_the_extra_of_a_package_is_named(module: str, extra: str) -> None:
    error = ModuleNotFoundError(f"No module named {module!r}", name=module)
    assert describe_missing_extra(error).endswith(f"pip install 'aiida-hpaint[{extra}]'")


def test_others_are_left_as_they_are() -> None:
    assert describe_missing_extra(ModuleNotFoundError("x", name="numpy")) == ""
    assert describe_missing_extra(ImportError("cannot import name x", name="torch")) == ""
    with (
        pytest.raises(ModuleNotFoundError, match="No module named 'nowhere'"),
        name_missing_extra(),
    ):
        import nowhere  # type: ignore[import-not-found]  # noqa: F401


def test_python_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'lightning'", name="lightning")

    monkeypatch.setattr("aiida_hpaint.science.restoration.restore_batch", fail)
    with pytest.raises(ModuleNotFoundError) as caught:
        restore(BRUCITE, settings="fast")
    assert MESSAGE in str(caught.value)


def test_what_is_imported_when_it_is_used_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr("aiida_hpaint.science.diffusion.import_module", fail)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'aiida-hpaint\[ml\]'"):
        getattr(diffusion, "load_model")  # noqa: B009


WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError("No module named " + repr(name), name=name)

# Not None in sys.modules: packages that look for torch there would take it for the module.
sys.meta_path.insert(0, Missing())
from aiida_hpaint.cli import main
main()
"""


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("lightning", ["train", str(ROOT / "examples" / "training" / "dense.yaml")]),
        ("torch", ["benchmark", str(ROOT / "examples" / "references" / "brucite.cif")]),
    ],
)
def test_a_command_names_the_extra(package: str, arguments: list[str], tmp_path: Path) -> None:
    # A Python of its own: other tests have imported the package here already.
    more = ["--output", str(tmp_path / "out")] if arguments[0] == "benchmark" else []
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(package=package), *arguments, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert package in result.stderr
    assert "pip install 'aiida-hpaint[ml]'" in result.stderr
    assert not list(tmp_path.iterdir())
