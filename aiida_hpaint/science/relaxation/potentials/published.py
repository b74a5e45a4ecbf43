"""Published potentials that `aiida-hpaint models fetch` can download, and where they are stored."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiida_hpaint.science.files import hash_file, models_folder
from aiida_hpaint.science.relaxation.potentials.base import PotentialError

FOLDER = "potentials"
"""Folder of fetched potentials within the folder of models."""


@dataclass(frozen=True)
class PublishedPotential:
    """A file of a potential that its authors have published.

    Attributes
    ----------
    name : string
        Name under which it is fetched and used.
    kind : string
        Potential of the registry that reads such files.
    about : string
        One line for `aiida-hpaint models list`.
    source : string
        Address of the file, or `nequip.net:GROUP/MODEL:VERSION`; both name a fixed version.
    suffix : string
        End of the file's name.
    licence, citation, page : strings
        Licence of the weights, the paper to cite, and the page that describes the model.
    sha256 : string
        sha256 of the file, if known; else the first download is trusted, and each later one has to
        be identical.
    """

    name: str
    kind: str
    about: str
    source: str
    suffix: str
    licence: str
    citation: str
    page: str
    sha256: str = ""

    @property
    def path(self) -> Path:
        """Path of the file in the folder of models, whether it exists or not."""
        return models_folder() / FOLDER / f"{self.name}{self.suffix}"

    @property
    def card_path(self) -> Path:
        """Path of the card: source, sha256 and licence of what was fetched."""
        return models_folder() / FOLDER / f"{self.name}.json"

    @property
    def is_fetched(self) -> bool:
        """Whether file and card are on this machine."""
        return self.path.is_file() and self.card_path.is_file()

    def read_card(self) -> dict[str, Any]:
        """Return the card, of which the file has the sha256.

        Raises
        ------
        PotentialError
            If it was not fetched, the card is unreadable, or the file is another than was fetched.
        """
        again = f"run `aiida-hpaint models fetch {self.name}`"
        if not self.is_fetched:
            raise PotentialError(
                f"potential {self.name} is not on this machine ({self.path}): {again}"
            )
        try:
            card: dict[str, Any] = json.loads(self.card_path.read_text("utf-8"))
            wanted = card["sha256"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PotentialError(
                f"{self.card_path} is no card of a potential ({error}): delete it and {again}"
            ) from error
        if hash_file(self.path) != wanted:
            raise PotentialError(
                f"{self.path} does not have the sha256 of its card ({wanted[:12]}...): delete it "
                f"and {again}"
            )
        return card


def _nequip(name: str, model: str, about: str) -> PublishedPotential:
    return PublishedPotential(
        name=name,
        kind="nequip",
        about=about,
        source=f"nequip.net:mir-group/{model}:0.1",
        suffix=".nequip.zip",
        licence="see the page of the model",
        citation="Batzner et al., Nat. Commun. 13, 2453 (2022), doi:10.1038/s41467-022-29939-5, "
        "and what the page of the model names",
        page=f"https://www.nequip.net/models/mir-group/{model}:0.1",
    )


def _mace(name: str, release: str, file: str, about: str) -> PublishedPotential:
    repository = "https://github.com/ACEsuit/mace-foundations"
    return PublishedPotential(
        name=name,
        kind="mace",
        about=about,
        source=f"{repository}/releases/download/{release}/{file}",
        suffix=".model",
        licence="MIT",
        citation="Batatia et al., arXiv:2401.00096",
        page=f"{repository}/releases/tag/{release}",
    )


PUBLISHED_POTENTIALS = {
    potential.name: potential
    for potential in (
        _nequip("nequip-oam-l", "NequIP-OAM-L", "NequIP-OAM-L 0.1: OMat24, sAlex and MPtrj, PBE"),
        _nequip("nequip-oam-xl", "NequIP-OAM-XL", "NequIP-OAM-XL 0.1: slower, more accurate"),
        _mace(
            "mace-mpa-0",
            "mace_mpa_0",
            "mace-mpa-0-medium.model",
            "MACE-MPA-0 (medium): MPtrj and sAlex, PBE",
        ),
        _mace(
            "mace-mp-0b3",
            "mace_mp_0b3",
            "mace-mp-0b3-medium.model",
            "MACE-MP-0b3 (medium): MPtrj, PBE",
        ),
    )
}
"""Published potentials by name, recommended ones first."""
