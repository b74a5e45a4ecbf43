"""A SHELX file with H inserted: its own instructions kept, H after the atoms that carry them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.unique_sites import UniqueSite
from aiida_hpaint.science.structures.writing.versions import INSERTED

__all__ = ["complete_shelx", "keeps_shelx"]

Riders = Callable[[UniqueSite, int], list[str]]
"""Lines of the H of a site, for the number of H in SFAC."""


@dataclass
class _State:
    """What the lines so far have said."""

    elements: list[str] = field(default_factory=list)
    residue: str = ""
    fixed: str = "0"
    has_ended: bool = False
    lines: list[str] = field(default_factory=list)


def keeps_shelx(crystal: RestoredCrystal) -> bool:
    """Return whether the SHELX file of the source can take the inserted sites as it is."""
    record = crystal.source.record
    hosts = [site for site in crystal.sites if not site.is_inserted]
    return (
        record is not None
        and record.format == "shelx"
        and crystal.version == INSERTED
        and crystal.keeps_symmetry
        and crystal.source.has_cell(crystal.host)
        and [site.listed for site in hosts] == [site.label for site in record.sites]
        and all(site.parent for site in crystal.sites if site.is_inserted)
    )


def complete_shelx(
    crystal: RestoredCrystal, remarks: Sequence[str], restraints: Sequence[str], riders: Riders
) -> str:
    """Return the text of the source with the inserted sites.

    Each of its lines stays, but for SFAC and UNIT, which get H, and HFIX of atoms whose H are
    there now, which becomes a remark.

    Parameters
    ----------
    crystal
        A crystal that `keeps_shelx`.
    remarks, restraints
        Lines to add after UNIT.
    riders
        Makes the lines of the H of a site.
    """
    assert crystal.source.record is not None
    parents = {site.parent for site in crystal.sites if site.is_inserted}
    hosts = {site.listed: site for site in crystal.sites if not site.is_inserted}
    added = sum(len(site.members) for site in crystal.sites if site.is_inserted)
    state = _State()
    for instruction in _join_lines(crystal.source.record.text):
        words = " ".join(line.rstrip("= ") for line in instruction).split()
        keyword = words[0].upper()[:4] if words and not instruction[0][:1].isspace() else ""
        if state.has_ended:
            state.lines += instruction
        elif keyword == "HFIX" and parents & set(words[2:]):
            state.lines += [f"REM {line}" for line in instruction]
        elif keyword == "UNIT":
            _add_contents(state, words, added, [*remarks, *restraints])
        else:
            state.lines += instruction
            _follow(state, keyword, words)
            name = words[0] + state.residue if words else ""
            site = None if keyword in ("", "REM", "TITL") else hosts.get(name)
            if site is not None and site.label in parents:
                number = state.elements.index("H") + 1
                state.lines += [*riders(site, number), f"AFIX {state.fixed}"]
    return "\n".join(state.lines) + "\n"


def _join_lines(text: str) -> list[list[str]]:
    """Return the lines of each instruction; `=` at the end continues it on the next line."""
    found: list[list[str]] = []
    continues = False
    for line in text.splitlines():
        if continues:
            found[-1].append(line)
        else:
            found.append([line])
        continues = line.split("!")[0].rstrip().endswith("=")
    return found


def _follow(state: _State, keyword: str, words: list[str]) -> None:
    if keyword == "END":
        state.has_ended = True
    elif keyword == "RESI":
        number = next((word for word in words[1:] if word.lstrip("-").isdigit()), "0")
        state.residue = "" if number == "0" else f"_{number}"
    elif keyword == "AFIX" and len(words) > 1:
        state.fixed = words[1]
    elif keyword == "SFAC":
        is_number = len(words) > 2 and words[2].lstrip("+-")[:1] in "0123456789."
        names = words[1:2] if is_number else words[1:]
        state.elements += [name.lstrip("$").capitalize() for name in names]


def _add_contents(state: _State, words: list[str], added: int, lines: Sequence[str]) -> None:
    """Write SFAC H before UNIT where H is missing, and the number of H in UNIT."""
    counts = words[1:]
    if "H" not in state.elements:
        state.elements.append("H")
        state.lines.append("SFAC H")
        counts.append("0")
    place = state.elements.index("H")
    counts[place] = f"{float(counts[place]) + added:g}"
    state.lines += [f"UNIT {' '.join(counts)}", *lines]
