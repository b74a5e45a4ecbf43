"""The README of a publication."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from aiida_hpaint import __version__
from aiida_hpaint.publication.archive import ARCHIVE_FILE, Archive
from aiida_hpaint.queries.provenance_record import JobRecord

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
"""Where the text of licences is that the Materials Cloud Archive offers."""


@dataclass(frozen=True)
class PublicationDetails:
    """What an archive of publications asks, beside title and licence.

    Attributes
    ----------
    authors
        Names, with affiliations where there are any.
    description
        What the data are.
    keywords, references
        Words; papers, preprints and sites that belong to the data.
    """

    authors: tuple[str, ...] = ()
    description: str = ""
    keywords: tuple[str, ...] = ()
    references: tuple[str, ...] = ()


def format_readme(
    archive: Archive,
    folders: Mapping[str, tuple[str, str]],
    licence: str,
    title: str,
    about: PublicationDetails = PublicationDetails(),
    failed: Mapping[str, Sequence[str]] = {},
) -> str:
    """Markdown: what there is, how to read it again, what made it, licence and citation.

    Parameters
    ----------
    archive
        With its jobs and what is missing.
    folders
        Names of folders; of each what it holds and the UUID of its process.
    licence
        Of the data, like CC-BY-4.0.
    title
        Of the page, one line.
    about
        Authors and so on.
    failed
        What was not reached, by folder: see `shortfalls`.
    """
    sections = {
        **_about(about),
        "Files": _files(folders),
        "Read it again": _again(folders),
        "What made it": _made_by(archive),
        **_failed(failed),
        "What is missing": [f"- {gap}" for gap in archive.missing]
        or ["Nothing that was looked for."],
        "Licence": _licence(licence),
        "Citation": [*_record(about, title), *_citation(archive.jobs)],
    }
    parts = [f"# {_line(title)}"]
    parts += [f"## {name}\n\n" + "\n".join(lines) for name, lines in sections.items()]
    return "\n\n".join(parts) + "\n"


def _about(about: PublicationDetails) -> dict[str, list[str]]:
    """Sections of what is known."""
    listed = {"Authors": about.authors, "Keywords": about.keywords, "References": about.references}
    found = {name: [f"- {_line(one)}" for one in values] for name, values in listed.items()}
    found["Description"] = [_line(about.description)] if about.description else []
    order = ("Authors", "Description", "Keywords", "References")
    return {name: found[name] for name in order if found[name]}


def _failed(failed: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    lines = [f"- `{name}/`: {_line(line)}" for name, each in failed.items() for line in each]
    return {"What failed": lines} if lines else {}


def _licence(licence: str) -> list[str]:
    address = LICENCES.get(licence)
    where = f", {address}" if address else ""
    return [
        f"The data are under {_line(licence)}{where}.",
        "Pseudopotentials and weights of models keep the licences that they came with.",
    ]


def _record(about: PublicationDetails, title: str) -> list[str]:
    """How the data themselves are cited, once they have a DOI."""
    authors = f"{', '.join(_line(one) for one in about.authors)}, " if about.authors else ""
    return [
        "Please cite the data, with the DOI that they got where you have them from:",
        "",
        f"- {authors}*{_line(title)}*, Materials Cloud Archive",
        "",
        "and what they were made with:",
        "",
    ]


def _files(folders: Mapping[str, tuple[str, str]]) -> list[str]:
    lines = [f"- `{ARCHIVE_FILE}`: the provenance of everything, as an AiiDA archive"]
    return lines + [
        f"- `{name}/`: {what}, process {uuid}" for name, (what, uuid) in folders.items()
    ]


_LISTED = 20
"""Processes that still fit on a command line."""

_COMMANDS = {
    "restoration": "results {uuid} --output {name}",
    "benchmark": "benchmark --show {uuid} --output {name}",
    "validation": "validate --show {uuid} --output {name}",
}


def _again(folders: Mapping[str, tuple[str, str]]) -> list[str]:
    lines = [
        "```console",
        f"$ pip install aiida-hpaint=={__version__}",
        "$ aiida-hpaint setup",
        f"$ verdi archive import {ARCHIVE_FILE}",
    ]
    for name, (what, uuid) in folders.items():
        if what in _COMMANDS:
            lines.append(f"$ aiida-hpaint {_COMMANDS[what].format(uuid=uuid, name=name)}")
    if 0 < len(folders) <= _LISTED:
        uuids = " ".join(uuid for _, uuid in folders.values())
        lines.append(f"$ aiida-hpaint export {uuids} --output again     # all of it")
    lines += ["```", "", "The tables and structures are the same byte for byte."]
    return [*lines, "Any structure of the archive: `aiida-hpaint provenance UUID`."]


def _made_by(archive: Archive) -> list[str]:
    jobs = archive.jobs
    found = [("version of aiida-hpaint", _versions(jobs)), ("model", _models(jobs))]
    found += [("weights", (f"{name} sha256 {sha256}" for name, sha256 in archive.weights))]
    found += [("computer", (job.computer or "" for job in jobs))]
    found += [("code", (job.code or "" for job in jobs))]
    found += [("pseudopotential", _pseudopotentials(jobs))]
    lines = [f"{len(jobs)} jobs.", ""]
    for name, values in found:
        lines += [f"- {name}: `{_code(value)}`" for value in sorted({*values}) if value]
    return lines


def _versions(jobs: Sequence[JobRecord]) -> Iterator[str]:
    return (str(job.identity.get("version", "")) for job in jobs)


def _models(jobs: Sequence[JobRecord]) -> Iterator[str]:
    for job in jobs:
        model = job.identity.get("model", {})
        package = [str(model[key]) for key in ("package", "package_version") if model.get(key)]
        sha256 = [f"sha256 {model['sha256']}"] if model.get("sha256") else []
        yield " ".join([str(model.get("name", "")), *package, *sha256])


def _pseudopotentials(jobs: Sequence[JobRecord]) -> Iterator[str]:
    for job in jobs:
        for element, pseudo in job.pseudopotentials.items():
            yield f"{element}: {pseudo['filename']} MD5 {pseudo['md5']}"


def _citation(jobs: Sequence[JobRecord]) -> list[str]:
    by_dft = any(job.pseudopotentials for job in jobs)
    papers: Iterable[str] = [METHOD, AIIDA, *([ESPRESSO] if by_dft else [])]
    more = "the pseudopotentials, " if by_dft else ""
    return [
        *(f"- {paper}" for paper in papers),
        f"- aiida-hpaint {__version__}",
        "",
        f"Beside these, please cite {more}the models and the potentials named above "
        "(`aiida-hpaint models list`).",
    ]


def _line(text: str) -> str:
    """Text of others as one line, in which nothing is markup."""
    plain = "".join(char if char.isprintable() else " " for char in text)
    return "".join(f"\\{char}" if char in _MARKUP else char for char in plain).strip()


def _code(text: str) -> str:
    return "".join(char if char.isprintable() and char != "`" else " " for char in text)


_MARKUP = frozenset("\\`*_[]<>&#|!")
