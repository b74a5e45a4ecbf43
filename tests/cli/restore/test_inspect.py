"""aiida-hpaint inspect shows what files say, without AiiDA and torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from aiida_hpaint.cli.main import main

ROOT = Path(__file__).parents[3]
FILES = ROOT / "tests" / "science" / "structures" / "budget" / "files"
BRUCITE = ROOT / "examples" / "hosts" / "brucite.cif"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["inspect", *map(str, arguments)])


def join_cells(text: str) -> str:
    """Return the second column of tables, whose cells may have several lines, as one line."""
    rows = [line.split("│") for line in text.splitlines() if line.startswith("│")]
    return " ".join(" ".join(row[2].split()) for row in rows)


def test_the_tables_show_sites_evidence_and_outcome() -> None:
    result = run(FILES / "gypsum_half_H.cif")
    assert result.exit_code == 0, result.output
    for text in (
        "Formula: Ca H4 O6 S (sum); Z = 4",
        "Space group: Hermann-Mauguin I 1 2/c 1; Hall -I 2yc; number 15; 8 operations\n",
        "│ O5   │ O       │       8 │         1 │        1 │         1 │",
        "To be restored: 8 H are missing in the cell, 8 are listed; on each atom: O5 1",
    ):
        assert text in result.output
    assert "'Ca H4 O6 S' times 4 gives 16 H in the cell" in join_cells(result.output)
    assert max(map(len, result.output.splitlines())) <= 85


def test_what_speaks_against_a_complete_list_is_said(tmp_path: Path) -> None:
    """A program has written the formula of the listed sites: H is missing all the same."""
    text = (FILES / "gypsum_half_H.cif").read_text(encoding="utf-8")
    path = tmp_path / "half.cif"
    path.write_text(text.replace("H4", "H2"), encoding="utf-8")
    result = run(path)
    assert "Nothing is missing: 8 H are listed in the cell; but bond valences: " in " ".join(
        result.output.split()
    )


def test_problems_show_the_evidence_and_set_the_exit_status() -> None:
    result = run(FILES / "gypsum_amcsd_double.cif", BRUCITE)
    assert result.exit_code == 1
    assert "Undecided: " in result.output
    assert "688.7 g/mol in the cell leave 16.0 ± 0.4 H" in join_cells(result.output)
    assert "1 undecided, 1 to be restored" in result.output


def test_refused_records_keep_formula_z_and_block(tmp_path: Path) -> None:
    text = BRUCITE.read_text(encoding="utf-8").replace("_cell_length_a", "_cell_length_x")
    path = tmp_path / "broken.cif"
    path.write_text(text, encoding="utf-8")
    (refused,) = json.loads(run(path, "--json").output)
    (sound,) = json.loads(run(BRUCITE, "--json").output)
    assert "it has no cell" in refused["problems"][0]
    for key in ("block", "formulas", "units"):
        assert refused[key] == sound[key]
        assert refused[key]


def test_sites_of_a_refused_record_have_no_number_of_atoms(tmp_path: Path) -> None:
    path = tmp_path / "partial.cif"
    text = BRUCITE.read_text(encoding="utf-8").replace("0.2203 1", "0.2203 0.9")
    path.write_text(text, encoding="utf-8")
    (refused,) = json.loads(run(path, "--disorder", "refuse", "--json").output)
    assert refused["problems"]
    assert {site["atoms"] for site in refused["sites"]} == {None}


def test_json_has_everything() -> None:
    result = run(BRUCITE, FILES / "no.cif", "--json")
    assert result.exit_code == 2
    brucite, missing = json.loads(result.output)
    assert brucite["budget"]["missing"] == 2
    assert [site["missing_h"] for site in brucite["sites"]] == [0, 1]
    assert brucite["evidence"][0]["source"] == "_chemical_formula_sum"
    assert "there is no such file" in missing["problems"][0]


def test_frames_have_the_name_of_their_file(tmp_path: Path) -> None:
    frame = 'Lattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3\nMg 0 0 0\n'
    (tmp_path / "two.extxyz").write_text(f"1\n{frame}1\n{frame}")
    inspections = json.loads(run(tmp_path / "two.extxyz", "--json").output)
    assert [one["source"] for one in inspections] == ["two.extxyz", "two.extxyz"]


def test_files_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(BRUCITE, tmp_path / folder)
    paths = [tmp_path / "a" / "brucite.cif", tmp_path / "b" / "brucite.cif"]
    result = run(*paths, paths[0], BRUCITE.parent / "diaspore.cif", "--json")
    names = [each["label"] for each in json.loads(result.output)]
    assert names == ["a/brucite", "b/brucite", "a/brucite-2", "diaspore"]
    both = json.loads(run(*paths, "--json", "--add", "H:2,Li:1", "--trust", "add").output)
    assert [each["label"] for each in both] == ["a/brucite"] * 2 + ["b/brucite"] * 2


def test_options_choose() -> None:
    assert run(BRUCITE, "--add", "H:4").exit_code == 1
    assert "4 H are missing" in run(BRUCITE, "--add", "H:4", "--trust", "add").output
    budget = run(BRUCITE, "--budget", "O1:2")
    assert "4 H are missing in the cell, 0 are listed; on each atom: O1 2" in budget.output
    assert "write SITE:N, like O1:1,Wat:2" in run(BRUCITE, "--budget", "O1").output
    assert "disorder" in run(BRUCITE, "--disorder", "any").output


def test_neither_torch_nor_aiida_is_imported() -> None:
    code = (
        "import sys; from aiida_hpaint.cli.main import main; "
        f"main(['inspect', {str(BRUCITE)!r}], standalone_mode=False); "
        "sys.exit(bool({'torch', 'aiida'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
