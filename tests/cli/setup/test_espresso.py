from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from aiida_hpaint.cli import main
from aiida_hpaint.cli.setup import espresso
from aiida_hpaint.cli.setup.local import ensure_localhost

needs_profile = pytest.mark.usefixtures("profile")


@needs_profile
def test_a_program_that_is_nowhere_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setitem(espresso.EXECUTABLES, "none", "quantumespresso.none")
    with pytest.raises(click.ClickException, match=r"no none\.x on the PATH.*with --none"):
        espresso.ensure_espresso(ensure_localhost()[0], "none")


@needs_profile
def test_what_cannot_be_run_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ph.x"
    path.touch()
    with pytest.raises(click.ClickException, match="not an executable program"):
        espresso.ensure_espresso(ensure_localhost()[0], "pw", path)


@needs_profile
def test_a_folder_without_pseudopotentials_is_told(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="no UPF files"):
        espresso.ensure_pseudos(str(tmp_path))


@pytest.mark.dft
@pytest.mark.usefixtures("daemon", "pseudo_family")
def test_setup_may_be_repeated(pw_code: Any, pp_code: Any) -> None:
    result = CliRunner().invoke(main, ["setup", "dft"])
    assert result.exit_code == 0, result.output
    assert "created" not in result.output
    for code in (pw_code, pp_code):
        assert f"{code.full_label} ({code.filepath_executable})" in result.output


@pytest.mark.dft
def test_a_folder_becomes_a_family(pseudo_family: str, tmp_path: Path) -> None:
    from aiida.orm import load_group

    packaged = espresso.find_packaged_folder(pseudo_family)
    assert packaged is not None
    folder = tmp_path / "two of them"
    folder.mkdir()
    for name in ("H.upf", "Li.upf"):
        (folder / name).write_bytes((packaged / name).read_bytes())
    assert espresso.ensure_pseudos(str(folder), 55.0) == ("two of them", True)
    assert espresso.ensure_pseudos(str(folder), 55.0) == ("two of them", False)
    family = load_group("two of them")
    assert set(family.elements) == {"H", "Li"}
    assert family.get_recommended_cutoffs(elements="H", unit="Ry") == (55.0, 220.0)
    # The pseudopotentials are the nodes that the other family has.
    assert family.get_pseudo("H").uuid == load_group(pseudo_family).get_pseudo("H").uuid
