"""build_restore: build the restore WorkGraph from hosts, a protocol, codes and options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida.orm import (
    AbstractCode,
    Data,
    Dict,
    FolderData,
    Int,
    SinglefileData,
    Str,
)
from aiida_workgraph import WorkGraph

from aiida_hpaint.calculations.identity import identify_relaxation, identify_sampling
from aiida_hpaint.calculations.split_and_join import choose_cells, split_hosts
from aiida_hpaint.data.labels import label_node
from aiida_hpaint.data.structure_batch import StructureBatchData
from aiida_hpaint.science.preflight import find_unknown
from aiida_hpaint.science.protocols import choose_settings, load_protocol
from aiida_hpaint.science.recipe import STAGES, find_stage, plan_finish, plan_stages
from aiida_hpaint.science.search import SearchInputs
from aiida_hpaint.science.settings import (
    CHUNK_SITES,
    PotentialSettings,
    RelaxationSettings,
    RestorationSettings,
    SamplingSettings,
)
from aiida_hpaint.science.stages import RelaxationInputs, check_inserted_sites
from aiida_hpaint.science.structures import HostError
from aiida_hpaint.science.structures.primitive import choose_searches
from aiida_hpaint.workflows.engine.codes import find_code, runs_this_python
from aiida_hpaint.workflows.engine.options import complete_job_options
from aiida_hpaint.workflows.restore.graph import restore
from aiida_hpaint.workflows.restore.host_nodes import Hosts, make_host_node
from aiida_hpaint.workflows.restore.model_files import (
    check_recording,
    choose_compiled,
    resolve_generator_path,
    resolve_potential_path,
    store_model,
    store_potential,
)
from aiida_hpaint.workflows.restore.one_job import mark_one_job
from aiida_hpaint.workflows.restore.overrides import (
    override_stages,
    refuse_overrides_of_pw,
    split_restore_overrides,
)

__all__ = [
    "build_restore",
    "cut_into_chunks",
    "get_dft_value",
    "make_relaxation_inputs",
    "make_restore_inputs",
    "make_stage_plan",
]


ByStage = Mapping[str, Any]
_STAGE_KEYS = tuple(dict.fromkeys(stage.kind for stage in STAGES))
_DFT = "dft"
"""Key of the code and options of pw.x, beside those of stages in Python."""


def build_restore(
    hosts: Hosts,
    *,
    add: str | Mapping[str, int] | None = None,
    protocol: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    settings: RestorationSettings | None = None,
    code: str | AbstractCode | ByStage | None = None,
    options: ByStage | None = None,
    upload_model: bool = False,
    upload_potential: bool = False,
    chunk_sites: int = CHUNK_SITES,
    relaxer: Mapping[str, Any] | None = None,
    one_job: bool | None = None,
    nested: Mapping[str, Any] | None = None,
    name: str = "restore",
) -> WorkGraph:
    """Build a restore WorkGraph that is ready for `submit()` or `run()`.

    Parameters
    ----------
    hosts
        Hosts with the sites to insert, as `structures.add_sites` makes them; or one or several
        StructureData, CifData, paths of files, ase Atoms or pymatgen Structures, or a Group.
    add
        Sites to insert in each host, like `{"H": 4}` or "H:4,Li:1"; None: what its file lacks.
    protocol, overrides
        See `aiida_hpaint.science.protocols.load_protocol`. Beside settings, overrides may name
        inputs of processes: `max_jobs`, `max_failures` and `handler_overrides` of the stages, and
        inside `validation` what reaches into PwBaseWorkChain; see `split_restore_overrides`.
    settings
        All settings, instead of a protocol.
    code
        Code with aiida-hpaint, or its label, or a mapping with one each for `sample` and `relax`,
        and pw.x as `dft` for a validation. By default the code that `aiida-hpaint setup` made for
        this Python, and `pw@localhost`.
    options
        `metadata.options` of the jobs for `sample` and `relax` (resources, queue, walltime,
        prepend_text, environment_variables, ...), and for `dft`. They take precedence over
        options that `aiida-hpaint setup codes` saved with the codes, and over `DEFAULT_OPTIONS`.
    upload_model, upload_potential
        Upload the model of sampling, or the file of the potential, with the jobs, so that it need
        not be on their computer; its weights are then a node of the provenance.
    chunk_sites
        Largest number of host sites in a chunk. Chunks run in parallel.
    relaxer
        Process of another package that relaxes the samples after the stages that are on, and whose
        energies rank them, from `make_relaxer_inputs`.
    one_job
        Whether one job of a chunk runs all stages, and not one job each; None: for little work
        (`ONE_JOB_SITES`), where all stages have the same code and options.
    nested
        Overrides of processes, as `split_restore_overrides` returns them, instead of inside
        `overrides`.
    name
        Label of the process.

    Raises
    ------
    HostError
        If a structure cannot serve as a host, or has elements that a potential does not know.
    ValueError
        If a value is unknown, missing or out of its range.
    """
    given, found = split_restore_overrides(overrides)
    nested = {**(nested or {}), **found}
    settings = choose_settings(settings, load_protocol, protocol, given)
    inputs = make_restore_inputs(
        make_host_node(hosts, add, settings.hosts),
        settings,
        code,
        options,
        upload_model=upload_model,
        upload_potential=upload_potential,
        chunk_sites=chunk_sites,
        one_job=one_job,
        nested=nested,
    )
    if relaxer is not None:
        inputs["plan"]["relaxer"] = dict(relaxer)
    graph = restore.build(**inputs)
    graph.name = name
    return graph


def make_restore_inputs(
    hosts: StructureBatchData,
    settings: RestorationSettings,
    code: str | AbstractCode | ByStage | None = None,
    options: ByStage | None = None,
    upload_model: bool = False,
    upload_potential: bool = False,
    chunk_sites: int = CHUNK_SITES,
    one_job: bool | None = None,
    nested: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the inputs `hosts`, `chunks` and `plan` of the restore graph; see `build_restore`."""
    check_inserted_sites(hosts.batch, settings.sampling)
    if unknown := find_unknown(hosts.batch, settings):
        raise HostError(unknown.values())
    plan = make_stage_plan(settings, code, options, upload_model, upload_potential)
    mark_one_job(plan, hosts.batch, settings, one_job)
    override_stages(plan, nested or {})
    if settings.validation is None:
        refuse_overrides_of_pw(nested or {}, "turn the validation on with validation={}")
    else:
        from aiida_hpaint.workflows.validate.build import build_validation_plan

        plan["validation"] = build_validation_plan(
            settings.validation,
            hosts.batch.numbers,
            get_dft_value(code),
            get_dft_value(options),
            (nested or {}).get("validation"),
        )
    chunks = cut_into_chunks(hosts, chunk_sites, plan.get("cell"))
    if settings.sampling is not None:
        check_recording(settings.sampling, [chunk.batch for chunk in chunks.values()])
    return {"hosts": hosts, "chunks": chunks, "plan": plan}


def make_stage_plan(
    settings: RestorationSettings,
    code: str | AbstractCode | ByStage | None = None,
    options: ByStage | None = None,
    upload_model: bool = False,
    upload_potential: bool = False,
) -> dict[str, Any]:
    """Make the `plan` of the restore graph; see `build_restore`."""
    codes = {key: find_code(value) for key, value in _by_stage("code", code).items()}
    given = _by_stage("options", options)
    jobs = {key: complete_job_options(key, given[key], code) for key, code in codes.items()}
    return _plan(settings, codes, jobs, upload_model, upload_potential)


def get_dft_value(value: Any) -> Any:
    """Return the code or the options of pw.x; None if there are none."""
    return value.get(_DFT) if isinstance(value, Mapping) else None


def _by_stage(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return dict.fromkeys(_STAGE_KEYS, value)
    unknown = sorted(map(str, value.keys() - {*_STAGE_KEYS, _DFT}))
    if unknown:
        raise ValueError(
            f"{name}: there is no stage {', '.join(unknown)}: use sample, relax and dft"
        )
    return {key: value.get(key) for key in _STAGE_KEYS}


def cut_into_chunks(
    hosts: StructureBatchData, chunk_sites: int, cell: Str | None = None
) -> dict[str, StructureBatchData]:
    """Split hosts into chunks; if one chunk has all, it is the node of the hosts itself.

    Parameters
    ----------
    cell
        `cell` of a plan: which cells the hosts are searched in; None: those of their files.
    """
    batch = hosts.batch
    chunks: dict[str, StructureBatchData]
    if cell is not None and choose_searches(batch, cell.value)[0] is not batch:
        chunks = choose_cells(hosts, cell, Int(chunk_sites))
    elif batch.n_sites <= chunk_sites:
        chunks = {"chunk_0000": hosts}
    else:
        chunks = split_hosts(hosts, Int(chunk_sites))
    return chunks


def make_relaxation_inputs(
    plan: Mapping[str, Any], relaxation: RelaxationSettings | None
) -> dict[str, Any]:
    """Return the inputs of a relaxation with code, potential and options of a plan's last one.

    Parameters
    ----------
    plan
        Plan from `make_stage_plan`.
    relaxation
        How to relax; None for a job that needs the potential alone.

    Raises
    ------
    ValueError
        If no stage of the plan relaxes, so that it names no code and no potential.
    """
    relaxations = [one.name for one in STAGES if issubclass(one.inputs, RelaxationInputs)]
    stages = [name for name in relaxations if name in plan]
    if not stages:
        raise ValueError("all relaxations are off: turn on relax_inserted or relax_all")
    values = {"potential": plan[stages[-1]]["settings"]["potential"]}
    if relaxation is not None:
        values["relaxation"] = relaxation.model_dump(mode="json")
    return {**plan[stages[-1]], "settings": Dict(values)}


def _plan(
    settings: RestorationSettings,
    codes: Mapping[str, AbstractCode],
    options: Mapping[str, Mapping[str, Any]],
    upload_model: bool,
    upload_potential: bool,
) -> dict[str, Any]:
    drawn = settings.sampling
    here = {kind: runs_this_python(code) for kind, code in codes.items()}
    model: Mapping[str, Data] = {}
    sampled: dict[str, Any] = {}
    if settings.sampling is not None:
        sampled = identify_sampling(settings.sampling, here["sample"])
        sampling, model = _generator(settings.sampling, codes["sample"], upload_model)
        settings = settings.model_copy(update={"sampling": sampling})
    if not upload_potential:
        settings = _resolve_potentials(settings, codes["relax"], here["relax"])
    plan: dict[str, Any] = {}
    for name, inputs in plan_stages(settings).items():
        kind = find_stage(name).kind
        identity, files = sampled, model
        if isinstance(inputs, RelaxationInputs | SearchInputs):
            identity, files = identify_relaxation(inputs.potential, here[kind]), {}
            if upload_potential:
                potential, identity, files = _send_potential(
                    inputs.potential, codes[kind], identity
                )
                inputs = inputs.model_copy(update={"potential": potential})
        if isinstance(inputs, SearchInputs) and inputs.needs_generator and drawn is not None:
            there, generator = _bring_generator(drawn, codes, here, upload_model)
            files = {**files, **generator}
            inputs = inputs.model_copy(update={"sampling": there.model_copy(update={"record": 0})})
            identity = identity | {"generator": identify_sampling(drawn, here[kind])["model"]}
        plan[name] = {
            "settings": label_node(Dict(inputs.model_dump(mode="json")), f"settings of {name}"),
            "identity": label_node(Dict(identity), f"version and model of {name}"),
            "code": codes[kind],
            "options": label_node(Dict(dict(options[kind])), f"options of the jobs of {name}"),
            **files,
        }
    return plan | _plan_ends(settings)


def _plan_ends(settings: RestorationSettings) -> dict[str, Data]:
    """Return what the first stage begins with, and the settings of what follows the last one."""
    ends: dict[str, Data] = {}
    if settings.sampling is None:
        guesses = settings.model_dump(mode="json", include={"symmetry", "filter"})
        ends["guesses"] = label_node(Dict(guesses), "settings of guesses")
    elif settings.sampling.start_time >= 1:
        ends["cell"] = Str(settings.cell)
    finish = plan_finish(settings).model_dump(mode="json")
    return {**ends, "finish": label_node(Dict(finish), "settings of checks and ranking")}


def _bring_generator(
    settings: SamplingSettings,
    codes: Mapping[str, AbstractCode],
    here: Mapping[str, bool],
    upload: bool,
) -> tuple[SamplingSettings, dict[str, FolderData]]:
    """Return settings and files of the generator for a search, which runs where samples relax.

    Raises
    ------
    ValueError
        If the generator is not known to work there.
    """
    try:
        identify_sampling(settings, here["relax"])
        return _generator(settings, codes["relax"], upload)
    except ValueError as error:
        raise ValueError(
            f"the search draws samples where they are relaxed, with {codes['relax'].full_label}: "
            f"{error}; or leave these moves out: --set search.moves=[random,turned,swapped]"
        ) from None


def _resolve_potentials(
    settings: RestorationSettings, code: AbstractCode, local: bool
) -> RestorationSettings:
    """Return the settings with the paths of model files that jobs find; refuse bad potentials."""
    found = {}
    for field in ("potential", "rerank"):
        potential = getattr(settings, field)
        if potential is not None:
            found[field] = resolve_potential_path(potential, code)
            identify_relaxation(found[field], local)
    return settings.model_copy(update=found)


def _send_potential(
    settings: PotentialSettings, code: AbstractCode, identity: Mapping[str, Any]
) -> tuple[PotentialSettings, dict[str, Any], dict[str, SinglefileData]]:
    """Return settings, identity and file of a potential that is sent along, compiled if it was."""
    settings, package = store_potential(settings)
    settings, node = choose_compiled(settings, package, code)
    attributes = node.base.attributes
    model = {**identity["model"], "file": node.filename, "sha256": attributes.get("sha256")}
    if node.uuid != package.uuid:
        model["compiled_from"] = package.base.attributes.get("sha256")
        model["compiled_for"] = attributes.get("compiled_for")
    return settings, {**identity, "model": model}, {"potential": node}


def _generator(
    settings: SamplingSettings, code: AbstractCode, upload: bool
) -> tuple[SamplingSettings, dict[str, FolderData]]:
    if upload:
        settings, folder = store_model(settings)
        return settings, {"model": folder}
    return resolve_generator_path(settings, code), {}
