"""aiida-hpaint inspect: what files say about their structures and the missing H."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aiida_hpaint.cli import options
from aiida_hpaint.cli.commands import Command
from aiida_hpaint.cli.completion import complete_files
from aiida_hpaint.science.wording import format_count, list_by_label

if TYPE_CHECKING:
    from rich.table import Table

    from aiida_hpaint.science.structures.inspection import Inspection

_HELP = """Show what files say about their structures and the missing H; nothing is run.

FILES are those that `aiida-hpaint restore` takes. For each structure there are two tables. The
first has the listed sites: atoms in the cell, occupancy, H on each atom (listed and missing), and
the valence (v.u.) that the atom lacks without H by the bonds to its neighbours: about 1 for OH, 2
for water. The second has the evidence for the number of H: formulas, labels such as O-H or Wat,
attached H, weight, density, oxidation numbers, bond valences, and whether each agrees with the
outcome.

The outcome is the budget: how many H are missing, and on which atoms. If a file contradicts itself,
or does not say how many, options choose, here and in `restore` and `submit`:

\b
  --add H:4              four in the cell
  --budget O1:1,Wat:2    one on each atom of O1, two on each of Wat
  --trust formula        believe the formula, not the labels; or labels
  --trust add            believe --add although the file contradicts it
  --disorder ordered:4   the four most plausible ordered cells

The exit status is 1 if a structure is undecided or cannot be used, and 2 if there is no such file.
A complete one can be used: nothing is missing.

\b
Examples:
  aiida-hpaint inspect gypsum.cif
  aiida-hpaint inspect hosts/*.cif --json > hosts.json
  aiida-hpaint inspect host.cif --budget OW:2
"""


@click.command("inspect", cls=Command, help=_HELP)
@click.argument("files", nargs=-1, required=True, metavar="FILES...", shell_complete=complete_files)
@options.add_reading_options
@options.add_json_option
def inspect(files: tuple[str, ...], as_json: bool, **flags: Any) -> None:
    """Show what files say about their structures and the missing H."""
    from aiida_hpaint.cli.console import silence_warnings
    from aiida_hpaint.cli.settings import make_host_settings
    from aiida_hpaint.science.structures import parse_insert
    from aiida_hpaint.science.structures.distinct_names import make_distinct
    from aiida_hpaint.science.structures.insertion import split_isotope
    from aiida_hpaint.science.structures.inspection import inspect_file

    silence_warnings()
    settings = make_host_settings(flags)
    asked = split_isotope(parse_insert(flags["add"]))[0] if flags["add"] else {"H": None}
    found, folders, owners = [], [], []
    for number, file in enumerate(files):
        for symbol, count in asked.items():
            for index, inspection in enumerate(inspect_file(file, settings, symbol, count)):
                found.append(inspection)
                folders.append(str(Path(file).parent))
                owners.append((number, index))
    labels = make_distinct([inspection.label for inspection in found], folders, owners)
    found = [_rename(inspection, label) for inspection, label in zip(found, labels, strict=True)]
    if as_json:
        click.echo(json.dumps([inspection.as_json() for inspection in found], indent=2))
    else:
        for inspection in found:
            _show(inspection)
        if len(found) > 1:
            counts = Counter(describe_outcome(one).partition(":")[0] for one in found)
            click.echo(", ".join(f"{number} {text}" for text, number in counts.items()))
    if any(inspection.problems for inspection in found):
        raise click.exceptions.Exit(1 if all(Path(file).exists() for file in files) else 2)


def _rename(inspection: Inspection, label: str) -> Inspection:
    problems = tuple(
        replace(each, label=label) if each.label == inspection.label else each
        for each in inspection.problems
    )
    return replace(inspection, label=label, problems=problems)


def describe_outcome(inspection: Inspection) -> str:
    """Return the outcome as text: what is missing where, or that it cannot be used."""
    budget = inspection.budget
    if inspection.problems or budget is None:
        kind = "undecided" if inspection.is_undecided else "cannot be used"
        return f"{kind}: " + " ".join(
            f"{f'{problem.site}: ' if problem.site else ''}{problem.reason}. {problem.remedy}."
            for problem in inspection.problems
        )

    def say(number: int) -> str:
        return format_count(number, f"{budget.symbol} is", f"{budget.symbol} are")

    if not budget.missing:
        return f"nothing is missing: {say(budget.listed)} listed in the cell{budget.doubt}"
    where = list_by_label(budget.by_site)
    return (
        f"to be restored: {say(budget.missing)} missing in the cell, "
        f"{format_count(budget.listed, 'is', 'are')} listed; "
        + (f"on each atom: {where}" if where else "which atoms carry them is not known")
    )


def _show(inspection: Inspection) -> None:
    from aiida_hpaint.cli.console import make_console, print_table

    console = make_console()
    block = f", block {inspection.block}" if inspection.block else ""
    console.print(f"{inspection.label} ({inspection.source}{block})")
    for line in _list_properties(inspection):
        console.print(f"  {line}")
    if inspection.sites:
        print_table(make_site_table(inspection))
    if inspection.evidence:
        print_table(make_evidence_table(inspection))
    changes = inspection.disorder.get("changes", ())
    for change in changes:
        console.print(f"  Disorder: {change}")
    for note in dict.fromkeys(inspection.notes):
        if note not in changes:
            console.print(f"  Note: {note}")
    outcome = describe_outcome(inspection)
    console.print(f"  {outcome[0].upper()}{outcome[1:]}\n")


def _list_properties(inspection: Inspection) -> list[str]:
    """Return formula, Z and space group, with where they come from."""
    formulas = ", ".join(f"{text} ({kind})" for kind, text in inspection.formulas.items())
    units = "no Z" if inspection.units is None else f"Z = {inspection.units:g}"
    lines = [f"Formula: {formulas or 'none'}; {units}"]
    group = dict(inspection.space_group)
    if group:
        operations, made = group.pop("operations"), group.pop("operations_make")
        titles = {"hermann_mauguin": "Hermann-Mauguin", "hall": "Hall", "number": "number"}
        names = [f"{titles[key]} {value}" for key, value in group.items() if value is not None]
        count = format_count(operations, "operation")
        is_named = made.partition(" (")[0] == inspection.space_group["hermann_mauguin"]
        made = "" if is_named else f", {made}"
        lines.append(f"Space group: {'; '.join(names) or 'no name'}; {count}{made}")
    return lines


def make_site_table(inspection: Inspection) -> Table:
    """Return a table with a row for each listed site."""
    from rich.table import Table

    table = Table("site", "element")
    for title in ("atoms\nin cell", "occupancy", "H listed\nper atom", "H missing\nper atom"):
        table.add_column(title, justify="right")
    table.add_column("without H\nlacks v.u.", justify="right")
    for site in inspection.sites:
        table.add_row(
            site.label,
            site.symbol,
            "-" if site.atoms is None else str(site.atoms or "none"),
            f"{site.occupancy:g}",
            f"{site.listed_h:g}" if site.listed_h else "-",
            "-" if not site.missing_h else str(site.missing_h),
            "-" if site.lacking is None else f"{site.lacking:.1f}",
        )
    return table


def make_evidence_table(inspection: Inspection) -> Table:
    """Return a table with a row for each statement, and whether it agrees with the budget."""
    from rich.table import Table

    table = Table("evidence", "says", "agrees")
    for column in table.columns[:2]:
        column.overflow = "fold"
    for each in inspection.evidence:
        table.add_row(each.source, each.statement, inspection.compare(each))
    return table
