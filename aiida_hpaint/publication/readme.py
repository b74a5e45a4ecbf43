"""README of a publication."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiida_hpaint import __version__
from aiida_hpaint.publication.archive import ARCHIVE_FILE, Archive
from aiida_hpaint.queries.provenance_record import JobRecord
from aiida_hpaint.science.wording import format_count

__all__ = ["PublicationDetails", "format_readme"]

METHOD = (
    "T. Reents, A. Cantarella, M. Bercx, P. Bonfà and G. Pizzi, *Score-based diffusion models for "
    "accurate crystal-structure inpainting and reconstruction of hydrogen positions*, "
    "npj Comput. Mater. **12**, 203 (2026), arXiv:2601.01959"
)
AIIDA = "S. P. Huber *et al.*, *AiiDA 1.0*, Sci. Data **7**, 300 (2020)"
ESPRESSO = (
    "P. Giannozzi *et al.*, *Advanced capabilities for materials modelling with Quantum ESPRESSO*, "
    "J. Phys.: Condens. Matter **29**, 465901 (2017)"
)


LICENCES = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC-BY-SA-4.0": "https://creativecommons.org/licenses/by-sa/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "MIT": "https://opensource.org/license/mit",
}
"""URLs of the licences that the Materials Cloud Archive offers."""


_NO_LICENCE = "No licence has been chosen yet: state it here before you publish the data."


@dataclass(frozen=True)
class PublicationDetails:
    """Metadata of a publication beside title and licence, as the Materials Cloud Archive asks for.

    Attributes
    ----------
    authors
        Names, with affiliations if known.
    description
        Description of the data.
    keywords, references
        Keywords; papers, preprints and web sites that belong to the data.
    """

    authors: tuple[str, ...] = ()
    description: str = ""
    keywords: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


def format_readme(
    archive: Archive,
    folders: Mapping[str, tuple[str, str]],
    licence: str | None,
    title: str,
    about: PublicationDetails = PublicationDetails(),
    failed: Mapping[str, Sequence[str]] = {},
) -> str:
    """Return a README in Markdown: files, how to reproduce them, software, licence and citation.

    Parameters
    ----------
    archive
        Checked archive.
    folders
        Kind and UUID of the process of each folder, by its name.
    licence
        Licence of the data, like CC-BY-4.0; None: the README asks for one.
    title
        Title, one line.
    about
        Authors and other metadata.
    failed
        Missing results of each folder, see `list_missing_results`.
    """
    failures = [f"- `{name}/`: {_line(line)}" for name, each in failed.items() for line in each]
    missing = ["Completeness check: failed.", "", *(f"- {gap}" for gap in archive.missing)]
    files = [f"- `{ARCHIVE_FILE}`: AiiDA archive with the complete provenance"]
    files += [f"- `{name}/`: {kind}, process {uuid}" for name, (kind, uuid) in folders.items()]
    sections = {
        **_format_about(about),
        "Files": files,
        "Reproducing the files": _list_commands(folders),
        "Software and models": _list_software(archive),
        **({"Failures": failures} if failures else {}),
        "Completeness": missing if archive.missing else ["Completeness check: passed."],
        "Licence": _format_licence(licence),
        "Citation": [*_cite_data(about, title), *_list_papers(archive.jobs)],
    }
    parts = [f"# {_line(title)}"]
    parts += [f"## {name}\n\n" + "\n".join(lines) for name, lines in sections.items()]
    return "\n\n".join(parts) + "\n"


def _format_about(about: PublicationDetails) -> dict[str, list[str]]:
    """Return the sections of the metadata that are given."""
    listed = {"Authors": about.authors, "Keywords": about.keywords, "References": about.references}
    found = {name: [f"- {_line(one)}" for one in values] for name, values in listed.items()}
    found["Description"] = [_line(about.description)] if about.description else []
    order = ("Authors", "Description", "Keywords", "References")
    return {name: found[name] for name in order if found[name]}


def _format_licence(licence: str | None) -> list[str]:
    address = LICENCES.get(licence or "")
    where = f", {address}" if address else ""
    chosen = f"The data are licensed under {_line(licence)}{where}." if licence else _NO_LICENCE
    return [
        chosen,
        "Pseudopotentials and weights of models keep their own licences.",
    ]


def _cite_data(about: PublicationDetails, title: str) -> list[str]:
    """Return how the data themselves are cited, once they have a DOI."""
    authors = f"{', '.join(_line(one) for one in about.authors)}, " if about.authors else ""
    return [
        "Please cite the data with their DOI:",
        "",
        f"- {authors}*{_line(title)}*, Materials Cloud Archive",
        "",
        "and the methods and programs:",
        "",
    ]


_MAX_UUIDS = 20
"""Largest number of UUIDs in the command that repeats the export."""

_COMMANDS = {
    "restoration": "results {uuid} --output {name}",
    "benchmark": "benchmark --show {uuid} --output {name}",
    "validation": "validate --show {uuid} --output {name}",
}


def _list_commands(folders: Mapping[str, tuple[str, str]]) -> list[str]:
    lines = [
        "```console",
        f"$ pip install .        # in a checkout of aiida-hpaint {__version__}",
        "$ aiida-hpaint setup",
        f"$ verdi archive import {ARCHIVE_FILE}",
    ]
    for name, (what, uuid) in folders.items():
        if what in _COMMANDS:
            lines.append(f"$ aiida-hpaint {_COMMANDS[what].format(uuid=uuid, name=name)}")
    if 0 < len(folders) <= _MAX_UUIDS:
        uuids = " ".join(uuid for _, uuid in folders.values())
        lines.append(f"$ aiida-hpaint export {uuids} --output again     # all folders")
    lines += ["```", "", "Tables and structures are reproduced byte for byte."]
    return [
        *lines,
        "`aiida-hpaint provenance UUID` shows how any structure of the archive was obtained.",
    ]


def _list_software(archive: Archive) -> list[str]:
    found: set[tuple[str, str]] = set()
    for job in archive.jobs:
        model = job.identity.get("model", {})
        keys = ("name", "package", "package_version")
        described = [str(model[key]) for key in keys if model.get(key)]
        described += [f"sha256 {model['sha256']}"] if model.get("sha256") else []
        found |= {
            ("version of aiida-hpaint", str(job.identity.get("version", ""))),
            ("model", " ".join(described)),
            ("computer", job.computer or ""),
            ("code", job.code or ""),
        }
        for element, pseudo in job.pseudopotentials.items():
            text = f"{element}: {pseudo['filename']} MD5 {pseudo['md5']}"
            found.add(("pseudopotential", text))
    found |= {("weights", f"{name} sha256 {sha256}") for name, sha256 in archive.weights}
    order = ("version of aiida-hpaint", "model", "weights", "computer", "code", "pseudopotential")
    listed = sorted((order.index(kind), kind, text) for kind, text in found if text)
    lines = [f"- {kind}: `{_code(text)}`" for _, kind, text in listed]
    return [f"{format_count(archive.job_count, 'job')}.", "", *lines]


def _list_papers(jobs: Sequence[JobRecord]) -> list[str]:
    by_dft = any(job.pseudopotentials for job in jobs)
    papers: Iterable[str] = [METHOD, AIIDA, *([ESPRESSO] if by_dft else [])]
    more = "the pseudopotentials, " if by_dft else ""
    return [
        *(f"- {paper}" for paper in papers),
        f"- aiida-hpaint {__version__}",
        "",
        f"Please also cite {more}the models and the potentials named above "
        "(`aiida-hpaint models list`).",
    ]


def _line(text: str) -> str:
    """Return untrusted text as one line, with all markup escaped."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return "".join(f"\\{char}" if char in _MARKUP else char for char in plain).strip()


def _code(text: str) -> str:
    """Return untrusted text for an inline code span."""
    return "".join(char if char.isprintable() and char != "`" else " " for char in text)


_MARKUP = frozenset("\\`*_[]<>&#|!")
