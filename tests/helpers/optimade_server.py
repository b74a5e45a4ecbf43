"""An OPTIMADE provider on this machine, with pages of structures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Provider:
    """A provider and what it was asked.

    Attributes
    ----------
    entries
        All its structures.
    page_size
        Number of structures of a page.
    failures
        Status of the answers to the first requests for structures.
    links
        How it writes the next page: "text", "object" or "same" (by mistake, the page itself).
    queries
        Queries so far.
    """

    entries: Sequence[dict[str, Any]]
    page_size: int = 2
    failures: list[int] = field(default_factory=list)
    links: str = "text"
    queries: list[dict[str, list[str]]] = field(default_factory=list)
    address: str = ""

    def answer(self, path: str) -> tuple[int, Any]:
        """Return status and content of the answer to a request."""
        parts = urlsplit(path)
        if parts.path == "/v1/info":
            about = {"name": "test", "description": "test", "homepage": None, "prefix": "test"}
            return 200, {"meta": {"provider": about}, "data": {}}
        if parts.path != "/v1/structures":
            return 404, "nothing here"
        if self.failures:
            return self.failures.pop(0), "busy"
        query = parse_qs(parts.query)
        self.queries.append(query)
        if "nonsense" in query.get("filter", [""])[0]:
            return 400, {"errors": [{"detail": "nonsense is no filter"}]}
        start = int(query.get("page_offset", ["0"])[0])
        end = start + self.page_size
        following: Any = None
        if end < len(self.entries):
            offset = start if self.links == "same" else end
            following = f"{self.address}/v1/structures?page_offset={offset}"
            following = {"href": following} if self.links == "object" else following
        return 200, {
            "data": self.entries[start:end],
            "meta": {"data_returned": len(self.entries)},
            "links": {"next": following},
        }


@contextmanager
def serve(provider: Provider) -> Iterator[str]:
    """Answer requests while the context lasts; yields the base URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = provider.answer(self.path)
            body = (
                json.dumps(content).encode() if not isinstance(content, str) else content.encode()
            )
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider.address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_entry(name: str, **changes: Any) -> dict[str, Any]:
    """Return brucite without its hydrogen as an entry, with some attributes changed."""
    attributes = {
        "lattice_vectors": [[3.15, 0, 0], [-1.575, 2.728, 0], [0, 0, 4.77]],
        "dimension_types": [1, 1, 1],
        "cartesian_site_positions": [[0, 0, 0], [0, 1.8187, 1.0494], [1.575, 0.9093, 3.7206]],
        "species": [
            {"name": "Mg", "chemical_symbols": ["Mg"], "concentration": [1.0]},
            {"name": "O", "chemical_symbols": ["O"], "concentration": [1.0]},
        ],
        "species_at_sites": ["Mg", "O", "O"],
        "chemical_formula_reduced": "H2MgO2",
        "chemical_formula_descriptive": "Mg (O H)2",
        "structure_features": ["implicit_atoms"],
        "last_modified": "2020-01-01T00:00:00Z",
    }
    return {"id": name, "type": "structures", "attributes": {**attributes, **changes}}
