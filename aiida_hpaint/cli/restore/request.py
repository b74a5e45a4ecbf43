"""What to restore and how: from the command line, from a YAML file, or from both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from pydantic import Field, model_validator

from aiida_hpaint.cli.settings import (
    collect_overrides,
    read_mapping,
)
from aiida_hpaint.cli.verbosity import say
from aiida_hpaint.science.protocols import load_protocol, merge_settings, validate_settings
from aiida_hpaint.science.protocols.dft import read_dft_protocol
from aiida_hpaint.science.settings import (
    CAMPAIGN_CHUNK_SITES,
    DEFAULT_HOST_SETTINGS,
    HostSettings,
    RestorationSettings,
    Settings,
)

if TYPE_CHECKING:
    from aiida_hpaint.science.structures import StructureBatch


_UPLOADS = ("upload_model", "upload_potential")
_CAMPAIGN_KEYS = ("campaign", "group", "archive", "where", "max_jobs", "chunk_sites")


class RestorationRequest(Settings):
    """Hosts, settings and where to run: the content of a restore.yaml."""

    hosts: list[str] = Field(min_length=1, description="files; * and ** as in the shell")
    add: str | dict[str, int] | None = Field(None, description="'H:4'; null: what each file lacks")
    protocol: str | None = None
    dft_protocol: str | None = Field(
        None, description="protocol of the validation, or of the electrostatic potentials"
    )
    start_from: Literal["peaks"] | None = Field(
        None, description="'peaks': start from maxima of electrostatic potentials"
    )
    settings: dict[str, Any] = Field({}, description="replaces settings of the protocol")
    code: str | dict[str, str] | None = Field(None, description="one, or for sample, relax and dft")
    options: dict[str, dict[str, Any]] = Field(
        {}, description="metadata.options of the jobs, for sample, relax and dft"
    )
    upload_model: bool = Field(False, description="send the generator along with the jobs")
    upload_potential: bool = Field(
        False, description="send the file of the potential along with the jobs"
    )
    chunk_sites: int | None = Field(None, ge=1, description="largest number of host sites a chunk")
    one_job: bool | None = Field(
        None, description="run all stages of a chunk in one job; null: if it is little work"
    )
    name: str | None = Field(None, description="label of the process")


class CampaignRequest(RestorationRequest):
    """A restoration under a name, to which later submissions add hosts (`campaign` in YAML)."""

    campaign: str = Field(min_length=1, description="name; later submissions add hosts to it")
    hosts: list[str] = Field([], description="files and folders; * and ** as in the shell")
    group: str | None = Field(None, description="label of a group with hosts")
    archive: str | None = Field(None, description="AiiDA archive with hosts, or with that group")
    where: list[str] = Field([], description="KEY=VALUE that nodes of the group or archive have")
    nodes: list[str] = Field([], description="UUIDs of the nodes that are taken; empty: all")
    skip_bad: bool = Field(False, description="leave out hosts with problems")
    mark: bool = Field(True, description="mark the nodes that hosts come from with the outcome")
    max_jobs: int = Field(10, ge=1, description="chunks at once, each of which runs one job")
    chunk_sites: int | None = Field(
        CAMPAIGN_CHUNK_SITES, ge=1, description="largest number of host sites a chunk"
    )

    @model_validator(mode="after")
    def _has_hosts(self) -> CampaignRequest:
        if not (self.hosts or self.group or self.archive):
            raise ValueError("give hosts, a group or an archive")
        if (self.where or self.nodes) and not (self.group or self.archive):
            raise ValueError("where and nodes are for a group or an archive: give one")
        if self.one_job:
            raise ValueError("the stages of a campaign have separate jobs: leave out one_job")
        return self


def read_request(files: Sequence[str], flags: Mapping[str, Any]) -> RestorationRequest:
    """Read the request of files and options; options replace values of a YAML file.

    With a name (the key `campaign`) it is a `CampaignRequest`.

    Raises
    ------
    ValueError
        If the YAML file or an option is wrong; the message names the key.
    """
    values: dict[str, Any] = {"hosts": list(files)}
    if len(files) == 1 and files[0].endswith((".yaml", ".yml")):
        values = _read_yaml(Path(files[0]))
    keys = ("add", "protocol", "dft_protocol", "start_from", "code", *_UPLOADS)
    given = {key: flags[key] for key in (*keys, *_CAMPAIGN_KEYS) if flags.get(key)}
    if flags.get("one_job") is not None:
        given["one_job"] = flags["one_job"]
    if "where" in given:
        given["where"] = list(given["where"])
    if flags.get("no_mark"):
        given["mark"] = False
    if flags.get("dft_code"):
        given["code"] = add_dft_code(given.get("code", values.get("code")), flags["dft_code"])
    overrides = merge_settings(values.get("settings") or {}, collect_validation(flags))
    merged = {**values, **given, "settings": merge_settings(overrides, collect_overrides(flags))}
    if flags.get("dft_code") and not (
        merged["settings"].get("validation") is not None or merged.get("start_from")
    ):
        raise ValueError("--dft-code is for --validate, --rank and --start-from: add one of them")
    if "campaign" not in merged:
        _refuse_keys_of_campaigns(values, flags)
    model = CampaignRequest if "campaign" in merged else RestorationRequest
    try:
        return validate_settings(model, merged)
    except ValueError as error:
        source = f"{files[0]}: " if files else ""
        raise ValueError(source + "; ".join(str(error).splitlines())) from None


def _refuse_keys_of_campaigns(values: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    for name in ("group", "archive", "where", "max_jobs", "no_mark", "dry_run"):
        if flags.get(name):
            flag = f"--{name.replace('_', '-')}"
            raise ValueError(f"{flag} is for campaigns: name one with --campaign")
    own = CampaignRequest.model_fields.keys() - RestorationRequest.model_fields.keys()
    for name in sorted(own & values.keys()):
        raise ValueError(f"{name} is for campaigns: name one, like campaign: hydrides")


def load_settings(request: RestorationRequest) -> RestorationSettings:
    """Return the settings of a request: its protocol with what the request replaces.

    Raises
    ------
    ValueError
        If a protocol or a setting is unknown or wrong.
    """
    protocol = None if request.start_from else request.dft_protocol
    return load_protocol(request.protocol, apply_dft_protocol(request.settings, protocol))


def load_hosts(
    request: RestorationRequest,
    skip_bad: bool,
    settings: HostSettings = DEFAULT_HOST_SETTINGS,
    restoration: RestorationSettings | None = None,
) -> StructureBatch:
    """Read the hosts, with the sites to insert, and show what was assumed for each.

    Hosts with elements that the potentials of a restoration do not describe have a problem.

    Raises
    ------
    ClickException
        If hosts have problems and are not skipped, or none is left; it lists all problems.
    """
    from aiida_hpaint.cli.console import convert_host_error, list_assumptions
    from aiida_hpaint.science.structures import prepare_hosts

    hosts, problems = prepare_hosts(request.hosts, request.add, settings=settings)
    if hosts is not None and restoration is not None:
        from aiida_hpaint.science.preflight import find_unknown

        unknown = find_unknown(hosts, restoration)
        kept = [row for row in range(len(hosts)) if row not in unknown]
        hosts, problems = hosts[kept] if kept else None, (*problems, *unknown.values())
    if problems and (hosts is None or not skip_bad):
        raise convert_host_error(problems)
    for problem in problems:
        click.echo(f"Left out: {problem}", err=True)
    assert hosts is not None
    for line in list_assumptions(hosts):
        say(f"Note: {line}")
    return hosts


def collect_validation(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that --validate and --rank ask for.

    Raises
    ------
    ValueError
        If --rank is neither `dft` nor `dft-top:N`.
    """
    rank = flags.get("rank")
    if rank is None:
        return {"validation": {}} if flags.get("validate") else {}
    if rank == "dft":
        return {"validation": {"candidates": None}}
    found = re.fullmatch(r"dft-top:([1-9]\d*)", rank)
    if found is None:
        raise ValueError(f"--rank {rank}: write dft, or dft-top:N with a number like dft-top:3")
    return {"validation": {"candidates": int(found[1])}}


def apply_dft_protocol(settings: Mapping[str, Any], protocol: str | None) -> dict[str, Any]:
    """Return settings whose validation, if there is one, is based on a DFT protocol.

    Raises
    ------
    ValueError
        If the protocol is unknown, or there is no validation.
    """
    validation = settings.get("validation")
    if isinstance(validation, Mapping):
        return merge_settings({"validation": {"dft": read_dft_protocol(protocol)}}, settings)
    if protocol is not None:
        raise ValueError("a DFT protocol is for --validate dft or --rank dft: add one of them")
    return dict(settings)


def add_dft_code(code: Any, label: str) -> dict[str, Any]:
    """Return the codes of a request, stage by stage, with that of pw.x."""
    if code is None:
        return {"dft": label}
    stages = dict(code) if isinstance(code, Mapping) else {"sample": code, "relax": code}
    return {**stages, "dft": label}


def _read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file whose files are relative to its folder."""
    values = read_mapping(path, "hosts: [host.cif]")
    hosts = values.get("hosts")
    if not isinstance(hosts, str | list | None):
        raise ValueError(f"{path}: hosts: {hosts!r} is neither a file nor a list of files")
    if not isinstance(values.get("settings"), Mapping | None):
        raise ValueError(f"{path}: settings: write keys and values, like {{keep: 2}}")
    patterns = [hosts] if isinstance(hosts, str) else hosts or []
    values["hosts"] = [name for one in patterns for name in _expand(path.parent, str(one))]
    if values.get("archive"):
        values["archive"] = str(path.parent / str(values["archive"]))
    return values


def _expand(folder: Path, pattern: str) -> list[str]:
    if not any(sign in pattern for sign in "*?["):
        if not (folder / pattern).is_dir():
            return [str(folder / pattern)]
        folder, pattern = folder / pattern, "*.cif"
    if Path(pattern).is_absolute():
        folder, pattern = Path(Path(pattern).anchor), str(Path(pattern).relative_to("/"))
    found = sorted(str(path) for path in folder.glob(pattern))
    if not found:
        raise ValueError(f"hosts: no file matches {pattern!r} in {folder}")
    return found
