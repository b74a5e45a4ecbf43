"""Values that the shell completes: files, protocols, models, codes, and the PKs of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from aiida.orm import ProcessNode

__all__ = [
    "complete_campaigns",
    "complete_codes",
    "complete_computers",
    "complete_dft_protocols",
    "complete_files",
    "complete_files_or_processes",
    "complete_formats",
    "complete_generators",
    "complete_potentials",
    "complete_processes",
    "complete_profiles",
    "complete_protocols",
    "complete_work",
]

_MOST = 50
"""Most processes that are offered, the newest."""

Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _make_completion(find: Callable[[click.Context], Iterable[tuple[str, str]]]) -> Completion:
    """Return a completion of the values and descriptions that a function finds.

    A completion that fails offers nothing: an error would garble the line that is being typed.
    """

    def complete(
        ctx: click.Context, _parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        try:
            found = list(find(ctx))
        except Exception:
            return []
        return [
            CompletionItem(value, help=about)
            for value, about in found
            if value.startswith(incomplete)
        ]

    return complete


def _find_protocols(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from aiida_hpaint.science.protocols import list_protocols

    return list_protocols().items()


def _find_dft_protocols(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from aiida_hpaint.science.protocols.dft import list_dft_protocols

    return list_dft_protocols().items()


def _find_generators(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from aiida_hpaint.science.diffusion.models.library import list_model_names

    return ((name, "") for name in [*list_model_names(), "random"])


def _find_potentials(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from aiida_hpaint.science.relaxation.potentials import list_potentials

    return ((info.name, info.description) for info in list_potentials())


def _find_profiles(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from aiida.manage.configuration import get_config

    return ((name, "") for name in get_config().profile_names)


def _find_campaigns(ctx: click.Context) -> Iterable[tuple[str, str]]:
    _load_profile(ctx)
    from aiida_hpaint.campaigns.group import list_campaigns

    return ((group.label, "campaign") for group in list_campaigns())


def _find_restorations(ctx: click.Context) -> Iterable[tuple[str, str]]:
    _load_profile(ctx)
    from aiida_hpaint.workflows.restore.progress import find_restorations

    return (_describe(node) for node in find_restorations())


def _find_processes(ctx: click.Context) -> Iterable[tuple[str, str]]:
    _load_profile(ctx)
    from aiida.orm import ProcessNode, QueryBuilder, WorkflowNode

    query = QueryBuilder(limit=_MOST)
    query.append(WorkflowNode, tag="node", project="*", filters={"label": {"!==": ""}})
    query.order_by({"node": {"ctime": "desc"}})
    return (_describe(node) for node in query.all(flat=True) if isinstance(node, ProcessNode))


def _describe(node: ProcessNode) -> tuple[str, str]:
    return str(node.pk), node.label or node.process_label or ""


def _load_profile(ctx: click.Context) -> None:
    import aiida

    aiida.load_profile(ctx.find_root().params.get("profile"))


def _find_work(ctx: click.Context) -> Iterable[tuple[str, str]]:
    yield from _find_campaigns(ctx)
    yield from _find_restorations(ctx)


def _find_codes(ctx: click.Context) -> Iterable[tuple[str, str]]:
    _load_profile(ctx)
    from aiida_hpaint.workflows.engine.codes import list_codes

    return ((code.full_label, code.default_calc_job_plugin or "") for code in list_codes())


def _find_computers(ctx: click.Context) -> Iterable[tuple[str, str]]:
    _load_profile(ctx)
    from aiida.orm import Computer, QueryBuilder

    return ((one.label, one.hostname) for one in QueryBuilder().append(Computer).all(flat=True))


def _find_formats(_ctx: click.Context) -> Iterable[tuple[str, str]]:
    from aiida_hpaint.science.structures.writing import FORMATS

    return ((name, suffix) for name, (suffix, _) in FORMATS.items())


def complete_files(
    _ctx: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete the names of files."""
    return [CompletionItem(incomplete, type="file")]


def complete_files_or_processes(
    ctx: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete PKs where a number is typed, and the names of files otherwise."""
    complete = complete_processes if incomplete.isdecimal() else complete_files
    return complete(ctx, parameter, incomplete)


complete_protocols = _make_completion(_find_protocols)
complete_dft_protocols = _make_completion(_find_dft_protocols)
complete_generators = _make_completion(_find_generators)
complete_potentials = _make_completion(_find_potentials)
complete_profiles = _make_completion(_find_profiles)
complete_campaigns = _make_completion(_find_campaigns)
complete_processes = _make_completion(_find_processes)
complete_work = _make_completion(_find_work)
complete_codes = _make_completion(_find_codes)
complete_computers = _make_completion(_find_computers)
complete_formats = _make_completion(_find_formats)
