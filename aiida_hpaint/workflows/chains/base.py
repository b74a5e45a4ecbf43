"""GraphWorkChain: base of work chains that build a graph from their inputs and run it."""

from __future__ import annotations

from typing import Any

from aiida.common.links import LinkType
from aiida.engine import ExitCode, ToContext
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import AbstractCode, Dict, Int, ProcessNode
from aiida_workgraph import WorkGraph

from aiida_hpaint.science.settings import CHUNK_SITES
from aiida_hpaint.workflows.engine.durable import DurableEngine
from aiida_hpaint.workflows.engine.resubmission import CrashSafeWorkChain, find_child
from aiida_hpaint.workflows.engine.verdict import declare_graph_codes

__all__ = ["GraphWorkChain"]

_GRAPH = "graph"
"""Label of the call link to the graph."""


class GraphWorkChain(CrashSafeWorkChain):
    """Base of work chains that build a graph from their inputs, run it, and return its outputs.

    Unlike a graph it can be built from a protocol through the WorkflowFactory, and added to any
    WorkGraph with hosts that are outputs of earlier tasks. The graph runs in a DurableEngine, so
    that it survives the death of its worker whatever the engine of the caller is.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare the inputs that all graphs have, exit codes and outline."""
        super().define(spec)
        spec.input("settings", valid_type=Dict, help="all settings, as those of a protocol")
        spec.input_namespace(
            "codes",
            valid_type=AbstractCode,
            dynamic=True,
            help="`sample` and `relax`: Python with aiida-hpaint; `dft`: pw.x; `pp`: pp.x",
        )
        spec.input(
            "options",
            valid_type=Dict,
            required=False,
            help="metadata.options of the jobs, by the names of the codes",
        )
        spec.input(
            "chunk_sites",
            valid_type=Int,
            default=lambda: Int(CHUNK_SITES),
            help="largest number of host sites in a chunk; chunks run in parallel",
        )
        spec.exit_code(401, "ERROR_INVALID_INPUTS", message="{message}")
        spec.exit_code(402, "ERROR_GRAPH_FAILED", message="{message}")
        declare_graph_codes(spec)
        here: Any = cls
        spec.outline(here.run_graph, here.finish)

    def build_graph(self) -> WorkGraph:
        """Build the graph from the inputs.

        Raises
        ------
        ValueError
            If an input cannot be used.
        """
        raise NotImplementedError

    def run_graph(self) -> Any:
        """Build the graph and submit it, unless an earlier worker has."""
        child = find_child(self.node, _GRAPH)
        if child is None:
            try:
                graph = self.build_graph()
            except ValueError as error:
                return self._end("ERROR_INVALID_INPUTS", str(error))
            graph.name = self.node.label or graph.name
            graph.check_before_run()
            inputs = graph.to_engine_inputs({"call_link_label": _GRAPH})
            child = self.submit(DurableEngine, inputs)
        return ToContext(graph=child)

    def finish(self) -> ExitCode | None:
        """Return the outputs of the graph, and its exit code."""
        graph = self.ctx.graph
        for link in graph.base.links.get_outgoing(link_type=LinkType.RETURN).all():
            self.out(link.link_label.replace("__", "."), link.node)
        if graph.is_finished_ok:
            return None
        if graph.exit_status in {code.status for code in self.spec().exit_codes.values()}:
            return ExitCode(graph.exit_status, graph.exit_message)
        return self._end("ERROR_GRAPH_FAILED", _describe_end(graph))

    def _end(self, name: str, message: str) -> ExitCode:
        self.report(message)
        code: ExitCode = self.exit_codes[name]
        return code.format(message=message)

    def _codes(self) -> dict[str, AbstractCode]:
        return dict(self.inputs.codes)

    def _options(self) -> dict[str, Any] | None:
        return self.inputs.options.get_dict() if "options" in self.inputs else None


def _describe_end(graph: ProcessNode) -> str:
    lines = str(graph.exception or graph.exit_message or "it was killed").strip().splitlines()
    return f"{graph.process_label} {graph.pk}: {lines[-1]}"
