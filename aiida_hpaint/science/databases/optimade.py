"""Client of OPTIMADE, the common interface of databases of materials, for their structures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from aiida_hpaint.science.databases.documents import Document
from aiida_hpaint.science.databases.findings import Filters
from aiida_hpaint.science.structures.safe_text import make_safe_name

__all__ = ["Optimade", "OptimadeError"]

SHORT_NAME = "optimade:"
"""What precedes the short name of a provider, such as `optimade:cod`."""

_FIELDS = (
    "chemical_formula_descriptive",
    "chemical_formula_reduced",
    "lattice_vectors",
    "dimension_types",
    "cartesian_site_positions",
    "species",
    "species_at_sites",
    "assemblies",
    "structure_features",
    "last_modified",
)
"""Properties that are asked for; without a list, a provider leaves out what it likes."""

_TIMEOUT = (20, 120)
"""Seconds to connect, and between two packets: some providers compute a page on request."""

_RETRIES = Retry(
    total=5,
    connect=2,
    backoff_factor=1.0,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=("GET",),
    raise_on_status=False,
)


class OptimadeError(ValueError):
    """Error of a provider, or an answer that is not OPTIMADE."""


@dataclass
class Optimade:
    """The structures of a provider that a filter selects.

    Attributes
    ----------
    address
        Base URL of the provider, or its short name in pymatgen, such as `optimade:cod`.
    filter
        Filter in the language of OPTIMADE; empty for all structures.
    page_limit
        Number of structures that are asked for at once.
    announced
        Number of structures that the provider announces; 0 before the first page, and where it
        does not say.
    """

    address: str
    filter: str = ""
    page_limit: int = 100
    announced: int = 0

    @classmethod
    def find(cls, address: str, given: str, filters: Filters) -> Optimade:
        """Return the structures of interest, selected by the provider as far as it can.

        The number of sites is not asked for, since it does not count those that are missing. Nor
        is hydrogen, which may be in the formula only: providers disagree on whether that counts.
        """
        wanted = ", ".join(f'"{each}"' for each in sorted(filters.elements - {"H"}))
        parts = [f"({given})"] if given else []
        parts += [f"(elements HAS ALL {wanted})"] if wanted else []
        return cls(address, " AND ".join(parts))

    def iter_documents(self) -> Iterator[Document]:
        """Yield each structure as a JSON document, page by page, in the order of the provider.

        Raises
        ------
        OptimadeError
            If the provider cannot be reached, refuses the filter, or answers something else.
        """
        url: str | None = _find_endpoint(self.address)
        query: dict[str, Any] | None = {
            "response_fields": ",".join(_FIELDS),
            "page_limit": self.page_limit,
            "response_format": "json",
            **({"filter": self.filter} if self.filter else {}),
        }
        seen = set()
        with requests.Session() as session:
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=_RETRIES))
            while url is not None:
                if url in seen:
                    raise OptimadeError(
                        f"{url}: the provider gives this page as the next one again"
                    )
                seen.add(url)
                page = _get_page(session, url, query)
                self.announced = _read_announced(page) or self.announced
                for entry in page["data"]:
                    yield _make_document(self.address, entry)
                url, query = _find_next(url, page), None


def _find_endpoint(address: str) -> str:
    """Return the URL of the structures of a provider."""
    if address.startswith(SHORT_NAME):
        from pymatgen.ext.optimade import OptimadeRester

        known = OptimadeRester.aliases
        name = address.removeprefix(SHORT_NAME)
        if name not in known:
            raise OptimadeError(
                f"{address}: no provider has this short name: give its base URL, or one of "
                f"{', '.join(sorted(known))}"
            )
        address = known[name]
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise OptimadeError(f"{address}: it is no address that begins with https:// or http://")
    path = parts.path.rstrip("/")
    if not path.endswith("/structures"):
        path += "/structures" if path.rsplit("/", 1)[-1].startswith("v1") else "/v1/structures"
    return parts._replace(path=path, fragment="").geturl()


def _get_page(
    session: requests.Session, url: str, query: Mapping[str, Any] | None
) -> dict[str, Any]:
    try:
        answer = session.get(url, params=query, timeout=_TIMEOUT)
    except requests.RequestException as error:
        raise OptimadeError(f"{url}: the provider cannot be reached ({error})") from None
    try:
        page = answer.json()
    except ValueError:
        page = None
    if isinstance(page, dict) and page.get("errors"):
        details = "; ".join(str(each.get("detail", each)) for each in page["errors"])
        raise OptimadeError(f"{url}: the provider refuses: {details}")
    if not answer.ok or not isinstance(page, dict) or not isinstance(page.get("data"), list):
        raise OptimadeError(
            f"{url}: the answer is no OPTIMADE list of structures (status {answer.status_code}): "
            "give the base URL of a provider of the database itself, not of an index"
        )
    return page


def _read_announced(page: Mapping[str, Any]) -> int:
    count = (page.get("meta") or {}).get("data_returned")
    return count if isinstance(count, int) else 0


def _find_next(url: str, page: Mapping[str, Any]) -> str | None:
    link = (page.get("links") or {}).get("next")
    link = link.get("href") if isinstance(link, dict) else link
    if not link:
        return None
    following = urljoin(url, str(link))
    if urlsplit(following).scheme not in ("http", "https"):
        raise OptimadeError(f"{url}: the next page has the address {following}, which is not HTTP")
    return following


def _make_document(address: str, entry: Any) -> Document:
    name = str(entry.get("id", "")) if isinstance(entry, dict) else ""
    return Document(
        f"{address.rstrip('/')} {name}".strip(),
        None,
        json.dumps({"data": entry}).encode(),
        f"{make_safe_name(name or 'entry')}.json",
    )
