"""List of published models that `aiida-hpaint models fetch` can download."""

from __future__ import annotations

from dataclasses import dataclass

from aiida_hpaint.science.diffusion.models.cards import CheckpointError
from aiida_hpaint.science.wording import suggest


@dataclass(frozen=True)
class PublishedModel:
    """A Lightning checkpoint and its configuration on the Hugging Face hub.

    Attributes
    ----------
    revision
        Branch, tag or commit of the first download; its commit is recorded on the card and used
        from then on.
    sha256
        sha256 of the checkpoint, if known; else the first download is trusted.
    """

    name: str
    about: str
    repo: str
    checkpoint: str
    config: str
    licence: str
    citation: str
    revision: str = "main"
    sha256: str = ""

    @property
    def page(self) -> str:
        """Address of the model's page."""
        return f"https://huggingface.co/{self.repo}"


_XTALPAINT = "Reents et al., npj Comput. Mater. 12, 203 (2026), doi:10.1038/s41524-026-02090-1"
_MATTERGEN = "Zeni et al., Nature 639, 624 (2025), doi:10.1038/s41586-025-08628-5"


def _xtalpaint(name: str, folder: str, about: str) -> PublishedModel:
    return PublishedModel(
        name=name,
        about=about,
        repo="t-reents/XtalPaint",
        checkpoint=f"{folder}/checkpoints/last.ckpt",
        config=f"{folder}/config.yaml",
        licence="MIT (of the XtalPaint repository; see the page of the model)",
        citation=f"{_XTALPAINT}; {_MATTERGEN}",
    )


def _mattergen(name: str, folder: str, about: str) -> PublishedModel:
    return PublishedModel(
        name=name,
        about=about,
        repo="microsoft/mattergen",
        checkpoint=f"checkpoints/{folder}/checkpoints/last.ckpt",
        config=f"checkpoints/{folder}/config.yaml",
        licence="MIT",
        citation=_MATTERGEN,
    )


PUBLISHED = {
    model.name: model
    for model in (
        _xtalpaint(
            "xtalpaint/td-pos-only",
            "TD-pos-only",
            "MatterGen's network retrained to inpaint positions, with a time for each site; "
            "the model recommended by its authors",
        ),
        _xtalpaint(
            "xtalpaint/pos-only",
            "pos-only",
            "MatterGen's network retrained for positions alone",
        ),
        _mattergen(
            "mattergen/base",
            "mattergen_base",
            "MatterGen's unconditional model, trained on Alex-MP-20",
        ),
        _mattergen(
            "mattergen/mp-20",
            "mp_20_base",
            "MatterGen's unconditional model, trained on MP-20",
        ),
    )
}
"""Published models by name, recommended ones first."""


def get_published_model(name: str) -> PublishedModel:
    """Return the published model of a name.

    Raises
    ------
    CheckpointError
        If there is none; the message lists all names.
    """
    if name in PUBLISHED:
        return PUBLISHED[name]
    raise CheckpointError(
        f"there is no published model '{name}' to fetch: choose from {', '.join(PUBLISHED)}"
        f"{suggest(name, PUBLISHED)}"
    )
