"""From a structure to its story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from aiida.common.exceptions import MultipleObjectsError, NotExistent
from aiida.orm import Node, ProcessNode, QueryBuilder, StructureData, load_node

from aiida_hpaint.data.structure_batch import DETAILS
from aiida_hpaint.queries.ancestors import jobs_behind
from aiida_hpaint.queries.by_dft import alone_by_dft, relaxed_by_dft
from aiida_hpaint.queries.links import inputs_of, made_by, returned_by
from aiida_hpaint.queries.restored import of_sample
from aiida_hpaint.queries.story import RESTORED, Relaxed, Story

__all__ = ["trace"]

_RELAXING, _ALONE = "DftRelaxWorkChain", "RestoreHydrogenWorkChain"


def trace(structure: StructureData | int | str) -> Story:
    """Where a structure comes from: a dozen queries, whatever the size of the database.

    Parameters
    ----------
    structure
        What a restoration, a validation or RestoreHydrogenWorkChain returned or relaxed: the node,
        its PK or its UUID.

    Raises
    ------
    ValueError
        If there is no such node, or it is something else.
    """
    node = structure if isinstance(structure, StructureData) else _load(structure)
    pk = node.pk or 0
    made = made_by(pk)
    function = None if made is None else made.function
    if made is not None and function == "pick_structures":
        return _picked(node, inputs_of(made.pk)["samples"][0])
    if made is not None and function == "choose_structures":
        return _chosen(node, node, inputs_of(made.pk))
    if made is not None and function == "compare_validated":
        return _validated(node, inputs_of(made.pk))
    if chains := returned_by([pk], _ALONE).get(pk):
        return alone_by_dft(node, chains[0], outermost(pk))
    if chains := returned_by([pk], _RELAXING).get(pk):
        inputs = inputs_of(chains[0])
        return _after(node, _load(inputs["structure"][0]), chains[0])
    raise ValueError(
        f"node {pk} ({_name(node)}) was neither restored nor relaxed for a validation: give a "
        "structure that `aiida-hpaint results PK` speaks of, see `verdi process show PK`"
    )


def outermost(node: int) -> int | None:
    """PK of the outermost workflow that returned a node."""
    return next(iter(returned_by([node]).get(node, ())), None)


def _load(identifier: int | str) -> StructureData:
    try:
        node: Node = load_node(identifier)
    except (NotExistent, MultipleObjectsError, ValueError):
        raise ValueError(f"there is no node {identifier}") from None
    if isinstance(node, StructureData):
        return node
    if isinstance(node, ProcessNode) and (found := _structures(node)):
        raise ValueError(f"node {identifier} is a process: give one of its structures: {found}")
    raise ValueError(f"node {identifier} is no structure, but {type(node).__name__}")


def _structures(process: ProcessNode, limit: int = 10) -> str:
    query = QueryBuilder()
    query.append(ProcessNode, filters={"id": process.pk}, tag="process")
    query.append(StructureData, with_incoming="process", project=["id", "label"])
    query.order_by({StructureData: "id"})
    found: list[list[Any]] = query.distinct().all()
    shown = ", ".join(f"{pk} ({label})" for pk, label in found[:limit])
    return shown + (f" and {len(found) - limit} more" if len(found) > limit else "")


def _picked(node: StructureData, samples: int) -> Story:
    story = of_sample(_blank(node, "candidate"), _details(node), samples)
    return replace(story, process=outermost(node.pk or 0))


def _chosen(
    node: StructureData, start: StructureData, inputs: Mapping[str, tuple[int, str]]
) -> Story:
    """What DFT begins with; `node` is what the story is of."""
    details = _details(start)
    story = replace(_blank(node, details["role"]), inserted=_inserted(start))
    if details["role"] == "reference":
        jobs = tuple(jobs_behind([inputs["references"][0]]))
        return replace(story, jobs=jobs, process=outermost(node.pk or 0))
    story = of_sample(story, details, inputs["samples"][0])
    return replace(story, process=outermost(node.pk or 0))


def _validated(node: StructureData, inputs: Mapping[str, tuple[int, str]]) -> Story:
    """The lowest of a host by DFT is a copy of what one of the relaxations returned."""
    details = _details(node)
    key = f"host_{details['host']:05d}_rank_{details['rank']:03d}"
    report = inputs[f"{key}__report"][0]
    chain = returned_by([report], _RELAXING)[report][0]
    return _after(node, _load(inputs[f"{key}__start"][0]), chain, inputs[f"{key}__end"][0])


def _after(node: StructureData, start: StructureData, chain: int, end: int | None = None) -> Story:
    """A structure after its relaxation by DftRelaxWorkChain."""
    pk = start.pk or 0
    made = made_by(pk)
    if made is not None and made.function == "choose_structures":
        story = _chosen(node, start, inputs_of(made.pk))
    else:
        story = replace(_blank(node, "candidate"), jobs=tuple(jobs_behind([pk])))
    dft: Relaxed = relaxed_by_dft(chain)
    before = {job.pk for job in jobs_behind([pk])}
    jobs = [job for job in jobs_behind([end or node.pk or 0]) if job.pk not in before]
    process = outermost(node.pk or 0)
    return replace(story, dft=dft, jobs=(*story.jobs, *jobs), process=process)


def _blank(node: StructureData, role: str) -> Story:
    return Story(
        pk=node.pk or 0,
        uuid=node.uuid,
        label=_name(node),
        formula=node.get_formula(),
        kind=RESTORED,
        role=role,
        host=None,
        sample=None,
        inserted=_inserted(node),
        version=None,
        seed=None,
        model=None,
        potential=None,
        settings={},
        dft=None,
        jobs=(),
        process=None,
    )


def _details(node: StructureData) -> dict[str, Any]:
    return dict(node.base.attributes.get(DETAILS, None) or {})


def _name(node: StructureData) -> str:
    return str(_details(node).get("label") or node.label or node.get_formula())


def _inserted(node: StructureData) -> dict[str, int]:
    kinds = [site.kind_name for site in node.sites]
    symbols = {kind.name: kind.symbol for kind in node.kinds}
    return dict(Counter(symbols[kinds[i]] for i in _details(node).get("inserted", [])))
