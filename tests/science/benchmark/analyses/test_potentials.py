from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from benchmark_rows import make_rows, with_potential, write_folder
from scipy.stats import kendalltau, linregress, spearmanr

from aiida_hpaint.science.benchmark.analyses import (
    analyse_potentials,
    read_benchmark_energies,
    read_stored_runs,
)
from aiida_hpaint.science.benchmark.analyses.energies import HostEnergies, add_energies
from aiida_hpaint.science.benchmark.analyses.potentials import compare_energies
from aiida_hpaint.science.structures import escape_for_spreadsheet


def make_hosts(noise: float, hosts: int = 9, candidates: int = 5) -> list[HostEnergies]:
    rng = np.random.default_rng(1)
    found = []
    for place in range(hosts):
        ours = rng.normal(-4, 0.05, candidates)
        theirs = ours + 1.5 + noise * rng.standard_normal(candidates)
        energies = {
            name: dict(enumerate(some.tolist())) for name, some in (("DFT", ours), ("a", theirs))
        }
        found.append(HostEnergies(f"h{place}", f"h{place}", energies))
    return found


def test_agreement_is_that_of_scipy_pair_by_pair() -> None:
    hosts = make_hosts(0.04)
    found = compare_energies(hosts, "DFT", "a")
    pairs, ranks = [], []
    for host in hosts:
        ours, theirs = (list(host.energies[name].values()) for name in ("DFT", "a"))
        pairs += [(ours[j] - ours[i], theirs[j] - theirs[i]) for i, j in combinations(range(5), 2)]
        ranks.append((spearmanr(ours, theirs).statistic, kendalltau(ours, theirs).statistic))
    both = np.array(pairs + [(-x, -y) for x, y in pairs])
    assert found["pairs"] == len(pairs) == 90
    assert found["pearson"] == pytest.approx(linregress(*both.T).rvalue)
    assert (found["spearman"], found["kendall"]) == pytest.approx(np.mean(ranks, axis=0))
    assert found["mean_absolute"] == pytest.approx(np.abs(np.subtract(*both.T)).mean())


def test_another_zero_of_energy_changes_nothing() -> None:
    found = compare_energies(make_hosts(0.0), "DFT", "a")
    for key in ("pearson", "spearman", "kendall", "same_order"):
        assert found[key] == pytest.approx(1)
    assert found["same_lowest"]["value"] == 1
    assert found["mean_absolute"] == pytest.approx(0, abs=1e-12)


def test_energies_by_dft_join_those_of_a_benchmark(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    rows = with_potential(make_rows(0.6), "other", shift=1.0, noise=0.01, rng=rng)
    folder = write_folder(
        tmp_path / "run", rows, {"settings": {"potential": {"name": "sevennet-0"}}}
    )
    lines = ["label,role,rank,energy_per_atom"]
    for row in rows[:5]:
        ranked = [one for one in row.samples if one.rank >= 0 and one.energy is not None]
        lines += [f"{row.label},candidate,{s.rank},{(s.energy or 0) / row.sites}" for s in ranked]
        lines.append(f"{row.label},reference,,{-4.0}")
    lines += ["elsewhere,candidate,0,-4.0", f"{rows[0].label},candidate,9,"]
    path = tmp_path / "validation.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    hosts = read_benchmark_energies(read_stored_runs([folder]))
    hosts, left_out = add_energies(hosts, "DFT", path)
    assert left_out == ["validation.csv: elsewhere, which the other results do not have"]
    found = analyse_potentials(hosts)
    # The table is against DFT, the CSV has each pair of the three.
    assert [row[0] for row in found.table] == ["sevennet-0", "other"]
    assert len(found.records) == 3
    assert found.records[0]["mean_absolute"] == pytest.approx(0, abs=1e-12)
    assert found.records[0]["hosts"] == 5
    assert "7 of 12 hosts, with fewer than two candidates by DFT" in found.left_out


def test_the_order_of_files_does_not_matter(tmp_path: Path) -> None:
    files = {"a": (0, 1, 2, 3), "b": (1, 2, 3), "DFT": (0, 2)}
    for name, labels in files.items():
        lines = [f"h{one},{rank},{-4 + rank * one}" for one in labels for rank in range(3)]
        text = "\n".join(["label,rank,energy_per_atom", *lines]) + "\n"
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    counts = []
    for names in (tuple(files), tuple(reversed(files))):
        hosts: list[HostEnergies] = []
        for name in names:
            hosts, left_out = add_energies(hosts, name, tmp_path / f"{name}.csv", True)
            assert not left_out
        records = analyse_potentials(hosts, "a").records
        counts.append({frozenset((one["potential"], one["against"])): one for one in records})
    one, other = ({key: record["hosts"] for key, record in some.items()} for some in counts)
    assert one == other
    assert sorted(one.values()) == [1, 2, 3]


def test_what_is_missing_comes_with_the_command_that_makes_it(tmp_path: Path) -> None:
    hosts = [HostEnergies("h", "h", {"a": {0: -1.0, 1: -0.9}})]
    with pytest.raises(ValueError, match=r"only energies by a: .*benchmark --potentials all"):
        analyse_potentials(hosts)
    path = tmp_path / "samples.csv"
    path.write_text("label,energy\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no column energy_per_atom, rank: .*validate"):
        add_energies(hosts, "DFT", path)


def write_energies(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["label,rank,energy_per_atom", *lines]) + "\n", encoding="utf-8")
    return path


def test_no_energy_replaces_another_without_a_word(tmp_path: Path) -> None:
    hosts = [HostEnergies(one, one, {"a": {0: -1.0, 1: -0.9}}) for one in ("h", "g")]
    twice = write_energies(tmp_path / "twice.csv", "h,0,-2", "h,0,-3", "g,0,-2", "g,1,nan")
    found, left_out = add_energies(hosts, "DFT", twice)
    assert [dict(one.energies).get("DFT") for one in found] == [None, {0: -2.0}]
    assert left_out == ["twice.csv: h, which have several energies of a rank"]
    with pytest.raises(ValueError, match="g: there are energies by DFT already"):
        add_energies(found, "DFT", write_energies(tmp_path / "more.csv", "g,0,-3"))
    later, _ = add_energies(found, "DFT", write_energies(tmp_path / "others.csv", "h,0,-3"))
    assert later[0].energies["DFT"] == {0: -3.0}


def test_labels_that_tables_escape_are_found(tmp_path: Path) -> None:
    label = "=1+1"
    path = write_energies(tmp_path / "validation.csv", f"{escape_for_spreadsheet(label)},0,-2")
    path.write_text("\N{ZERO WIDTH NO-BREAK SPACE}" + path.read_text("utf-8"), "utf-8")
    [found], left_out = add_energies([HostEnergies(label, label, {})], "DFT", path)
    assert found.energies == {"DFT": {0: -2.0}}
    assert not left_out
