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
        Address of the file, or `nequip.net:GROUP/MODEL:VERSION`.
    revision : string
        What fixes the version of the file: a commit, tag or version in its address. "not pinned"
        where the authors may replace the file at this address.
    suffix : string
        End of the file's name.
    licence, citation, page : strings
        Licence of the weights, the paper to cite, and the page that describes the model.
    sha256 : string
        sha256 of the file, if known; else the first download is trusted, and each later one has to
        be identical.
    functional : string
        Density functional of the training data, by its name for dispersion corrections.
    """

    name: str
    kind: str
    about: str
    source: str
    revision: str
    suffix: str
    licence: str
    citation: str
    page: str
    sha256: str = ""
    functional: str = "pbe"

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
        revision="version 0.1",
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
        revision=f"release {release}",
        suffix=".model",
        licence="MIT",
        citation="Batatia et al., arXiv:2401.00096",
        page=f"{repository}/releases/tag/{release}",
    )


def _nequix(name: str, commit: str, about: str, citation: str) -> PublishedPotential:
    repository = "https://github.com/atomicarchitects/nequix"
    return PublishedPotential(
        name=name,
        kind="nequix",
        about=about,
        source=f"{repository}/raw/{commit}/models/{name}.nqx",
        revision=f"commit {commit[:12]}",
        suffix=".nqx",
        licence="MIT",
        citation=citation,
        page=repository,
    )


def _orb(name: str, date: str, about: str) -> PublishedPotential:
    bucket = "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com"
    return PublishedPotential(
        name=name,
        kind="orb",
        about=about,
        source=f"{bucket}/forcefields/orb-v3/{name}-{date}.ckpt",
        revision=f"the file of {date}",
        suffix=".ckpt",
        licence="Apache-2.0",
        citation="Rhodes et al., arXiv:2504.06231",
        page="https://github.com/orbital-materials/orb-models",
    )


def _mattersim(name: str, file: str, about: str) -> PublishedPotential:
    return PublishedPotential(
        name=name,
        kind="mattersim",
        about=about,
        source="https://raw.githubusercontent.com/microsoft/mattersim/main/pretrained_models/"
        f"{file}",
        revision="not pinned: the branch main",
        suffix=".pth",
        licence="MIT",
        citation="Yang et al., arXiv:2405.04967",
        page="https://github.com/microsoft/mattersim",
    )


def _grace(name: str, model: str, tag: str, about: str) -> PublishedPotential:
    repository = "https://huggingface.co/AMS-ICAMS-RUB/grace-foundation-models"
    return PublishedPotential(
        name=name,
        kind="grace",
        about=about,
        source=f"{repository}/resolve/{tag}/models/{model}-model.tar.gz",
        revision=f"tag {tag}",
        suffix=".tar.gz",
        licence="Academic Software License: not for commercial use",
        citation="Bochkarev, Lysogorskiy and Drautz, Phys. Rev. X 14, 021036 (2024)",
        page=repository,
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
        PublishedPotential(
            name="sevennet-omni",
            kind="sevennet",
            about="SevenNet-Omni: many data sets; energies like those of MPtrj and sAlex, PBE",
            source="https://github.com/MDIL-SNU/SevenNet/releases/download/v0.12.0.cp/"
            "checkpoint_sevennet_omni.pth",
            revision="release v0.12.0.cp",
            suffix=".pth",
            licence="MIT",
            citation="Kim et al., Nat. Commun. 17, 3432 (2026), doi:10.1038/s41467-026-70195-8",
            page="https://github.com/MDIL-SNU/SevenNet",
        ),
        _nequix(
            "nequix-mp-1",
            "7c2854de8e754b1a60274c7d9d2e014989ed632e",
            "Nequix MP-1: MPtrj, PBE; small and fast",
            "Koker, Kotak and Smidt, arXiv:2508.16067",
        ),
        _nequix(
            "nequix-oam-1",
            "9c852a9c4cce69ae5e75bc5a2cf670be21ff8c28",
            "Nequix OAM-1: OMat24, sAlex and MPtrj, PBE",
            "Koker, Kotak and Smidt, arXiv:2508.16067 and arXiv:2601.07742",
        ),
        _orb("orb-v3-conservative-inf-omat", "20250404", "Orb v3, all neighbours: OMat24, PBE"),
        _orb("orb-v3-conservative-20-omat", "20250404", "Orb v3, 20 neighbours: OMat24, PBE"),
        _orb(
            "orb-v3-conservative-inf-mpa",
            "20250404",
            "Orb v3, all neighbours: MPtrj and sAlex, PBE",
        ),
        _mattersim(
            "mattersim-v1-1m", "mattersim-v1.0.0-1M.pth", "MatterSim 1.0.0, small: Microsoft, PBE"
        ),
        _mattersim(
            "mattersim-v1-5m", "mattersim-v1.0.0-5M.pth", "MatterSim 1.0.0, large: Microsoft, PBE"
        ),
        _grace("grace-2l-omat", "GRACE-2L-OMAT", "kk", "GRACE-2L: OMat24, PBE"),
        _grace(
            "grace-2l-oam-l",
            "GRACE-2L-OMAT-large-ft-AM",
            "model-v5-uq-v6",
            "GRACE-2L, large: OMat24, sAlex and MPtrj, PBE",
        ),
        PublishedPotential(
            name="pet-mad-s-v1.6.0",
            kind="pet",
            about="PET-MAD 1.6.0, small: crystals, surfaces and molecules, r2SCAN",
            source="https://huggingface.co/lab-cosmo/upet/resolve/main/models/"
            "pet-mad-s-v1.6.0.ckpt",
            revision="not pinned: version 1.6.0 in the branch main",
            suffix=".ckpt",
            licence="BSD-3-Clause",
            citation="Malosso et al., arXiv:2603.02089",
            page="https://huggingface.co/lab-cosmo/upet",
            functional="r2scan",
        ),
    )
}
"""Published potentials by name, recommended ones first."""
