"""What put the inserted sites there: items of a CIF, most of them with the prefix aiida_hpaint."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from aiida_hpaint import __version__
from aiida_hpaint.science.structures.cell_changes import name_cell_change
from aiida_hpaint.science.structures.fixed_host import keeps_host
from aiida_hpaint.science.structures.writing.cif_items import LoopTable, find_value, set_value
from aiida_hpaint.science.structures.writing.cif_text import format_number, quote_text
from aiida_hpaint.science.structures.writing.crystal import RestoredCrystal
from aiida_hpaint.science.structures.writing.versions import INSERTED, RELAXED

if TYPE_CHECKING:
    from gemmi import cif

    from aiida_hpaint.science.structures.batch import StructureBatch

__all__ = ["PREFIX", "add_provenance", "describe_changes"]

PREFIX = "_aiida_hpaint_"
"""Prefix of the data names that are ours; `aiida_hpaint.dic` says what they mean."""

DICTIONARY = "aiida_hpaint.dic"

_CORE = "cif_core.dic"


def add_provenance(block: cif.Block, crystal: RestoredCrystal, notes: Sequence[str]) -> None:
    """Add who inserted which sites into what, on what evidence, and what was assumed."""
    _add_audit(block, crystal)
    metadata = crystal.structure.metadata[0]
    known = {**crystal.host.metadata[0], **metadata}
    pairs: dict[str, Any] = {
        "version": __version__,
        "structure": crystal.version,
        "source_file": known.get("source"),
        "source_block": known.get("block"),
        "source_sha256": known.get("source_hash"),
        **_identify_models(crystal.structure),
        "symmetry_tolerance": crystal.tolerance,
        "averaged_by": round(crystal.averaged_by, 4),
    }
    for name, values in crystal.structure.scalars.items():
        pairs[re.sub(r"[^A-Za-z0-9_]", "_", name)] = values[0].item()
    for name, value in pairs.items():
        if value is not None and value != "":
            block.set_pair(PREFIX + name, quote_text(value))
    reasons = (metadata.get("confidence") or {}).get("reasons") or ()
    if reasons:
        block.set_pair(f"{PREFIX}confidence_reasons", quote_text("; ".join(reasons)))
    _add_budget(block, known.get("budget") or {})
    _add_checks(block, metadata.get("checks") or {})
    assumed = (known.get("budget") or {}).get("assumptions", ())
    disorder = (known.get("disorder") or {}).get("changes", ())
    texts = [*known.get("notes", ()), *disorder, *assumed, *_note_isotopes(known), *notes]
    rows = [(str(number), text) for number, text in enumerate(dict.fromkeys(texts), 1)]
    _add_loop(block, ("note_id", "note_text"), rows)
    if crystal.version == RELAXED:
        _add_displacements(block, crystal)


def describe_changes(crystal: RestoredCrystal) -> str:
    """Say in one sentence what was inserted, and what became of the host."""
    counts = crystal.inserted_composition
    what = " and ".join(f"{n} {symbol}" for symbol, n in counts.items()) or "nothing"
    kept = keeps_host(crystal.structure)
    if crystal.version == INSERTED or (kept and not crystal.has_relaxed_cell):
        return f"{what} per cell inserted in calculated positions, other sites as in the source"
    done = name_cell_change(crystal.structure)
    if kept:
        return f"{what} per cell inserted, and the cell {done} with them"
    if done == "sampled" and crystal.has_relaxed_cell:
        return f"{what} per cell inserted, the cell sampled with them, and all sites relaxed in it"
    relaxed = f"and the cell {done}" if crystal.has_relaxed_cell else "relaxed in the fixed cell"
    return f"{what} per cell inserted, and all sites {relaxed}"


def _add_audit(block: cif.Block, crystal: RestoredCrystal) -> None:
    program = f"aiida-hpaint {__version__}"
    method = find_value(block, "_audit_creation_method")
    text = f"{method}; inserted sites by {program}" if method else program
    set_value(block, "_audit_creation_method", quote_text(text), ("_audit.creation_method",))
    record = find_value(block, "_audit_update_record")
    update = f"{program}: {describe_changes(crystal)}"
    text = f"{record}; {update}" if record else update
    set_value(block, "_audit_update_record", quote_text(text), ("_audit.update_record",))
    inserted = [site for site in crystal.sites if site.is_inserted]
    if any(site.symbol == "H" for site in inserted):
        others = any(site.symbol in "HDT" and not site.is_inserted for site in crystal.sites)
        treatment = "mixed" if others else "noref"
        name = "_refine_ls_hydrogen_treatment"
        set_value(block, name, treatment, ("_refine_ls.hydrogen_treatment",))
    _declare_dictionary(block)


def _declare_dictionary(block: cif.Block) -> None:
    table = LoopTable.find(block, "_audit_conform_", "dict_name")
    names = table.texts("dict_name")
    if not names:
        single = find_value(block, "_audit_conform_dict_name")
        if single is not None:
            return  # dictionaries of the source; ours is known by its prefix
        for name in ("dict_name", "dict_version"):
            table.add_column(name, [])
        table.append({"dict_name": _CORE})
    if DICTIONARY not in names:
        table.append({"dict_name": DICTIONARY, "dict_version": quote_text(__version__)})
    table.write()


def _identify_models(structure: StructureBatch) -> dict[str, Any]:
    """Return names and hashes of generator, potential, and another one that searched, if any."""
    cards: dict[str, Mapping[str, Any]] = {}
    for stage in structure.history:
        card = stage.get("model")
        if not isinstance(card, Mapping):
            continue
        kind = "generator" if stage.get("stage") == "sample" else "potential"
        if kind == "potential" and stage.get("stage") == "rerank":
            ranked_by = structure.scalars.get("ranked_by", np.array([card.get("name")]))[0]
            if ranked_by != card.get("name"):
                continue  # it gave no energy, and the first potential ranks
            cards["search_potential"] = cards.get("potential", {})
        cards[kind] = card
    return {
        f"{kind}_{item}": card.get(item)
        for kind, card in cards.items()
        for item in ("name", "sha256")
    }


def _add_budget(block: cif.Block, budget: Mapping[str, Any]) -> None:
    if not budget:
        return
    for name in ("symbol", "missing", "listed"):
        if budget.get(name) is not None:
            block.set_pair(f"{PREFIX}budget_{name}", quote_text(budget[name]))
    carriers = [(quote_text(label), str(n)) for label, n in (budget.get("by_site") or {}).items()]
    _add_loop(block, ("budget_site_label", "budget_site_count"), carriers)
    evidence = [
        (str(number), each.get("source", "?"), each.get("statement", "?"), each.get("total"))
        for number, each in enumerate(budget.get("evidence") or (), 1)
    ]
    names = ("evidence_id", "evidence_source", "evidence_statement", "evidence_total")
    _add_loop(block, names, evidence)


def _add_checks(block: cif.Block, checks: Mapping[str, Any]) -> None:
    kinds = (("failed", "failed"), ("notices", "notice"))
    rows = [(kind, text) for name, kind in kinds for text in checks.get(name) or ()]
    numbered = [(str(number), *row) for number, row in enumerate(rows, 1)]
    _add_loop(block, ("check_id", "check_outcome", "check_text"), numbered)


def _add_displacements(block: cif.Block, crystal: RestoredCrystal) -> None:
    indices = np.flatnonzero(~crystal.structure.inserted)
    moved = dict(zip(indices.tolist(), crystal.displacements.tolist(), strict=True))
    rows = [
        (site.label, format_number(moved[int(site.members[0])], 4))
        for site in crystal.sites
        if not site.is_inserted
    ]
    _add_loop(block, ("displacement_label", "displacement"), rows)
    if rows:
        block.set_pair(f"{PREFIX}displacement_max", format_number(max(moved.values()), 4))
        mean = float(np.mean(list(moved.values())))
        block.set_pair(f"{PREFIX}displacement_mean", format_number(mean, 4))


def _note_isotopes(metadata: Mapping[str, Any]) -> list[str]:
    isotopes = metadata.get("isotopes") or {}
    if not isotopes:
        return []
    listed = " and ".join(f"{count} {symbol}" for symbol, count in isotopes.items())
    return [f"{listed} of the source were treated as H."]


def _add_loop(block: cif.Block, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if not rows:
        return
    table = LoopTable(block, PREFIX)
    for index, name in enumerate(names):
        table.add_column(
            name, ["?" if row[index] is None else quote_text(row[index]) for row in rows]
        )
    table.write()
