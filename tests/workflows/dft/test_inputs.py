"""Inputs of pw.x; what only looks at the profile runs without pw.x."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ase import Atoms
from ase.build import bulk

from aiida_hpaint.cli.setup.espresso import find_packaged_folder
from aiida_hpaint.science.protocols.dft import load_dft_protocol
from aiida_hpaint.science.settings import DftSettings

needs_profile = pytest.mark.usefixtures("profile")


def crystal(atoms: Atoms | None = None) -> Any:
    from aiida.orm import StructureData

    return StructureData(ase=bulk("LiH", "rocksalt", a=4.02) if atoms is None else atoms)


@needs_profile
def test_families_that_are_not_installed_are_named() -> None:
    from aiida_hpaint.workflows.dft.families import pick_family

    settings = DftSettings(pseudo_families=("nowhere/1", "nowhere/2"))
    with pytest.raises(ValueError, match=r"nowhere/1, nowhere/2 is installed.*setup dft"):
        pick_family(settings, ["H"])


@needs_profile
def test_codes_that_are_not_there_are_told(tmp_path: Path) -> None:
    from aiida.orm import InstalledCode

    from aiida_hpaint.cli.setup.local import ensure_local_code, ensure_localhost
    from aiida_hpaint.workflows.dft.codes import find_espresso_code

    with pytest.raises(ValueError, match=r"no Code.*aiida-hpaint setup dft"):
        find_espresso_code("pw", "none@localhost")
    with pytest.raises(ValueError, match=r"runs pythonjob.pythonjob, not quantumespresso.pw"):
        find_espresso_code("pw", ensure_local_code(ensure_localhost()[0])[0])
    lost = InstalledCode(
        label="lost",
        computer=ensure_localhost()[0],
        filepath_executable=str(tmp_path / "pw.x"),
        default_calc_job_plugin="quantumespresso.pw",
    ).store()
    lost.is_hidden = True
    with pytest.raises(
        ValueError, match=r"'lost@localhost' runs .*pw.x, which is not an executable"
    ):
        find_espresso_code("pw", "lost@localhost")


@needs_profile
def test_programs_in_containers_are_found() -> None:
    from aiida.orm import Computer, ContainerizedCode

    from aiida_hpaint.workflows.dft.codes import find_espresso_code

    place = Computer("boxes", "boxes.example", "", "core.ssh", "core.direct").store()
    boxed = ContainerizedCode(
        label="pp",
        computer=place,
        image_name="qe.sif",
        engine_command="apptainer exec {image_name}",
        filepath_executable="pp.x",
        default_calc_job_plugin="quantumespresso.pp",
    ).store()
    assert find_espresso_code("pp", beside=place).uuid == boxed.uuid
    boxed.is_hidden = True


def test_overrides_are_those_of_settings_and_of_base_work_chains() -> None:
    from aiida_hpaint.workflows.dft.inputs import split_overrides

    nosym = {"parameters": {"SYSTEM": {"nosym": True}}}
    handlers = {"handle_relax_recoverable_electronic_convergence_error": {"enabled": False}}
    given, nested = split_overrides(
        {"cutoff_wfc": 40, "base": {"pw": nosym}, "handler_overrides": handlers}
    )
    assert given == {"cutoff_wfc": 40}
    assert nested == {"pw": nosym, "handler_overrides": handlers}
    assert split_overrides({"base_relax": {"pw": nosym}}) == ({}, {"pw": nosym})
    with pytest.raises(ValueError, match=r"no override base\.cutoff_wfc of PwBaseWorkChain"):
        split_overrides({"base": {"cutoff_wfc": 40}})
    with pytest.raises(ValueError, match="no error handler 'handle_ghosts': choose from handle_"):
        split_overrides({"handler_overrides": {"handle_ghosts": {"enabled": False}}})


@pytest.mark.parametrize(
    ("elements", "spin", "magnetic"),
    [
        (["Fe", "H"], "auto", True),
        (["Ti", "H"], "auto", False),
        (["Ti", "H"], "collinear", True),
        (["Fe", "H"], "none", False),
    ],
)
def test_spin_follows_the_elements(elements: list[str], spin: Any, magnetic: bool) -> None:
    from aiida_quantumespresso.common.types import SpinType

    from aiida_hpaint.workflows.dft.inputs import choose_spin_type

    found = choose_spin_type(DftSettings(spin=spin), elements)
    assert found is (SpinType.COLLINEAR if magnetic else SpinType.NONE)


@pytest.mark.dft
@pytest.mark.usefixtures("pseudo_family")
def test_settings_reach_pw(pw_code: Any) -> None:
    from aiida_hpaint.workflows.dft.inputs import make_base_inputs

    settings = load_dft_protocol("paper", {"cutoff_wfc": 50, "max_jobs": 2})
    inputs = make_base_inputs(
        pw_code, crystal(), settings, calculation="relax", charge=1, fixed=[True, False]
    )
    parameters = inputs["pw"]["parameters"].get_dict()
    assert parameters["CONTROL"]["calculation"] == "relax"
    assert parameters["CONTROL"]["forc_conv_thr"] == 1e-4
    assert parameters["CONTROL"]["etot_conv_thr"] == pytest.approx(2e-5)
    assert parameters["SYSTEM"]["ecutwfc"] == 50
    assert parameters["SYSTEM"]["ecutrho"] == 200
    assert (parameters["SYSTEM"]["smearing"], parameters["SYSTEM"]["degauss"]) == ("cold", 0.02)
    assert parameters["SYSTEM"]["tot_charge"] == 1
    assert "nspin" not in parameters["SYSTEM"]
    assert parameters["ELECTRONS"]["conv_thr"] == pytest.approx(4e-10)
    assert inputs["kpoints_distance"].value == 0.15
    assert inputs["max_iterations"].value == 2
    assert inputs["pw"]["settings"].get_dict() == {"FIXED_COORDS": [[True] * 3, [False] * 3]}
    assert set(inputs["pw"]["pseudos"]) == {"Li", "H"}
    handlers = {"handle_vcrelax_converged_except_final_scf": {"enabled": False}}
    nested = {"pw": {"parameters": {"SYSTEM": {"ecutrho": 300}}}, "handler_overrides": handlers}
    other = make_base_inputs(pw_code, crystal(), settings, overrides=nested)
    assert other["pw"]["parameters"]["SYSTEM"]["ecutrho"] == 300
    assert other["handler_overrides"].get_dict() == handlers
    with pytest.raises(ValueError, match="1 values of `fixed` for 2 sites"):
        make_base_inputs(pw_code, crystal(), settings, fixed=[True])


@pytest.mark.dft
@pytest.mark.usefixtures("pseudo_family")
def test_magnetic_hosts_start_with_moments(pw_code: Any) -> None:
    from aiida_hpaint.workflows.dft.inputs import make_base_inputs

    structure = crystal(bulk("FeH", "rocksalt", a=3.8))
    inputs = make_base_inputs(pw_code, structure, load_dft_protocol("fast"))
    system = inputs["pw"]["parameters"]["SYSTEM"]
    assert system["nspin"] == 2
    assert system["starting_magnetization"]["Fe"] > system["starting_magnetization"]["H"]
    assert structure.get_kind_names() == ["Fe", "H"]


@pytest.mark.dft
def test_a_missing_pseudopotential_is_named(pseudo_family: str) -> None:
    from aiida_hpaint.workflows.dft.families import pick_family

    settings = DftSettings(pseudo_families=(pseudo_family,))
    assert pick_family(settings, ["Li", "H"]).label == pseudo_family
    with pytest.raises(ValueError, match=r"has none for Eu, U: install another family"):
        pick_family(settings, ["U", "H", "Eu"])


@pytest.mark.dft
def test_a_family_without_cutoffs_needs_them_set(pseudo_family: str, tmp_path: Path) -> None:
    from aiida_pseudo.groups.family import PseudoPotentialFamily

    from aiida_hpaint.workflows.dft.families import find_cutoffs, pick_family

    folder = find_packaged_folder(pseudo_family)
    assert folder is not None
    (tmp_path / "H.upf").write_bytes((folder / "H.upf").read_bytes())
    PseudoPotentialFamily.create_from_folder(tmp_path, "bare")
    with pytest.raises(ValueError, match="'bare' recommends no cutoffs: set `cutoff_wfc`"):
        pick_family(DftSettings(pseudo_families=("bare",)), ["H"])
    told = DftSettings(pseudo_families=("bare",), cutoff_wfc=30)
    assert find_cutoffs(told, pick_family(told, ["H"]), ["H"]) == (30, 120)


def test_pp_reads_what_pw_wrote_on_its_computer(profile: Any) -> None:
    from aiida.orm import Computer, InstalledCode

    from aiida_hpaint.cli.setup.local import ensure_localhost
    from aiida_hpaint.workflows.dft.codes import find_espresso_codes

    cluster = Computer(
        label="both",
        hostname="cluster",
        transport_type="core.ssh_async",
        scheduler_type="core.slurm",
    ).store()

    def code(computer: Any, name: str) -> Any:
        return InstalledCode(
            label=f"{name}-both",
            computer=computer,
            filepath_executable="/bin/sh",
            default_calc_job_plugin=f"quantumespresso.{name}",
        ).store()

    here, pw = code(ensure_localhost()[0], "pp"), code(cluster, "pw")
    here.is_hidden = True
    with pytest.raises(ValueError, match=r"no code for pp\.x on both: .*setup codes both --pp"):
        find_espresso_codes("pw-both@both", None)
    with pytest.raises(
        ValueError, match=r"pp-both@localhost' cannot read the files of 'pw-both@both'"
    ):
        find_espresso_codes(pw, here)
    pp = code(cluster, "pp")
    assert find_espresso_codes(pw, None)[1].uuid == pp.uuid
    for one in (pw, pp):
        one.is_hidden = True
