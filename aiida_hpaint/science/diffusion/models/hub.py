"""Download of published models from the Hugging Face hub.

The first download of a checkpoint is trusted: its commit and sha256 are written on the card, and
later downloads have to be identical.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_hpaint.science.diffusion.models.cards import CheckpointError, ModelCard, read_card
from aiida_hpaint.science.diffusion.models.library import stored_model_path
from aiida_hpaint.science.diffusion.models.published import PublishedModel, get_published_model
from aiida_hpaint.science.files import hash_file, models_folder

Report = Callable[[str], None]
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class _Download:
    """The files of a model in the cache of the hub's client."""

    checkpoint: Path
    config: Path
    commit: str

    @property
    def sha256(self) -> str:
        return hash_file(self.checkpoint)


def fetch_model(
    name: str,
    revision: str | None = None,
    sha256: str | None = None,
    *,
    report: Report = lambda text: None,
) -> ModelCard:
    """Fetch a published model and convert it into the model folder, where its name finds it.

    The client of the hub caches its downloads and follows its environment variables (HF_HOME,
    HF_HUB_OFFLINE, HF_ENDPOINT, HF_TOKEN, ...). A model that is already in the model folder is
    fetched only if another revision is requested.

    Parameters
    ----------
    name
        See `aiida-hpaint models list`.
    revision
        Commit, tag or branch; default: the commit that was fetched before, else the newest.
    sha256
        Expected sha256 of the checkpoint; by default, the first download is trusted.
    report
        Called with messages about the progress.

    Raises
    ------
    CheckpointError
        If there is no such model, it cannot be downloaded, or has another sha256 than expected.
    """
    model = get_published_model(name)
    wanted = _check_expected_hash(model, sha256)
    path = stored_model_path(name)
    known = read_card(path) if path.with_suffix(".json").is_file() else None
    if known and revision in (None, known.data.get("revision")) and _is_whole(path, known):
        _verify(model, known.data, wanted, known)
        return known
    revision = revision or (known and known.data.get("revision")) or model.revision
    report(f"fetching {model.repo} ({revision}) from the hub")
    files = _download(model, revision)
    _verify(model, {"revision": files.commit, "source_sha256": files.sha256}, wanted, known)
    report(f"converting {files.checkpoint.name}")
    return _convert(model, files)


def _check_expected_hash(model: PublishedModel, sha256: str | None) -> str:
    wanted = (sha256 or model.sha256).lower()
    if wanted and not _SHA256.fullmatch(wanted):
        raise CheckpointError(f"'{sha256}' is not a sha256, which has 64 hexadecimal digits")
    return wanted


def _is_whole(path: Path, card: ModelCard) -> bool:
    return path.is_file() and hash_file(path) == card.sha256


def _verify(
    model: PublishedModel, found: dict[str, Any], wanted: str, known: ModelCard | None
) -> None:
    """Compare the sha256 of a checkpoint with the expected and the earlier one."""
    sha256 = found.get("source_sha256")
    where = f"{model.checkpoint} of {model.repo} at {found.get('revision', 'an unknown revision')}"
    if wanted and sha256 != wanted:
        raise CheckpointError(f"{where} has the sha256 {sha256}, but {wanted} was expected")
    same_commit = known is not None and known.data.get("revision") == found.get("revision")
    if known and same_commit and known.data.get("source_sha256") != sha256:
        raise CheckpointError(
            f"{where} has the sha256 {sha256}; it was "
            f"{known.data.get('source_sha256')} at the first download. Find out why before you use "
            f"it; to accept it, delete {stored_model_path(model.name).with_suffix('.json')} "
            "and fetch again"
        )


def _convert(model: PublishedModel, files: _Download) -> ModelCard:
    from aiida_hpaint.science.diffusion.models.conversion import convert_checkpoint

    return convert_checkpoint(
        files.checkpoint,
        files.config,
        name=model.name,
        description=model.about,
        provenance={
            "source": model.page,
            "file": model.checkpoint,
            "revision": files.commit,
            "licence": model.licence,
            "citation": model.citation,
        },
    )


def _download(model: PublishedModel, revision: str) -> _Download:
    config = _file(model, model.config, revision)
    commit = _snapshot(config) or revision
    checkpoint = _file(model, model.checkpoint, commit)
    promised = (
        checkpoint.resolve().name
    )  # the client names large files by the sha256 that the hub reports
    if _SHA256.fullmatch(promised) and hash_file(checkpoint) != promised:
        raise CheckpointError(
            f"{checkpoint} is damaged: its sha256 is not that of the hub. Delete "
            f"{checkpoint.resolve()} and fetch again"
        )
    return _Download(checkpoint, config, commit)


def _snapshot(path: Path) -> str:
    """Return the commit in the path of a file in the hub's cache."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else ""


def _file(model: PublishedModel, name: str, revision: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise CheckpointError(
            f"fetching needs the package huggingface_hub: pip install 'aiida-hpaint[sampling]'\n"
            f"{_explain_manual_download(model)}"
        ) from error
    try:
        return Path(hf_hub_download(model.repo, name, revision=revision, endpoint=_endpoint()))
    except Exception as error:  # of the hub, one of several HTTP libraries, or the disk
        raise CheckpointError(_explain_failure(model, name, revision, error)) from error


def _endpoint() -> str:
    """Return the hub's address, also if HF_ENDPOINT was set after its client was imported."""
    from huggingface_hub import constants

    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or str(constants.ENDPOINT)


def _explain_failure(model: PublishedModel, name: str, revision: str, error: Exception) -> str:
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError

    what = f"{name} of {model.repo} at revision {revision}"
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        return f"{_endpoint()} has no {what}, or you have no access ({_summarise_error(error)})"
    cache = "; HF_HUB_OFFLINE is set, so that only its cache was searched"
    offline = cache if constants.HF_HUB_OFFLINE else ""
    return (
        f"could not fetch {what}: cannot reach {_endpoint()} "
        f"({_summarise_error(error)}){offline}.\n{_explain_manual_download(model)}"
    )


def _summarise_error(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else 'no details'}"


def _explain_manual_download(model: PublishedModel) -> str:
    """Explain how to get a model onto a machine that cannot reach the hub."""
    folder = models_folder()
    return (
        "On a machine that cannot reach the hub, either\n"
        f"  - fetch it elsewhere (`aiida-hpaint models fetch {model.name}`) and copy\n"
        f"    {model.name}.safetensors and {model.name}.json from that machine's model folder to\n"
        f"    {folder}, or\n"
        f"  - download {model.config} and {model.checkpoint}\n"
        f"    from {model.page} and run\n"
        f"    aiida-hpaint models convert last.ckpt --config config.yaml --name {model.name}"
    )
