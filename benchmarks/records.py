"""Outcomes of records: complete, missing H, ordered, refused; and whether the numbers are right.

    python benchmarks/records.py cod --show refused
    python benchmarks/records.py minerals/hosts --answers minerals/hosts.json
    python benchmarks/records.py minerals/references --remove-h
    python benchmarks/records.py minerals/hosts --site-formula

Folders stand for the CIFs in them. Answers are a JSON list with `file`, `missing_h_in_cell` and
`h_by_label` (in the whole cell). With --remove-h the H of each complete record is taken out, and
the answer is what was there: the number, and the atoms that the H are closest to. With
--site-formula all formulas and labels are replaced by those of the listed sites, as many programs
write them, so that bond valences alone can tell that H is missing.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiida_hpaint.science.structures import HostError, Record, read_records
from aiida_hpaint.science.structures.budget.cell_content import CellContent
from aiida_hpaint.science.structures.inspection import Inspection, inspect_file, inspect_record
from aiida_hpaint.science.structures.reading import expand_record


@dataclass(frozen=True)
class Answer:
    """Number of H that the cell lacks, and on all atoms of each listed site."""

    missing: int
    by_site: Mapping[str, int]


def main() -> None:
    """Inspect all records, and print the tables."""
    options = parse_arguments()
    warnings.simplefilter("ignore")
    answers = read_answers(options.answers) if options.answers else {}
    start, outcomes, checks = time.perf_counter(), Counter[str](), Counter[str]()
    for path in list_files(options.sources):
        for inspection, answer in inspect(path, answers.get(path.name), options):
            outcome = name_outcome(inspection)
            outcomes[outcome] += 1
            wrong = [] if answer is None else check(inspection, answer)
            checks.update(wrong or ["all right"] if answer is not None else [])
            if outcome.split()[0] in options.show or wrong:
                print(f"{inspection.label}: {describe(inspection, wrong)}")
    print_table("outcome", outcomes)
    if checks:
        print_table("answer", checks)
    print(f"{time.perf_counter() - start:.1f} s")


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", type=Path, help="CIFs, or folders of them")
    parser.add_argument("--answers", type=Path, help="JSON with the right answers")
    parser.add_argument("--remove-h", action="store_true", help="take listed H out first")
    parser.add_argument("--site-formula", action="store_true", help="formulas of the sites only")
    kinds = ["complete", "missing", "undecided", "refused"]
    parser.add_argument("--show", nargs="*", choices=kinds, default=[], help="records to list")
    return parser.parse_args()


def list_files(sources: list[Path]) -> list[Path]:
    """Return files, and the CIFs of folders."""
    return [
        path for one in sources for path in (sorted(one.glob("*.cif")) if one.is_dir() else [one])
    ]


def read_answers(path: Path) -> dict[str, Answer]:
    """Return the answers by the name of their file."""
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return {row["file"]: Answer(row["missing_h_in_cell"], row["h_by_label"]) for row in rows}


def inspect(
    path: Path, answer: Answer | None, options: argparse.Namespace
) -> Iterator[tuple[Inspection, Answer | None]]:
    """Yield each structure of a file with its answer."""
    if not (options.remove_h or options.site_formula):
        yield from ((inspection, answer) for inspection in inspect_file(path))
        return
    for record in read_records(path):
        if isinstance(record, HostError):
            yield Inspection(path.stem, path.name, problems=record.problems), None
            continue
        known = answer
        try:
            if options.remove_h:
                known = count_listed(record)
                kept = tuple(site for site in record.sites if site.symbol not in ("H", "D", "T"))
                record = replace(record, sites=kept)
            if options.site_formula:
                record = write_site_formula(record)
        except HostError as error:  # disordered records have no cell before they are ordered
            yield Inspection(record.label, path.name, problems=error.problems), None
            continue
        for inspection in inspect_record(record):
            yield inspection, known


def write_site_formula(record: Record) -> Record:
    """Return a record that says no more than its sites."""
    numbers = Counter[str]()
    sites = []
    for site in record.sites:
        numbers[site.symbol] += 1
        label = f"{site.symbol}{numbers[site.symbol]}"
        sites.append(replace(site, label=label, attached_hydrogens=None, charge=None))
    record = replace(record, sites=tuple(sites), units=None, weight=None, density={}, formulas={})
    counts = CellContent.from_host(expand_record(record)).composition
    formula = " ".join(f"{symbol}{count}" for symbol, count in sorted(counts.items()))
    return replace(record, formulas={"sum": formula})


def count_listed(record: Record) -> Answer:
    """Return the H that a record lists, and the atoms that they are closest to."""
    cell = CellContent.from_host(expand_record(record))
    by_site = {x: round(n * cell.counts[x]) for x, n in cell.hydrogens.items()}
    return Answer(cell.count_listed("H"), by_site)


def name_outcome(inspection: Inspection) -> str:
    """Return the outcome of a structure."""
    if inspection.problems or inspection.budget is None:
        return "undecided" if inspection.is_undecided else "refused"
    kind = "missing H" if inspection.budget.missing else "complete"
    return f"{kind}, ordered" if inspection.disorder else kind


def check(inspection: Inspection, answer: Answer) -> list[str]:
    """Return what is wrong: the number, sites, or sites that are not known."""
    if inspection.budget is None:
        return ["refused"]
    atoms = {site.label: site.atoms for site in inspection.sites}
    found = {label: n * atoms[label] for label, n in inspection.budget.by_site.items()}
    wrong = ["number wrong"] if inspection.budget.missing != answer.missing else []
    if any(answer.by_site.get(label, 0) != n for label, n in found.items()):
        return [*wrong, "sites wrong"]
    return wrong + (["sites not all known"] if found != dict(answer.by_site) else [])


def describe(inspection: Inspection, wrong: list[str]) -> str:
    """Return a structure in one line."""
    if inspection.budget is None:
        return "; ".join(problem.reason for problem in inspection.problems)
    budget = inspection.budget
    text = f"{budget.missing} missing, {budget.listed} listed, by site {dict(budget.by_site)}"
    return f"{text} ({', '.join(wrong)})" if wrong else text


def print_table(title: str, counts: Mapping[str, int]) -> None:
    """Print counts as a table of Markdown."""
    total = sum(counts.values())
    print(f"\n| {title} | records | % |\n| --- | ---: | ---: |")
    for name, count in sorted(counts.items()):
        print(f"| {name} | {count} | {100 * count / total:.1f} |")


if __name__ == "__main__":
    main()
