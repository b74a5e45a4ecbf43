"""What is wrong is told before anything is submitted."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.dft


def lithium() -> Any:
    from aiida.orm import StructureData

    structure = StructureData(cell=[[0, 2, 2], [2, 0, 2], [2, 2, 0]], pbc=True)
    structure.append_atom(position=(0, 0, 0), symbols="Li")
    return structure


@pytest.fixture
def builder(pw_code: Any, pp_code: Any, pseudo_family: str) -> Any:
    def builder(count: int = 1, codes: Any = (pw_code, pp_code), **arguments: Any) -> Any:
        from aiida_hpaint.workflows.restore_hydrogen import RestoreHydrogenWorkChain

        return RestoreHydrogenWorkChain.get_builder_from_protocol(
            *codes, lithium(), count, **arguments
        )

    return builder


def test_overrides_reach_into_the_protocols_of_the_calculations(builder: Any) -> None:
    nosym = {"pw": {"parameters": {"SYSTEM": {"nosym": True}}}}
    built = builder(overrides={"scf": nosym, "relax_all": {"base_relax": nosym}, "max_rounds": 2})
    relaxations = (built.relax_inserted.base_relax, built.relax_all.base_relax)
    found = [one.pw.parameters["SYSTEM"]["nosym"] for one in (built.scf, *relaxations)]
    assert found == [True, False, True]
    assert built.max_rounds.value == 2


def test_settings_are_inputs(builder: Any) -> None:
    built = builder(
        2, protocol="fast", overrides={"pinball": {"keep": 7}, "max_rounds": 2}, charge=1
    )
    assert built.count.value == 2
    assert built.element.value == "H"
    assert built.max_rounds.value == 2
    assert built.pinball["keep"] == 7
    assert built.pp.parameters["INPUTPP"]["plot_num"] == 11
    assert set(built.scf.pw.pseudos) == {"Li", "H"}
    assert built.scf.pw.parameters["SYSTEM"]["tot_charge"] == 1
    assert built.relax_all.base_relax.pw.parameters["CONTROL"]["calculation"] == "relax"
    assert built.scf.kpoints_distance.value == 0.2
    rounds, last = (
        built[name].base_relax.pw.parameters for name in ("relax_inserted", "relax_all")
    )
    assert rounds["CONTROL"]["forc_conv_thr"] == pytest.approx(5e-3)
    assert last["CONTROL"]["forc_conv_thr"] == pytest.approx(1e-3)
    assert built.relax_inserted.base_relax.kpoints_distance.value == 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "add at least one"),
        ({"element": "Xx"}, "Xx"),
        ({"element": "Po", "overrides": {"dft": {"pseudo_families": ["none"]}}}, "none is inst"),
        ({"element": "Am"}, "has none for Am"),
        ({"protocol": "quick"}, "no protocol 'quick'"),
        ({"overrides": {"pinbal": {"keep": 1}}}, "pinball"),
        ({"overrides": {"pinball": {"keep": 0}}}, "pinball.keep"),
        ({"codes": ("nothing@localhost", "pp@localhost")}, "code 'nothing@localhost'"),
    ],
)
def test_mistakes_are_told(builder: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        builder(**arguments)


def test_codes_may_not_be_mixed_up(builder: Any, pw_code: Any, pp_code: Any) -> None:
    with pytest.raises(ValueError, match=r"runs quantumespresso\.pp, not quantumespresso\.pw"):
        builder(codes=(pp_code, pw_code))
