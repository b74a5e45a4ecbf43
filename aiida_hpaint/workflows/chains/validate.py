"""ValidateWorkChain: relax candidates and references by DFT, and compare them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import AbstractCode, Dict, SinglefileData, StructureData
from aiida_workgraph import WorkGraph

from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.protocols import choose_settings
from aiida_hpaint.science.protocols.dft import load_validation_settings
from aiida_hpaint.science.settings import ValidationSettings
from aiida_hpaint.science.structures import StructureBatch
from aiida_hpaint.workflows.chains.base import GraphWorkChain
from aiida_hpaint.workflows.chains.inputs import make_batch_node, set_common_inputs
from aiida_hpaint.workflows.dft.inputs import split_overrides
from aiida_hpaint.workflows.validate.build import build_validate

__all__ = ["ValidateWorkChain"]

Samples = StructureBatch | StructureBatchData


class ValidateWorkChain(GraphWorkChain):
    """Relax candidates and references by DFT, and compare those of each host.

    The graph of `build_validate` as one process; it ends with 410 or 411 if some or all structures
    have no energy.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare inputs and outputs."""
        super().define(spec)
        spec.input(
            "samples",
            valid_type=StructureBatchData,
            help="ranked samples of a restoration, or complete structures",
        )
        spec.input(
            "references",
            valid_type=StructureBatchData,
            required=False,
            help="complete structures, at most one per host",
        )
        spec.input(
            "overrides",
            valid_type=Dict,
            required=False,
            help="overrides of PwBaseWorkChain: `pw`, `handler_overrides`, ...",
        )
        spec.output("summary", valid_type=Dict, required=False, help="energies by host, failures")
        spec.output("table", valid_type=SinglefileData, required=False, help="validation.csv")
        spec.output_namespace(
            "structures",
            valid_type=StructureData,
            dynamic=True,
            help="lowest candidate of each host by DFT",
        )
        spec.output_namespace(
            "reports", valid_type=Dict, dynamic=True, help="report of each DftRelaxWorkChain"
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: str | AbstractCode | None = None,
        samples: Samples | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        references: Samples | None = None,
        settings: ValidationSettings | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder; see `build_validate` for the parameters.

        Parameters
        ----------
        samples
            None to fill them in later, for example with the output of a restoration.
        protocol, overrides
            See `load_validation_settings`; `pw`, `handler_overrides`, `max_iterations`, ..., also
            in the namespace `base`, reach into PwBaseWorkChain as in aiida-quantumespresso:
            `{"dft": {"cutoff_wfc": 40}, "pw": {"parameters": {"SYSTEM": {"nosym": True}}}}`.

        Raises
        ------
        ValueError
            If a value is unknown, missing or out of its range.
        """
        given, nested = split_overrides(overrides or {})
        settings = choose_settings(settings, load_validation_settings, protocol, given or None)
        builder = cls.get_builder()
        set_common_inputs(builder, settings, {"dft": code}, options, ("dft",))
        if nested:
            builder.overrides = label_node(Dict(nested), "overrides of PwBaseWorkChain")
        if samples is not None:
            builder.samples = make_batch_node(samples)
        if references is not None:
            builder.references = make_batch_node(references)
        return builder

    def build_graph(self) -> WorkGraph:
        """Build the graph of `build_validate`."""
        return build_validate(
            self.inputs.samples,
            self.inputs.references if "references" in self.inputs else None,
            ValidationSettings.model_validate(self.inputs.settings.get_dict()),
            code=self._codes()["dft"],
            options=self._options(),
            nested=self.inputs.overrides.get_dict() if "overrides" in self.inputs else None,
        )
