"""BenchmarkWorkChain: restore complete structures without an element, and compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Bool, Dict, Int, SinglefileData, Str
from aiida_workgraph import WorkGraph

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.protocols import choose_settings, load_protocol
from aiida_hpaint.science.settings import CHUNK_SITES, RestorationSettings
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.workflows.benchmark.build import build_benchmark
from aiida_hpaint.workflows.chains.base import GraphWorkChain
from aiida_hpaint.workflows.chains.inputs import Codes, make_batch_node, set_common_inputs
from aiida_hpaint.workflows.restore.build import make_stage_plan

__all__ = ["BenchmarkWorkChain"]


class BenchmarkWorkChain(GraphWorkChain):
    """Remove an element from complete structures, restore it, and compare.

    The graph of `build_benchmark` as one process.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs and outputs."""
        super().define(spec)
        spec.input("references", valid_type=StructureBatchData, help="complete structures")
        spec.input(
            "element", valid_type=Str, default=lambda: Str("H"), help="element that is removed"
        )
        for name in ("upload_model", "upload_potential"):
            spec.input(name, valid_type=Bool, default=lambda: Bool(False))
        for name, kind, text in (
            ("rows", SinglefileData, "comparison of each sample, as JSON lines"),
            ("summary", Dict, "success rates"),
            ("table", SinglefileData, "samples as CSV"),
            ("samples", StructureBatchData, "all samples, ranked"),
            ("unrelaxed", StructureBatchData, "all samples before any relaxation"),
            ("targets", StructureBatchData, "relaxed references"),
        ):
            spec.output(name, valid_type=kind, required=False, help=text)

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: Codes = None,
        references: StructureBatch | StructureBatchData | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        element: str = "H",
        settings: RestorationSettings | None = None,
        options: Mapping[str, Any] | None = None,
        upload_model: bool = False,
        upload_potential: bool = False,
        chunk_sites: int = CHUNK_SITES,
    ) -> ProcessBuilder:
        """Return a builder; see `build_benchmark` for the parameters.

        Parameters
        ----------
        references
            None to fill them in later.

        Raises
        ------
        ValueError
            If a value is unknown, missing or out of its range.
        """
        settings = choose_settings(settings, load_protocol, protocol, overrides)
        # Refuse what is wrong.
        make_stage_plan(settings, code, options, upload_model, upload_potential)
        builder = cls.get_builder()
        set_common_inputs(builder, settings, code, options)
        if references is not None:
            builder.references = make_batch_node(references)
        builder.element, builder.chunk_sites = Str(element), Int(chunk_sites)
        builder.upload_model, builder.upload_potential = Bool(upload_model), Bool(upload_potential)
        return builder

    def build_graph(self) -> WorkGraph:
        """Build the graph of `build_benchmark`."""
        return build_benchmark(
            self.inputs.references,
            RestorationSettings.model_validate(self.inputs.settings.get_dict()),
            element=self.inputs.element.value,
            code=self._codes(),
            options=self._options(),
            upload_model=self.inputs.upload_model.value,
            upload_potential=self.inputs.upload_potential.value,
            chunk_sites=self.inputs.chunk_sites.value,
        )
