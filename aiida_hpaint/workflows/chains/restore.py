"""RestoreWorkChain: restore hosts of any kind, as one process with typed inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Bool, Dict, Int, SinglefileData, StructureData
from aiida_workgraph import WorkGraph

from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.data.trajectory import DiffusionTrajectoryData
from aiida_hpaint.science.protocols import choose_settings, load_protocol
from aiida_hpaint.science.settings import CHUNK_SITES, RestorationSettings
from aiida_hpaint.workflows.chains.base import GraphWorkChain
from aiida_hpaint.workflows.chains.inputs import Codes, set_common_inputs, set_hosts
from aiida_hpaint.workflows.restore.build import build_restore, make_stage_plan
from aiida_hpaint.workflows.restore.host_nodes import SOURCES, Hosts
from aiida_hpaint.workflows.restore.overrides import (
    check_process_overrides,
    split_restore_overrides,
)
from aiida_hpaint.workflows.restore.relaxer import RelaxerWorkChain

__all__ = ["HostsWorkChain", "RestoreWorkChain"]


class HostsWorkChain(GraphWorkChain):
    """Base of work chains that restore hosts."""

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare hosts and what is made of them."""
        super().define(spec)
        spec.input_namespace(
            "hosts",
            valid_type=SOURCES,
            dynamic=True,
            help="structures, CIFs, other files and batches; their names give the order",
        )
        spec.input(
            "add",
            valid_type=Dict,
            required=False,
            help='sites to insert in each host, like {"H": 4}; without it what its file lacks',
        )
        spec.input(
            "upload_model",
            valid_type=Bool,
            default=lambda: Bool(False),
            help="whether the model of sampling goes along with the jobs",
        )
        spec.input(
            "upload_potential",
            valid_type=Bool,
            default=lambda: Bool(False),
            help="whether the file of the potential goes along with the jobs",
        )
        spec.input(
            "overrides",
            valid_type=Dict,
            required=False,
            validator=check_process_overrides,
            help="`max_jobs`, `max_failures` and `handler_overrides` of the stages, and in "
            "`validation` overrides of PwBaseWorkChain",
        )
        spec.output("samples", valid_type=StructureBatchData, required=False, help="all, ranked")
        spec.output("table", valid_type=SinglefileData, required=False, help="samples as CSV")
        spec.output(
            "summary", valid_type=Dict, required=False, help="numbers of hosts and samples by end"
        )
        spec.output_namespace(
            "structures",
            valid_type=StructureData,
            dynamic=True,
            help="lowest candidate of each host that passes the checks",
        )
        spec.output_namespace(
            "reports", dynamic=True, help="by chunk and stage: status, jobs, failures, message"
        )

    def _get_overrides(self) -> dict[str, Any] | None:
        return self.inputs.overrides.get_dict() if "overrides" in self.inputs else None

    def _get_hosts(self) -> dict[str, Any]:
        """Return the arguments `hosts` and `add` of the builder of the graph."""
        hosts = dict(self.inputs.hosts)
        if not hosts:
            raise ValueError("there is no host: fill the namespace `hosts`")
        add = self.inputs.add.get_dict() if "add" in self.inputs else None
        first = next(iter(hosts.values()))
        is_batch = len(hosts) == 1 and add is None and isinstance(first, StructureBatchData)
        return {"hosts": first if is_batch else hosts, "add": add}


class RestoreWorkChain(HostsWorkChain):
    """Sample positions for the sites to insert, relax the structures, and rank them.

    The graph of `build_restore` as one process. If hosts fail it ends with an exit code, and
    returns what there is: 410 some failed, 411 all, 412 no job had a result.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare the outputs that only this restoration has."""
        super().define(spec)
        spec.expose_inputs(
            RelaxerWorkChain,
            namespace="relaxer",
            exclude=("structures", "metadata"),
            namespace_options={
                "required": False,
                "populate_defaults": False,
                "help": "process of another package that relaxes and ranks the samples",
            },
        )
        spec.output_namespace(
            "trajectories",
            valid_type=DiffusionTrajectoryData,
            dynamic=True,
            help="recordings of each chunk, if the settings ask for them",
        )
        spec.output_namespace(
            "unrelaxed",
            valid_type=StructureBatchData,
            dynamic=True,
            help="filtered samples of each chunk before any relaxation",
        )
        spec.output_namespace(
            "validation", dynamic=True, help="outputs of ValidateWorkChain, if DFT is asked for"
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: Codes = None,
        hosts: Hosts | None = None,
        protocol: str | None = None,
        overrides: Mapping[str, Any] | None = None,
        *,
        add: str | Mapping[str, int] | None = None,
        settings: RestorationSettings | None = None,
        options: Mapping[str, Any] | None = None,
        upload_model: bool = False,
        upload_potential: bool = False,
        chunk_sites: int = CHUNK_SITES,
        relaxer: Mapping[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder; see `build_restore` for the parameters.

        Parameters
        ----------
        hosts
            None to fill the namespace `hosts` later, for example with outputs of another task.
        overrides
            Settings, `handler_overrides` of the stages, and overrides of pw.x: `{"sampling":
            {"seed": 1}, "validation": {"base": {"pw": {"parameters": {"SYSTEM": {...}}}}}}`.

        Raises
        ------
        ValueError
            If a value is unknown, missing or out of its range.
        """
        given, nested = split_restore_overrides(overrides)
        settings = choose_settings(settings, load_protocol, protocol, given)
        # Refuse what is wrong.
        make_stage_plan(settings, code, options, upload_model, upload_potential)
        codes = ("sample", "relax", *(("dft",) if settings.validation else ()))
        builder = cls.get_builder()
        set_common_inputs(builder, settings, code, options, codes)
        set_hosts(builder, hosts, add)
        builder.upload_model, builder.upload_potential = Bool(upload_model), Bool(upload_potential)
        builder.chunk_sites = Int(chunk_sites)
        if nested:
            builder.overrides = label_node(Dict(nested), "overrides of processes")
        if relaxer is not None:
            builder.relaxer = dict(relaxer)
        return builder

    def build_graph(self) -> WorkGraph:
        """Build the graph of `build_restore`."""
        return build_restore(
            **self._get_hosts(),
            settings=RestorationSettings.model_validate(self.inputs.settings.get_dict()),
            code=self._codes(),
            options=self._options(),
            upload_model=self.inputs.upload_model.value,
            upload_potential=self.inputs.upload_potential.value,
            chunk_sites=self.inputs.chunk_sites.value,
            relaxer=self.inputs.relaxer if "relaxer" in self.inputs else None,
            nested=self._get_overrides(),
        )
