"""RestoreFromPeaksWorkChain: restore hosts from maxima of their electrostatic potential."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.engine import ProcessBuilder
from aiida.engine.processes.workchains.workchain import WorkChainSpec
from aiida.orm import Bool, Dict, Int
from aiida_workgraph import WorkGraph

from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.protocols import choose_settings, load_protocol
from aiida_hpaint.science.settings import CHUNK_SITES, RestorationSettings
from aiida_hpaint.workflows.chains.inputs import Codes, set_common_inputs, set_hosts
from aiida_hpaint.workflows.chains.restore import HostsWorkChain
from aiida_hpaint.workflows.restore.build_from_peaks import build_restore_from_peaks
from aiida_hpaint.workflows.restore.host_nodes import Hosts
from aiida_hpaint.workflows.restore.overrides import split_restore_overrides
from aiida_hpaint.workflows.restore_hydrogen.builder import load_hydrogen_settings

__all__ = ["RestoreFromPeaksWorkChain"]


class RestoreFromPeaksWorkChain(HostsWorkChain):
    """Place the sites to insert at maxima of the hosts' potentials, relax, and rank.

    The graph of `build_restore_from_peaks` as one process; exit codes are those of
    RestoreWorkChain.
    """

    @classmethod
    def define(cls, spec: WorkChainSpec) -> None:  # type: ignore[override]
        """Declare what the search for maxima needs and returns."""
        super().define(spec)
        spec.input("search", valid_type=Dict, help="RestoreHydrogenSettings: DFT, maxima, pinball")
        spec.input(
            "starting_points",
            valid_type=Int,
            default=lambda: Int(10),
            help="largest number of arrangements per host",
        )
        spec.output_namespace(
            "starting_points",
            valid_type=StructureBatchData,
            dynamic=True,
            help="arrangements of the hosts of each chunk",
        )
        spec.output_namespace(
            "peak_search_reports",
            valid_type=Dict,
            dynamic=True,
            help="report of the search for maxima for each host",
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
        dft_protocol: str | None = None,
        dft_overrides: Mapping[str, Any] | None = None,
        starting_points: int = 10,
        options: Mapping[str, Any] | None = None,
        upload_model: bool = False,
        upload_potential: bool = False,
        chunk_sites: int = CHUNK_SITES,
    ) -> ProcessBuilder:
        """Return a builder; see `build_restore_from_peaks` for the parameters.

        `code` may have `dft` and `pp` for pw.x and pp.x; `hosts` may be filled in later.

        Raises
        ------
        ValueError
            If a value is unknown, missing or out of its range.
        """
        given, nested = split_restore_overrides(overrides)
        settings = choose_settings(settings, load_protocol, protocol, given)
        search = load_hydrogen_settings(dft_protocol, dft_overrides)
        builder = cls.get_builder()
        set_common_inputs(builder, settings, code, options, ("sample", "relax", "dft", "pp"))
        set_hosts(builder, hosts, add)
        if nested:
            builder.overrides = label_node(Dict(nested), "overrides of processes")
        builder.search = Dict(search.model_dump(mode="json"))
        builder.starting_points = Int(starting_points)
        builder.upload_model, builder.upload_potential = Bool(upload_model), Bool(upload_potential)
        builder.chunk_sites = Int(chunk_sites)
        return builder

    def build_graph(self) -> WorkGraph:
        """Build the graph of `build_restore_from_peaks`."""
        codes = self._codes()
        pp = codes.pop("pp")
        return build_restore_from_peaks(
            **self._get_hosts(),
            settings=RestorationSettings.model_validate(self.inputs.settings.get_dict()),
            dft_overrides=self.inputs.search.get_dict(),
            starting_points=self.inputs.starting_points.value,
            code=codes,
            pp=pp,
            options=self._options(),
            upload_model=self.inputs.upload_model.value,
            upload_potential=self.inputs.upload_potential.value,
            chunk_sites=self.inputs.chunk_sites.value,
            nested=self._get_overrides(),
        )
