"""A server that answers as the Hugging Face hub does when files are downloaded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Hub:
    """Repositories by name, their revisions by branch or commit, and files by path.

    `requests` lists what was asked for; files are large ones, named by their sha256, if they end
    in `.ckpt`.
    """

    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    commits: dict[tuple[str, str], dict[str, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    corrupt: bool = False
    url: str = ""

    def publish(self, repo: str, files: dict[str, bytes]) -> str:
        """Add a commit to the main branch of a repository; returns its hash."""
        content = b"".join(name.encode() + data for name, data in sorted(files.items()))
        commit = hashlib.sha1(content).hexdigest()
        self.branches.setdefault(repo, {})["main"] = commit
        self.commits[repo, commit] = files
        return commit

    def find(self, path: str) -> tuple[str, bytes] | str:
        """Commit and content of a file, or the code of an error."""
        repo, found, rest = path.lstrip("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        if not found or repo not in self.branches:
            return "RepoNotFound"
        commit = self.branches[repo].get(revision, revision)
        if (repo, commit) not in self.commits:
            return "RevisionNotFound"
        files = self.commits[repo, commit]
        return (commit, files[name]) if name in files else "EntryNotFound"

    def __enter__(self) -> Hub:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                self.answer(with_content=False)

            def do_GET(self) -> None:
                self.answer(with_content=True)

            def answer(self, with_content: bool) -> None:
                hub.requests.append(f"{self.command} {self.path}")
                found = hub.find(self.path)
                if isinstance(found, str):
                    self.send_response(404)
                    self.send_header("X-Error-Code", found)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                commit, data = found
                large = self.path.endswith(".ckpt")
                digest = hashlib.sha256 if large else hashlib.sha1
                self.send_response(200)
                self.send_header("X-Repo-Commit", commit)
                self.send_header("ETag", f'"{digest(data).hexdigest()}"')
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                if with_content:
                    self.wfile.write(data[:-1] + b"!" if hub.corrupt and large else data)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
