"""Budgets of brucite, gypsum and real entries, by what their files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from written_records import read_brucite, read_crystal, read_gypsum

from aiida_hpaint.science.settings import HostSettings
from aiida_hpaint.science.structures import (
    HostError,
    HydrogenBudget,
    Record,
    determine_budget,
    read_records,
)
from aiida_hpaint.science.structures.disorder import order_record

FILES = Path(__file__).parent / "files"
SUM, UNITS = "_chemical_formula_sum", "_cell_formula_units_Z"
OXYGEN = "O1 O 0.333333 0.666667 0.2203"


def read(name: str) -> Record:
    (record,) = read_records(FILES / f"{name}.cif")
    assert isinstance(record, Record)
    return record


def outcome(budget: HydrogenBudget) -> tuple[int, int, dict[str, int]]:
    return budget.missing, budget.listed, dict(budget.by_site)


@pytest.mark.parametrize(
    ("name", "missing", "listed", "by_site"),
    [
        ("koh_oc", 4, 0, {"O-H": 1}),
        ("gyp_amcsd_WatOW", 16, 0, {"WatOW": 2}),
        ("gypsum_half_H", 8, 8, {"O5": 1}),
        ("ammonia_oc", 12, 0, {"N1": 3}),
        ("biphosphammite", 24, 0, {"N": 4, "O(h1)": 1, "O(h2)": 1}),
    ],
)
def test_real_entries(name: str, missing: int, listed: int, by_site: dict[str, int]) -> None:
    assert outcome(determine_budget(read(name))) == (missing, listed, by_site)


@pytest.mark.parametrize(
    "items",
    [
        {SUM: "H2 Mg O2", UNITS: 1},
        {SUM: "H2 Mg O2", UNITS: "1.00"},
        {SUM: "H2 Mg O2"},
        {SUM: "D2 Mg O2", UNITS: 1},
        {SUM: "Mg (O H)2", UNITS: 1},
        {"_chemical_formula_moiety": "Mg 2+, 2(H O -)", UNITS: 1},
        {"_chemical_formula_structural": "Mg (O H)2", UNITS: 1},
        {SUM: "H2 Mg O2", UNITS: 1, "_chemical_formula_weight": 58.32},
        {SUM: "H2 Mg0.98 Fe0.02 O2", UNITS: 1},
    ],
)
def test_formulas_of_all_kinds_count_h_and_bond_valences_place_it(
    tmp_path: Path, items: dict[str, Any]
) -> None:
    budget = determine_budget(read_brucite(tmp_path, items))
    assert outcome(budget) == (2, 0, {"O1": 1})
    assert any("Bond valences" in text for text in budget.assumptions)


def test_a_formula_of_the_whole_cell_beside_z_is_taken_as_such(tmp_path: Path) -> None:
    record = read_gypsum(tmp_path, {SUM: "Ca4 H16 O24 S4", UNITS: 4})
    budget = determine_budget(record)
    assert outcome(budget) == (16, 0, {"O3": 2})
    assert any("whole cell" in text for text in budget.assumptions)


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({SUM: "H2 Mg O2", UNITS: 2}, r"it has Z = 2, but its other sites \(Mg1 O2\) make 1"),
        ({SUM: "H1.98 Mg O2"}, "1.98 H in the cell, which is no whole number"),
        ({SUM: "H4 C Mg O3", UNITS: 1}, "does not fit its other sites"),
        ({SUM: "magnesium", UNITS: 1}, "cannot be read"),
        ({}, "its file does not say how many H it lacks"),
    ],
)
def test_what_no_formula_says_is_asked_for(
    tmp_path: Path, items: dict[str, Any], reason: str
) -> None:
    record = read_brucite(tmp_path, items)
    with pytest.raises(HostError, match=reason) as caught:
        determine_budget(record)
    assert "bond valences" in str(caught.value)
    assert outcome(determine_budget(record, add=2)) == (2, 0, {"O1": 1})


@pytest.mark.parametrize("label", ["O-H", "O-H1", "Oh1", "OH1", "OHa", "OH2", "O1H", "OW1", "O_w"])
def test_labels_agree_with_the_formula_or_are_not_used(tmp_path: Path, label: str) -> None:
    record = read_brucite(tmp_path, {SUM: "H2 Mg O2", UNITS: 1}, label)
    budget = determine_budget(record)
    assert outcome(budget) == (2, 0, {label: 1})
    assert any("not used" in text for text in budget.assumptions) == (label in ("OW1", "O_w"))


@pytest.mark.parametrize("label", ["Wat", "Wat2", "OW", "Ow1", "O1W", "H2O", "OH2"])
def test_labels_of_water(tmp_path: Path, label: str) -> None:
    record = read_gypsum(tmp_path, {SUM: "Ca H4 O6 S"}, label)
    assert outcome(determine_budget(record)) == (16, 0, {label: 2})


def test_labels_that_contradict_the_formula_ask(tmp_path: Path) -> None:
    record = read_brucite(tmp_path, {SUM: "H2 Mg O2", UNITS: 1}, "Wat")
    with pytest.raises(HostError, match=r"gives 2 H in the cell, but labels: .*Wat 2") as caught:
        determine_budget(record)
    for option in ("--trust formula", "--trust labels", "--add H:2", "--add H:4", "--budget"):
        assert option in str(caught.value)
    by_formula = determine_budget(record, HostSettings(trust="formula"))
    assert outcome(by_formula) == (2, 0, {"Wat": 1})
    assert any("not believed" in text for text in by_formula.assumptions)
    assert outcome(determine_budget(record, HostSettings(trust="labels"))) == (4, 0, {"Wat": 2})
    assert outcome(determine_budget(record, add=4)) == (4, 0, {"Wat": 2})


def test_uncertain_labels_that_bond_valences_support_contradict_a_formula(tmp_path: Path) -> None:
    record = read_gypsum(tmp_path, {SUM: "Ca H2 O6 S", UNITS: 4}, "Ow")
    with pytest.raises(HostError, match=r"gives 8 H in the cell, but labels .*Ow 2") as caught:
        determine_budget(record)
    assert "--add H:8 or --add H:16" in str(caught.value)
    assert outcome(determine_budget(record, HostSettings(trust="labels"))) == (16, 0, {"Ow": 2})
    assert outcome(determine_budget(record, HostSettings(trust="formula"))) == (8, 0, {"Ow": 1})


def test_what_is_asked_for_comes_with_what_fits(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"as with --add H:16 or --budget O3:2"):
        determine_budget(read_gypsum(tmp_path, {}))


def test_more_h_than_fits_is_said(tmp_path: Path) -> None:
    budget = determine_budget(read_brucite(tmp_path, {SUM: "H6 Mg O2", UNITS: 1}))
    assert outcome(budget) == (6, 0, {})
    assert "speak against this number" in " ".join(budget.assumptions)
    assert "2 H in the cell fit best" in " ".join(budget.assumptions)


def test_h_that_symmetry_shares_is_on_every_other_oxygen(tmp_path: Path) -> None:
    """Acidic ammonium phosphate in I-42d, after Khan and Baur, Acta Cryst. B 29, 2721 (1973)."""
    crystal = ("I -4 2 d", (7.4991, 7.4991, 7.5493, 90, 90, 90))
    rows = ("N1 N 0 0 0.5", "P1 P 0 0 0", "O1 O 0.1469 0.0843 0.1151")
    record = read_crystal(tmp_path, crystal, {SUM: "H6 N O4 P", UNITS: 4}, rows)
    budget = determine_budget(record)
    assert outcome(budget) == (24, 0, {"N1": 4})
    assert "Every other atom of O1 carries one H, by bond valences: 8 H." in budget.assumptions


def test_a_moiety_of_water_places_it(tmp_path: Path) -> None:
    """Chalcanthite, after Bacon and Titterton, Z. Krist. 141, 330 (1975)."""
    crystal = ("P -1", (6.1224, 10.7223, 5.9681, 82.35, 107.33, 102.60))
    rows = (
        "Cu1 Cu 0 0 0",
        "Cu2 Cu 0.5 0.5 0",
        "S1 S 0.0133 0.2864 0.6253",
        "O1 O 0.9074 0.1519 0.6735",
        "O2 O 0.2438 0.3173 0.7968",
        "O3 O 0.8604 0.3718 0.6367",
        "O4 O 0.0470 0.3019 0.3841",
        "O5 O 0.8178 0.0738 0.1521",
        "O6 O 0.2887 0.1177 0.1490",
        "O7 O 0.4655 0.4063 0.2975",
        "O8 O 0.7560 0.4161 0.0191",
        "O9 O 0.4353 0.1247 0.6289",
    )
    waters = dict.fromkeys(("O5", "O6", "O7", "O8", "O9"), 2)
    for moiety in ("Cu 2+, S O4 2-, 5(H2 O)", "[Cu (D2 O)4] S O4 (D2 O)"):
        record = read_crystal(
            tmp_path, crystal, {"_chemical_formula_moiety": moiety, UNITS: 2}, rows
        )
        assert outcome(determine_budget(record)) == (20, 0, waters)


def test_h_shared_by_two_fluorine_is_attached_to_both(tmp_path: Path) -> None:
    rows = ("K1 K 0 0 0 0", "F1 F 0.5 0.5 0.5 1", "F2 F 0.5 0.5 0.785 1", "O1 O 0.5 0 0.5 2")
    crystal = ("P 1", (4, 6, 8, 90, 90, 90))
    record = read_crystal(
        tmp_path, crystal, {SUM: "K F2 H3 O", UNITS: 1}, rows, ["attached_hydrogens"]
    )
    budget = determine_budget(record)
    assert outcome(budget) == (3, 0, {"O1": 2})
    assert "gives each H between two F to both of them" in " ".join(budget.assumptions)


def test_attached_h_needs_no_formula(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0 0", f"{OXYGEN} 1")
    record = read_brucite(tmp_path, {}, columns=["attached_hydrogens"], rows=rows)
    assert outcome(determine_budget(record)) == (2, 0, {"O1": 1})


@pytest.mark.parametrize(
    ("column", "values", "row"),
    [
        ("calc_flag", ("d", "d"), "H1 H 0 0 0 dum"),
        ("occupancy", ("1", "1"), "H1 H 0.333333 0.666667 0.42 0"),
        ("occupancy", ("1", "1"), "H1 H ? ? ? 1"),
        ("occupancy", ("1", "1"), "H1 H . . . ."),
    ],
)
def test_rows_that_hold_no_atom_are_missing(
    tmp_path: Path, column: str, values: tuple[str, str], row: str
) -> None:
    rows = (f"Mg1 Mg 0 0 0 {values[0]}", f"{OXYGEN} {values[1]}", row)
    items = {SUM: "H2 Mg O2", UNITS: 1}
    budget = determine_budget(read_brucite(tmp_path, items, columns=[column], rows=rows))
    assert outcome(budget) == (2, 0, {"O1": 1})


def test_attached_h_that_leaves_out_water_asks(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0 0", f"{OXYGEN} 1", "O2 O 0 0 0.5 0")
    record = read_brucite(tmp_path, {}, columns=["attached_hydrogens"], rows=rows)
    with pytest.raises(HostError, match=r"attached_hydrogens: .*O1 1; 2 in the cell.*O2:2"):
        determine_budget(record)


def test_attached_h_on_boron_that_fits_the_formula_is_not_said_to_misfit(tmp_path: Path) -> None:
    items = {SUM: "B H6 Mg O2", UNITS: 1}
    rows = ("Mg1 Mg 0 0 0 0", f"{OXYGEN} 1", "B1 B 0 0 0.5 4")
    record = read_brucite(tmp_path, items, columns=["attached_hydrogens"], rows=rows)
    assumptions = " ".join(determine_budget(record).assumptions)
    assert "not used, as only its sum is certain" in assumptions


def test_attached_h_is_all_where_bond_valences_differ_on_the_same_atoms(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0 0", "O1 O 0.333333 0.666667 0.07 1", "N1 N 0 0 0.5 4")
    record = read_brucite(tmp_path, {}, columns=["attached_hydrogens"], rows=rows)
    assert outcome(determine_budget(record)) == (6, 0, {"O1": 1, "N1": 4})


def test_the_unit_of_a_shelx_file_is_the_cell(tmp_path: Path) -> None:
    """Without its inversion, brucite has half of its O."""
    text = """CELL 0.71 3.15 3.15 4.77 90 90 120
ZERR 2 0 0 0 0 0 0
LATT -1
SYMM -Y,X-Y,Z
SYMM -X+Y,-X,Z
SFAC MG O H
UNIT 2 4 4
MG1 1 0 0 0 10.33333 0.01
MG2 1 0 0 0.5 10.33333 0.01
O1 2 0.333333 0.666667 0.2203 10.33333 0.01
O2 2 0.666667 0.333333 0.7797 10.33333 0.01
"""
    path = tmp_path / "half.res"
    path.write_text(text)
    (record,) = read_records(path)
    with pytest.raises(HostError, match=r"UNIT: .* does not fit its other sites"):
        determine_budget(record)  # type: ignore[arg-type]


def test_oxidation_numbers_are_evidence(tmp_path: Path) -> None:
    rows = ("Mg1 Mg2+ 0 0 0", OXYGEN.replace(" O ", " O2- "))
    record = read_brucite(tmp_path, {SUM: "H2 Mg O2", UNITS: 1}, rows=rows)
    (charges,) = (e for e in determine_budget(record).evidence if e.source == "oxidation numbers")
    assert charges.total == 2


def test_a_formula_that_counts_h_twice_is_suspicious() -> None:
    record = read("gypsum_amcsd_double")
    with pytest.raises(HostError, match=r"16 of them listed, but bond valences say .* complete"):
        determine_budget(record)
    assert determine_budget(record, HostSettings(trust="formula")).missing == 16


def test_nothing_is_missing_in_a_complete_structure(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0", OXYGEN, "H1 H 0.333333 0.666667 0.413")
    record = read_brucite(tmp_path, {SUM: "H2 Mg O2", UNITS: 1}, rows=rows)
    assert outcome(determine_budget(record)) == (0, 2, {})
    with pytest.raises(HostError, match=r"--add H:2 contradicts its file: .* nothing is missing"):
        determine_budget(record, add=2)


def test_add_against_the_formula_asks_and_may_insist(tmp_path: Path) -> None:
    record = read_gypsum(tmp_path, {SUM: "Ca H4 O6 S", UNITS: 4}, "OW")
    with pytest.raises(HostError, match=r"so that 16 are missing.* --add H:4 --trust add"):
        determine_budget(record, add=4)
    budget = determine_budget(record, HostSettings(trust="add"), add=4)
    assert budget.missing == 4
    assert any("16 H in the cell: not believed" in text for text in budget.assumptions)
    assert determine_budget(record, add=16).missing == 16


def test_a_formula_without_h_does_not_forbid_to_add_some(tmp_path: Path) -> None:
    record = read_brucite(tmp_path, {SUM: "Mg O2", UNITS: 1})
    budget = determine_budget(record, add=2)
    assert outcome(budget) == (2, 0, {"O1": 1})
    assert any("gives 0 H in the cell: not used" in text for text in budget.assumptions)


def test_a_given_budget_is_taken(tmp_path: Path) -> None:
    record = read_gypsum(tmp_path, {SUM: "Ca H4 O6 S", UNITS: 4}, "OW")
    budget = determine_budget(record, HostSettings(budget={"OW": 1, "O1": 1}))
    assert outcome(budget) == (16, 0, {"OW": 1, "O1": 1})
    half = determine_budget(record, HostSettings(budget={"OW": 1}))
    assert half.missing == 8
    assert any("not believed" in text for text in half.assumptions)
    with pytest.raises(HostError, match=r"no site O9 \(--budget\). Name .* H: OW, O\d, O\d\.$"):
        determine_budget(record, HostSettings(budget={"O9": 1}))
    with pytest.raises(HostError, match="--budget makes 8 H in the cell, --add says 16"):
        determine_budget(record, HostSettings(budget={"OW": 1}), add=16)


@pytest.mark.parametrize("site", ["Ca1", "S1"])
def test_h_on_cations_of_salts_needs_insistence(tmp_path: Path, site: str) -> None:
    record = read_gypsum(tmp_path, {SUM: "Ca H4 O6 S", UNITS: 4})
    with pytest.raises(HostError, match=rf"puts H on {site} .* H: O3, .* insist with --trust add"):
        determine_budget(record, HostSettings(budget={site: 2}))
    budget = determine_budget(record, HostSettings(budget={site: 2}, trust="add"))
    assert outcome(budget) == (8, 0, {site: 2})
    assert any(f"H on {site}" in text for text in budget.assumptions)


@pytest.mark.parametrize(
    "text", ["CaSO4.2H2O", "Ca S O4 x 2(H2 O)", "CaSO4*2H2O", "CaSO4\u00b72H2O", "CaSO4\u20222H2O"]
)
def test_water_behind_any_kind_of_dot(tmp_path: Path, text: str) -> None:
    budget = determine_budget(read_gypsum(tmp_path, {SUM: text, UNITS: 4}))
    assert outcome(budget) == (16, 0, {"O3": 2})
    assert any("H4 Ca1" in note for note in budget.assumptions) == (text == "CaSO4.2H2O")


def test_a_formula_that_fits_in_no_reading_is_shown_as_read(tmp_path: Path) -> None:
    record = read_gypsum(tmp_path, {SUM: "CaSO4.3H2O", UNITS: 4})
    with pytest.raises(HostError, match=r"the formula \(Ca1 O5.3 S1\) times Z = 4 does not fit"):
        determine_budget(record)


def test_multiplicities_of_another_space_group_are_named(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0", "O1 O 0.25 0.667 0.2203")
    record = read_brucite(tmp_path, {SUM: "H2 Mg O2", UNITS: 1}, rows=rows)
    with pytest.raises(HostError, match=r"against Mg, there is O 6 times .* space group"):
        determine_budget(record)


def test_other_elements_are_counted_from_the_formula(tmp_path: Path) -> None:
    record = read_brucite(tmp_path, {SUM: "Li3 Mg O2", UNITS: 1})
    assert outcome(determine_budget(record, symbol="Li")) == (3, 0, {})


def test_carbon_carries_the_h_that_its_bonds_leave() -> None:
    record = read("mofchecker_missing_h_on_c")
    with pytest.raises(HostError, match=r"C8 2.0, C2 2.0"):
        determine_budget(record)
    budget = determine_budget(record, add=12)
    assert set(budget.by_site) <= {f"C{n}" for n in range(1, 9)}


H_ROW = "H1 H 0.333333 0.666667 0.413"


def test_solvent_that_is_not_listed_leaves_a_complete_list_complete(tmp_path: Path) -> None:
    items = {SUM: "H4 Mg O3", UNITS: 1}
    rows = ("Mg1 Mg 0 0 0", OXYGEN, H_ROW)
    budget = determine_budget(read_brucite(tmp_path, items, rows=rows))
    assert outcome(budget) == (0, 2, {})
    assert any("taken as complete, as bond valences say" in text for text in budget.assumptions)
    with pytest.raises(HostError, match="it counts atoms that are not listed"):
        determine_budget(read_brucite(tmp_path, items))


def test_more_h_than_the_formula_counts(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0", OXYGEN, H_ROW)
    budget = determine_budget(read_brucite(tmp_path, {SUM: "H Mg O2", UNITS: 1}, rows=rows))
    assert outcome(budget) == (0, 2, {})
    assert any("gives 1 H in the cell: the list of H is taken" in t for t in budget.assumptions)
    rows = (*rows, "H2 H 0.1 0.2 0.5")
    with pytest.raises(HostError, match="it has 8 H, but _chemical_formula_sum"):
        determine_budget(read_brucite(tmp_path, {SUM: "H Mg O2", UNITS: 1}, rows=rows))


def test_split_h_without_occupancies_is_not_taken_for_a_complete_list(tmp_path: Path) -> None:
    """Three places for the H of a hydroxyl, as in COD 2001826."""
    rows = ("Mg1 Mg 0 0 0", OXYGEN, "H1 H 0.45 0.55 0.36")
    record = read_brucite(tmp_path, {SUM: "H2 Mg O2", UNITS: 1}, rows=rows)
    with pytest.raises(HostError, match=r"it has 6 H, but .* more than its bonds .* is on O1"):
        determine_budget(record)


def test_ordered_records_have_budgets(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0 0.9", "Fe1 Fe 0 0 0 0.1", f"{OXYGEN} 1")
    record = read_brucite(
        tmp_path, {SUM: "Fe0.1 H2 Mg0.9 O2", UNITS: 1}, columns=["occupancy"], rows=rows
    )
    (ordered,) = order_record(record, "majority")
    assert outcome(determine_budget(ordered)) == (2, 0, {"O1": 1})


def test_attached_h_that_counts_the_listed_too(tmp_path: Path) -> None:
    rows = ("Mg1 Mg 0 0 0 0", f"{OXYGEN} 1", f"{H_ROW} 0")
    items = {SUM: "H2 Mg O2", UNITS: 1}
    record = read_brucite(tmp_path, items, columns=["attached_hydrogens"], rows=rows)
    assert outcome(determine_budget(record)) == (0, 2, {})
