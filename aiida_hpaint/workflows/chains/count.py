"""CountWorkChain: find how many sites a host lacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiida.engine import ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Bool, Dict, Int, SinglefileData, StructureData
from aiida_workgraph import WorkGraph

from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.counting.settings import CountingSettings, override_settings
from aiida_hpaint.science.protocols import choose_settings, merge_settings, validate_settings
from aiida_hpaint.science.settings import CHUNK_SITES
from aiida_hpaint.science.structures import StructureBatch, read_hosts
from aiida_hpaint.workflows.chains.base import GraphWorkChain
from aiida_hpaint.workflows.chains.inputs import Codes, make_batch_node, set_common_inputs
from aiida_hpaint.workflows.counting import build_count

__all__ = ["CountWorkChain"]

Phases = Sequence[str | Path | StructureBatch]


class CountWorkChain(GraphWorkChain):
    """Restore a host with every number of sites, and rank the numbers.

    The graph of `build_count` as one process. What fails is left out of the ranking, and then it
    ends with 410 or 411.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs and outputs."""
        super().define(spec)
        spec.input("host", valid_type=(StructureData, StructureBatchData), help="host")
        spec.input(
            "phases",
            valid_type=StructureBatchData,
            required=False,
            help="competing phases, beside the packaged ones",
        )
        for flag in ("upload_model", "upload_potential"):
            spec.input(flag, valid_type=Bool, default=lambda: Bool(False))
        for name, kind, text in (
            ("counting", Dict, "numbers of sites with their probabilities"),
            ("table", SinglefileData, "numbers of sites as CSV"),
            ("structure", StructureData, "host with the most probable number of sites"),
            ("samples", StructureBatchData, "samples with every number of sites"),
            ("phases", StructureBatchData, "relaxed competing phases"),
            ("summary", Dict, "numbers of hosts and samples by end"),
        ):
            spec.output(name, valid_type=kind, required=False, help=text)
        spec.output_namespace(
            "reports", dynamic=True, help="by chunk and stage: status, jobs, failures, message"
        )
        spec.output_namespace(
            "part_reports", valid_type=Dict, dynamic=True, help="of the `bare` host and `phases`"
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: Codes = None,
        host: StructureBatch | StructureBatchData | StructureData | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        element: str | None = None,
        n_max: int | None = None,
        settings: CountingSettings | None = None,
        phases: Phases = (),
        options: Mapping[str, Any] | None = None,
        upload_model: bool = False,
        upload_potential: bool = False,
        chunk_sites: int = CHUNK_SITES,
    ) -> ProcessBuilder:
        """Return a builder; see `build_count` for the parameters.

        Parameters
        ----------
        host
            None to fill it in later.
        protocol
            None: there is only one.
        overrides
            Nested mapping of values of `CountingSettings`, like `{"n_max": 4}`.

        Raises
        ------
        ValueError
            If a value is unknown, missing or out of its range.
        """
        chosen = choose_settings(settings, _load_counting_settings, protocol, overrides)
        builder = cls.get_builder()
        chosen = override_settings(chosen, element, n_max)
        set_common_inputs(builder, chosen, code, options)
        if host is not None:
            builder.host = host if isinstance(host, StructureData) else make_batch_node(host)
        if phases:
            builder.phases = StructureBatchData(read_hosts(list(phases)))
        builder.upload_model, builder.upload_potential = Bool(upload_model), Bool(upload_potential)
        builder.chunk_sites = Int(chunk_sites)
        return builder

    def build_graph(self) -> WorkGraph:
        """Build the graph of `build_count`."""
        host = self.inputs.host
        phases = self.inputs.phases.batch if "phases" in self.inputs else None
        return build_count(
            host.batch if isinstance(host, StructureBatchData) else host,
            settings=CountingSettings.model_validate(self.inputs.settings.get_dict()),
            phases=() if phases is None else [phases[i] for i in range(len(phases))],
            code=self._codes(),
            options=self._options(),
            upload_model=self.inputs.upload_model.value,
            upload_potential=self.inputs.upload_potential.value,
            chunk_sites=self.inputs.chunk_sites.value,
        )


def _load_counting_settings(
    protocol: str | None, overrides: Mapping[str, Any] | None
) -> CountingSettings:
    if protocol is not None:
        raise ValueError(f"there is no protocol {protocol!r} of counting: leave it out")
    values = merge_settings(CountingSettings().model_dump(mode="json"), overrides or {})
    return validate_settings(CountingSettings, values)
