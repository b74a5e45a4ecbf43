"""Download of published potentials, whose sha256 is recorded and compared from then on."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiida_hpaint.science.outputs import replace_file, replace_text
from aiida_hpaint.science.relaxation.potentials.base import PotentialError
from aiida_hpaint.science.relaxation.potentials.published import (
    PUBLISHED_POTENTIALS,
    PublishedPotential,
)

Report = Callable[[str], None]
API_VARIABLE = "AIIDA_HPAINT_NEQUIP_NET"
"""Environment variable with another address of nequip.net, such as a mirror."""

_API = "https://www.nequip.net"
_TIMEOUT = 60
"""Seconds without an answer after which a server counts as out of reach."""

_BLOCK = 1 << 20
_SHA256 = re.compile("[0-9a-f]{64}")


def fetch_potential(
    name: str,
    sha256: str | None = None,
    *,
    file: Path | None = None,
    report: Report = lambda text: None,
) -> dict[str, Any]:
    """Fetch a published potential into the folder of models, where its name finds it.

    Nothing in the file is executed. One that is there already is not fetched again.

    Parameters
    ----------
    name
        See `aiida-hpaint models list`.
    sha256
        Expected sha256 of the file; by default, the first download is trusted.
    file
        The file itself, for machines that cannot reach its server; it is copied.
    report
        Called with messages about the progress.

    Returns
    -------
    The card: name, source, sha256, licence, citation and page.

    Raises
    ------
    PotentialError
        If there is no such potential, it cannot be downloaded, or has another sha256 than expected.
    """
    if name not in PUBLISHED_POTENTIALS:
        known = ", ".join(PUBLISHED_POTENTIALS)
        raise PotentialError(f"there is no potential '{name}' to fetch: choose from {known}")
    potential = PUBLISHED_POTENTIALS[name]
    wanted = (sha256 or potential.sha256).lower()
    if wanted and not _SHA256.fullmatch(wanted):
        raise PotentialError(f"'{sha256}' is not a sha256, which has 64 hexadecimal digits")
    earlier = _read_earlier_hash(potential)
    if potential.is_fetched and file is None:
        card = potential.read_card()
        _compare(potential, card["sha256"], wanted, earlier)
        return card
    return _store(potential, wanted, earlier, file, report)


def _store(
    potential: PublishedPotential, wanted: str, earlier: str, file: Path | None, report: Report
) -> dict[str, Any]:
    """Write file and card; the file gets its name only when it is whole and the expected one."""
    with replace_file(potential.path) as part:
        with part.open("wb") as target:
            if file is None:
                address, digest = _download(potential, target, report)
            else:
                address, digest = str(file.name), _copy(_read_blocks(file), target)
        _compare(potential, digest, wanted, earlier)
    card = {
        "name": potential.name,
        "kind": potential.kind,
        "source": potential.source,
        "revision": potential.revision,
        "from": address,
        "sha256": digest,
        "licence": potential.licence,
        "citation": potential.citation,
        "page": potential.page,
    }
    replace_text(potential.card_path, json.dumps(card, indent=2) + "\n")
    return card


def _download(potential: PublishedPotential, target: Any, report: Report) -> tuple[str, str]:
    """Write the file; return the address that it came from, and its sha256."""
    import requests

    try:
        address = _find_address(potential)
        report(f"fetching {potential.source} from {address}")
        with requests.get(address, stream=True, timeout=_TIMEOUT) as response:
            response.raise_for_status()
            digest = _copy(response.iter_content(_BLOCK), target)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise PotentialError(_explain_failure(potential, error)) from error
    return address, digest


def _find_address(potential: PublishedPotential) -> str:
    """Return the address of the file; nequip.net says where it keeps a version of a model."""
    import requests

    prefix, _, model = potential.source.partition(":")
    if prefix != "nequip.net":
        return potential.source
    server = os.environ.get(API_VARIABLE) or _API
    answer = requests.get(f"{server}/api/models/download/{quote(model, safe='')}", timeout=_TIMEOUT)
    answer.raise_for_status()
    return str(answer.json()["artifact"]["downloadUrl"])


def _copy(blocks: Any, target: Any) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
        target.write(block)
    return digest.hexdigest()


def _read_blocks(path: Path) -> Any:
    try:
        with path.open("rb") as stream:
            while block := stream.read(_BLOCK):
                yield block
    except OSError as error:
        raise PotentialError(f"cannot read {path}: {error.strerror}") from error


def _read_earlier_hash(potential: PublishedPotential) -> str:
    """Return the sha256 of the first download, which the card keeps if the file is deleted."""
    try:
        return str(json.loads(potential.card_path.read_text("utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _compare(potential: PublishedPotential, found: str, wanted: str, earlier: str) -> None:
    what = f"{potential.name} from {potential.source} has the sha256 {found}"
    if wanted and found != wanted:
        raise PotentialError(f"{what}, but {wanted} was expected")
    if earlier and found != earlier:
        raise PotentialError(
            f"{what}; it was {earlier} at the first download. Find out why before you use it; to "
            f"accept it, delete {potential.card_path} and fetch again"
        )


def _explain_failure(potential: PublishedPotential, error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (
        f"could not fetch {potential.source} ({type(error).__name__}: "
        f"{lines[0] if lines else 'no details'}).\n"
        "On a machine that cannot reach its server, either\n"
        f"  - fetch it elsewhere (`aiida-hpaint models fetch {potential.name}`) and copy\n"
        f"    {potential.path.name} and {potential.card_path.name} from the folder `potentials` of "
        f"that machine's model folder to\n    {potential.path.parent}, or\n"
        f"  - download the file from {potential.page} and run\n"
        f"    aiida-hpaint models fetch {potential.name} --file FILE"
    )
