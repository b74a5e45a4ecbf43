"""What to restore and how: from the command line, from a YAML file, or from both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from pydantic import Field, ValidationError, model_validator

from aiida_hpaint.cli.restore.dft_flags import validation_from, with_dft_code, with_dft_protocol
from aiida_hpaint.cli.settings import collect_overrides
from aiida_hpaint.science.protocols import load_protocol, merge
from aiida_hpaint.science.settings import RestorationSettings, Settings

if TYPE_CHECKING:
    from aiida_hpaint.science.structures import StructureBatch


CHUNK_SITES = 5000
"""Sites of the hosts in a chunk of a campaign: jobs of minutes to hours, and few of them."""

_OF_LARGE = ("campaign", "group", "archive", "max_jobs", "chunk_sites")


class RestorationRequest(Settings):
    """Hosts, settings and where to run: the content of a restore.yaml."""

    hosts: list[str] = Field(min_length=1, description="files; * and ** as in the shell")
    add: str | dict[str, int] | None = Field(None, description="'H:4'; null: from the CIF")
    protocol: str | None = None
    dft_protocol: str | None = Field(
        None, description="of the validation in the settings, or of the potentials"
    )
    start_from: Literal["peaks"] | None = Field(
        None, description="'peaks': start from maxima of electrostatic potentials"
    )
    settings: dict[str, Any] = Field({}, description="replaces settings of the protocol")
    code: str | dict[str, str] | None = Field(None, description="one, or for sample, relax and dft")
    options: dict[str, dict[str, Any]] = Field(
        {}, description="scheduler, for sample, relax and dft"
    )
    upload_model: bool = Field(False, description="send the generator along with the jobs")
    chunk_sites: int | None = Field(None, ge=1, description="sites of the hosts in one chunk")
    name: str | None = Field(None, description="label of the process")


class CampaignRequest(RestorationRequest):
    """The same with a name under which it grows: what `submit` makes of the key `campaign`."""

    campaign: str = Field(min_length=1, description="name; hosts given later join those before")
    hosts: list[str] = Field([], description="files and folders; * and ** as in the shell")
    group: str | None = Field(None, description="label of a group with hosts")
    archive: str | None = Field(None, description="AiiDA archive with hosts, or with that group")
    max_jobs: int = Field(10, ge=1, description="chunks at once, each of which runs one job")
    chunk_sites: int | None = Field(CHUNK_SITES, ge=1, description="sites of the hosts in a chunk")

    @model_validator(mode="after")
    def _has_hosts(self) -> CampaignRequest:
        if not (self.hosts or self.group or self.archive):
            raise ValueError("give hosts, a group or an archive")
        return self


def read_request(files: Sequence[str], flags: Mapping[str, Any]) -> RestorationRequest:
    """The campaign that the arguments describe; what is given on the command line wins.

    With a name (the key `campaign`) it is a `LargeCampaign`.

    Raises
    ------
    ValueError
        If the YAML file is wrong; the message names the key.
    """
    values: dict[str, Any] = {"hosts": list(files)}
    if len(files) == 1 and files[0].endswith((".yaml", ".yml")):
        values = _read_yaml(Path(files[0]))
    named = ("add", "protocol", "dft_protocol", "start_from", "code", "upload_model", *_OF_LARGE)
    given = {key: flags[key] for key in named if flags.get(key)}
    if flags.get("dft_code"):
        given["code"] = with_dft_code(given.get("code", values.get("code")), flags["dft_code"])
    overrides = merge(values.get("settings") or {}, validation_from(flags))
    overrides = merge(overrides, collect_overrides(flags))
    merged = {**values, **given, "settings": overrides}
    model = CampaignRequest if "campaign" in merged else RestorationRequest
    if model is RestorationRequest:
        _refuse_of_campaigns(flags)
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        lines = (f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}" for e in error.errors())
        where = f"{files[0]}: " if files else ""
        raise ValueError(where + "; ".join(line.removeprefix(": ") for line in lines)) from None


def _refuse_of_campaigns(flags: Mapping[str, Any]) -> None:
    for name in ("group", "archive", "max_jobs", "dry_run"):
        if flags.get(name):
            flag = f"--{name.replace('_', '-')}"
            raise ValueError(f"{flag} is for campaigns: name one with --campaign")


def load_settings(campaign: RestorationRequest) -> RestorationSettings:
    """The settings of a campaign, see `load_protocol`; a validation has a protocol of its own."""
    protocol = None if campaign.start_from else campaign.dft_protocol
    overrides = with_dft_protocol(campaign.settings, protocol)
    return load_protocol(campaign.protocol, overrides)


def load_hosts(campaign: RestorationRequest, skip_bad: bool) -> StructureBatch:
    """The hosts with the sites to insert.

    Raises
    ------
    ClickException
        With everything that is wrong with any of them, unless bad ones are skipped.
    """
    from aiida_hpaint.cli.console import make_host_error
    from aiida_hpaint.science.structures import prepare_hosts

    hosts, problems = prepare_hosts(campaign.hosts, campaign.add)
    if problems and (hosts is None or not skip_bad):
        raise make_host_error(problems)
    for problem in problems:
        click.echo(f"Left out: {problem}", err=True)
    assert hosts is not None
    return hosts


def _read_yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{path}: keys and values are needed, such as `hosts: [host.cif]`")
    hosts = values.get("hosts")
    patterns = [hosts] if isinstance(hosts, str) else hosts or []
    found = [name for p in patterns for name in _expand(path.parent, str(p))]
    archive = values.get("archive")
    more = {"archive": str(path.parent / str(archive))} if archive else {}
    return {**values, **more, "hosts": found}


def _expand(folder: Path, pattern: str) -> list[str]:
    if not any(sign in pattern for sign in "*?["):
        if not (folder / pattern).is_dir():
            return [str(folder / pattern)]
        folder, pattern = folder / pattern, "*.cif"
    if Path(pattern).is_absolute():
        folder, pattern = Path(Path(pattern).anchor), str(Path(pattern).relative_to("/"))
    found = sorted(str(path) for path in folder.glob(pattern))
    if not found:
        raise ValueError(f"hosts: no file fits {pattern!r} in {folder}")
    return found
