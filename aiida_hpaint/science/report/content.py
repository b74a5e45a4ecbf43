"""What the page of one host shows, as plain values for the template."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aiida_hpaint.science.plausibility.check_answers import get_findings
from aiida_hpaint.science.report.geometry import (
    list_displacements,
    list_hydrogen_bonds,
    list_metal_neighbours,
    list_valences,
)
from aiida_hpaint.science.report.host_results import HostResult, describe_checks
from aiida_hpaint.science.report.ladder import HEIGHT, make_ladder
from aiida_hpaint.science.report.patterns import HIGHEST_ANGLE, LOWEST_ANGLE, draw_patterns
from aiida_hpaint.science.report.provenance import describe_provenance, list_stages
from aiida_hpaint.science.report.verdict import judge_host
from aiida_hpaint.science.structures.batch import StructureBatch, concatenate
from aiida_hpaint.science.structures.cell_changes import name_cell_change
from aiida_hpaint.science.structures.display import format_formula
from aiida_hpaint.science.structures.fixed_host import HELD
from aiida_hpaint.science.structures.insertion import remove_inserted
from aiida_hpaint.science.structures.pictures import draw_picture
from aiida_hpaint.science.structures.primitive import CELL_REPEATS
from aiida_hpaint.science.structures.safe_text import quote_for_shell
from aiida_hpaint.science.structures.scenes import Scene, make_scene
from aiida_hpaint.science.structures.writing.crystal import (
    RestoredCrystal,
    describe_crystal,
    find_host_group,
)
from aiida_hpaint.science.structures.writing.hydrogen_bonds import list_carried_hydrogens
from aiida_hpaint.science.structures.writing.space_group_names import name_type
from aiida_hpaint.science.structures.writing.versions import RELAXED
from aiida_hpaint.science.types import FloatArray
from aiida_hpaint.science.viewer import CrystalView, list_balls

__all__ = ["MOST_CANDIDATES", "collect_content", "name_group", "view_candidates"]

MOST_CANDIDATES = 8
"""Largest number of candidates that a page shows in 3D."""

_MOST_PATTERNS = 4
"""Largest number of candidates whose powder patterns are drawn."""


@dataclass(frozen=True)
class _Candidate:
    """One candidate as the page shows it."""

    crystal: RestoredCrystal | None
    structure: StructureBatch
    scene: Scene
    title: str


def collect_content(result: HostResult, name: str) -> dict[str, Any]:
    """Collect what the page of one host shows.

    Parameters
    ----------
    result
        Samples of the host.
    name
        Name of its files, without suffix.
    """
    candidates = _describe_candidates(result)
    scenes = _list_scenes(candidates)
    best = candidates[0] if candidates else None
    metadata = dict((result.host or result.samples).metadata[0])
    known = None if result.process is None else result.process.host
    return {
        "label": result.label,
        "name": name,
        "argument": quote_for_shell(known or result.samples.labels[0]),
        "inserted": result.inserted,
        "cell_change": result.cell_change,
        "cell_done": name_cell_change(result.samples if result.best is None else result.best),
        "is_held": result.is_held,
        "formula": format_formula(result.samples[0] if best is None else best.structure),
        "verdict": judge_host(result),
        "samples": f"{result.statuses}.",
        "shown": len(candidates),
        "candidates": len(result.ranked),
        "scenes": scenes,
        "picture": draw_picture(best.scene) if best else "",
        "balls": list_balls(scenes),
        "ladder": make_ladder(result),
        "ladder_height": HEIGHT,
        "rows": _list_candidates(result),
        "symmetry": _describe_symmetry(result, best),
        "patterns": _draw_patterns(result, candidates),
        "angles": (LOWEST_ANGLE, HIGHEST_ANGLE),
        **_measure_geometry(best, result.host),
        "notes": _list_notes(metadata),
        "budget": metadata.get("budget") or {},
        "is_deuterium": "D" in result.inserted,
        "provenance": describe_provenance(
            result.samples.history,
            metadata,
            result.process,
            _is_put_back(result),
            _count_searched(result),
            len(set(result.samples.scalars.get(CELL_REPEATS, np.ones(1)).tolist())) > 1,
        ),
        "stages": list_stages(result.samples.history, metadata),
        "process": result.process,
    }


def view_candidates(result: HostResult, height: int = 480) -> CrystalView:
    """Return the candidates of one host in 3D, with the host as measured.

    Raises
    ------
    ValueError
        If there is no candidate.
    """
    candidates = _describe_candidates(result)
    if not candidates:
        raise ValueError(f"{result.label} has no candidate: {result.statuses}")
    picture = draw_picture(candidates[0].scene)
    return CrystalView(_list_scenes(candidates), picture, height)


def _describe_candidates(result: HostResult) -> list[_Candidate]:
    shown = min(len(result.ranked), MOST_CANDIDATES)
    return [_describe_candidate(result, row) for row in range(shown)]


def _list_scenes(candidates: list[_Candidate]) -> list[dict[str, Any]]:
    return [{**one.scene.to_json(), "title": one.title} for one in candidates]


def _describe_candidate(result: HostResult, row: int) -> _Candidate:
    """Describe one candidate without the drift of its relaxation, symmetric where it is."""
    one = result.ranked[row]
    crystal, structure, labels = None, one, []
    before: FloatArray | None = None
    with suppress(ValueError):  # sites that are not those of the host: shown as they are
        crystal = describe_crystal(one, result.host, RELAXED)
        structure = crystal.structure
        names = {int(k): site.label for site in crystal.sites for k in site.members.tolist()}
        labels = [names[k] for k in range(one.n_sites)]
    if result.host is not None and crystal is not None:
        before = np.full_like(structure.frac_coords, np.nan)
        before[~one.inserted] = result.host.frac_coords[~result.host.inserted]
    above = 1000 * float(one.scalars["energy_above_best"][0])
    energy = "the lowest" if row == 0 else f"{above:+.1f} meV/atom"
    fails = ", fails a check" if get_findings(one) else ""
    title = f"Candidate {row + 1} of {len(result.ranked)}: {energy}{fails}"
    return _Candidate(crystal, structure, make_scene(structure, before, labels), title)


def _list_candidates(result: HostResult) -> list[dict[str, Any]]:
    """Return a row for each candidate that is shown."""
    rows = []
    for index in range(len(result.ranked))[:MOST_CANDIDATES]:
        one = result.ranked[index]
        scalars = {name: values[0].item() for name, values in one.scalars.items()}
        rows.append(
            {
                "number": index + 1,
                "energy": scalars["energy"],
                "above": 1000 * scalars["energy_above_best"],
                "dft": result.dft.get(index),
                "force": scalars["max_force"],
                "group": name_group(int(scalars.get("space_group") or 0)),
                "moved": scalars.get("host_displacement", float("nan")),
                "origin": scalars.get("origin", ""),
                "checks": describe_checks(one),
            }
        )
    return rows


def name_group(number: int) -> str:
    """Return symbol and number of a type of space groups; a dash for 0."""
    return f"{name_type(number)} (No. {number})" if number else "-"


def _describe_symmetry(result: HostResult, best: _Candidate | None) -> dict[str, Any]:
    """Say which space group the host had, which the answer has, and what was lost."""
    if best is None or best.crystal is None or result.host is None:
        return {}
    crystal = best.crystal
    return {
        "host": find_host_group(result.host),
        "found": str(crystal.names),
        "hall": crystal.names.hall or "",
        "kept": len(crystal.symmetry.kept),
        "tried": crystal.symmetry.tried,
        "tolerance": crystal.tolerance,
        "averaged_by": crystal.averaged_by,
        "notes": list(crystal.notes),
    }


def _draw_patterns(result: HostResult, candidates: list[_Candidate]) -> list[Any]:
    if not candidates:
        return []
    chosen = candidates[:_MOST_PATTERNS]
    names = [f"candidate {number + 1}" for number in range(len(chosen))]
    structures = [replace(one.structure, scalars={}, history=()) for one in chosen]
    bare = remove_inserted(structures[0])
    return draw_patterns(concatenate(structures), bare, names)


def _measure_geometry(best: _Candidate | None, host: StructureBatch | None) -> dict[str, Any]:
    if best is None or best.crystal is None:
        names = ("hydrogens", "hydrogen_bonds", "metals", "valences", "displacements")
        return {name: [] for name in names}
    hydrogens = list_carried_hydrogens(best.crystal)
    valences: list[Any] = []
    with suppress(KeyError):  # elements without parameters
        valences = list_valences(best.crystal, host)
    return {
        "hydrogens": hydrogens,
        "hydrogen_bonds": list_hydrogen_bonds(hydrogens),
        "metals": list_metal_neighbours(best.crystal),
        "valences": valences,
        "displacements": list_displacements(best.crystal),
    }


def _is_put_back(result: HostResult) -> bool:
    return result.best is not None and HELD in result.best.metadata[0]


def _count_searched(result: HostResult) -> int | None:
    rounds = result.samples.scalars.get("round")
    return None if rounds is None else int((rounds > 0).sum())


def _list_notes(metadata: dict[str, Any]) -> list[str]:
    """Return what was assumed about the host, each once."""
    budget = metadata.get("budget") or {}
    disorder = metadata.get("disorder") or {}
    changes, assumed = disorder.get("changes", ()), budget.get("assumptions", ())
    texts = [*metadata.get("notes", ()), *changes, *assumed]
    isotopes = metadata.get("isotopes") or {}
    if isotopes:
        listed = " and ".join(f"{count} {symbol}" for symbol, count in isotopes.items())
        texts.append(f"{listed} of the source were treated as H.")
    return list(dict.fromkeys(map(str, texts)))
