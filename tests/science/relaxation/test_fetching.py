from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from aiida_hpaint.science.relaxation import PotentialError
from aiida_hpaint.science.relaxation.potentials import fetching, find_fetched_file, find_potential
from aiida_hpaint.science.relaxation.potentials.fetching import fetch_potential
from aiida_hpaint.science.relaxation.potentials.published import PUBLISHED_POTENTIALS
from aiida_hpaint.science.settings import PotentialSettings

NAME = "nequip-oam-l"
CONTENT = b"weights"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIIDA_HPAINT_MODELS", str(tmp_path / "models"))
    return tmp_path / "models" / "potentials"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """A stand-in for nequip.net: content by path; it also notes what was asked for."""
    found: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = found.get(self.path)
            self.send_response(404 if content is None else 200)
            self.end_headers()
            self.wfile.write(content or b"")

        def log_message(self, *_: Any) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=listening.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{listening.server_port}"
    monkeypatch.setenv(fetching.API_VARIABLE, address)
    answer = {"artifact": {"downloadUrl": f"{address}/file.nequip.zip"}}
    found["/api/models/download/mir-group%2FNequIP-OAM-L%3A0.1"] = json.dumps(answer).encode()
    found["/file.nequip.zip"] = CONTENT
    yield found
    listening.shutdown()
    listening.server_close()


def test_the_first_fetch_is_what_later_ones_have_to_be(
    server: dict[str, bytes], folder: Path
) -> None:
    said: list[str] = []
    card = fetch_potential(NAME, report=said.append)
    assert card["sha256"] == SHA256
    assert card["source"] == "nequip.net:mir-group/NequIP-OAM-L:0.1"
    assert card["licence"]
    assert "file.nequip.zip" in said[0]
    assert (folder / "nequip-oam-l.nequip.zip").read_bytes() == CONTENT

    server.clear()  # what is there is not fetched again
    assert fetch_potential(NAME) == card
    with pytest.raises(PotentialError, match=f"has the sha256 {SHA256}, but 0+ was expected"):
        fetch_potential(NAME, "0" * 64)


def test_another_file_than_the_first_is_refused(server: dict[str, bytes], folder: Path) -> None:
    fetch_potential(NAME)
    path = folder / "nequip-oam-l.nequip.zip"
    path.unlink()
    server["/file.nequip.zip"] = b"other weights"
    with pytest.raises(PotentialError, match="Find out why before you use it"):
        fetch_potential(NAME)
    assert [one.name for one in folder.iterdir()] == ["nequip-oam-l.json"]


def test_without_a_network_the_message_names_the_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fetching.API_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(PotentialError) as failed:
        fetch_potential(NAME)
    text = str(failed.value)
    assert "could not fetch nequip.net:mir-group/NequIP-OAM-L:0.1 (ConnectionError" in text
    assert "models fetch nequip-oam-l --file FILE" in text
    assert PUBLISHED_POTENTIALS[NAME].page in text


@pytest.mark.parametrize(("path", "content"), [("/file.nequip.zip", None), ("", b"{}")])
def test_an_answer_that_is_none_leaves_nothing(
    server: dict[str, bytes], folder: Path, path: str, content: bytes | None
) -> None:
    api = next(iter(server))
    if content is None:
        del server[path]
    else:
        server[api] = content
    with pytest.raises(PotentialError, match="could not fetch"):
        fetch_potential(NAME)
    assert not list(folder.iterdir())


def test_a_file_from_elsewhere(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "downloaded.zip").write_bytes(CONTENT)
    card = fetch_potential("mace-mpa-0", SHA256, file=tmp_path / "downloaded.zip")
    assert (card["from"], card["sha256"]) == ("downloaded.zip", SHA256)
    assert (folder / "mace-mpa-0.model").read_bytes() == CONTENT
    with pytest.raises(PotentialError, match=r"cannot read .*nowhere"):
        fetch_potential("mace-mpa-0", file=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "sha256", "message"),
    [("nequip-oam-s", None, "choose from nequip-oam-l"), (NAME, "12", "is not a sha256")],
)
def test_wrong_requests(name: str, sha256: str | None, message: str) -> None:
    with pytest.raises(PotentialError, match=message):
        fetch_potential(name, sha256)


def test_the_name_finds_the_file(tmp_path: Path, folder: Path) -> None:
    settings = PotentialSettings(name=NAME)
    assert find_potential(NAME).is_published
    with pytest.raises(PotentialError, match="models fetch nequip-oam-l"):
        find_fetched_file(settings)
    (tmp_path / "file").write_bytes(CONTENT)
    fetch_potential(NAME, file=tmp_path / "file")
    found = find_fetched_file(settings)
    assert (found.model, found.trust) == (str(folder / "nequip-oam-l.nequip.zip"), True)
    sent = PotentialSettings(name=NAME, model="sent.nequip.zip")
    assert find_fetched_file(sent) is sent

    Path(found.model or "").write_bytes(b"changed")
    with pytest.raises(PotentialError, match="does not have the sha256 of its card"):
        find_fetched_file(settings)
    (folder / "nequip-oam-l.json").write_text("{")
    with pytest.raises(PotentialError, match="is no card of a potential"):
        find_fetched_file(settings)
