"""Reports in a real browser: no errors, a crystal on the canvas, nothing wider than a telephone.

Screenshots are kept in `build/screenshots`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from restorations import make_restoration

pytestmark = pytest.mark.slow

SCREENSHOTS = Path(__file__).parents[3] / "build" / "screenshots"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# WebGL by the processor: machines of the CI have no other.
OPTIONS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
HOSTILE = "a<b>&\"'<script>document.title='hacked'</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    assert path, "these tests need a browser: apt-get install chromium"
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    restoration = make_restoration(("diaspore", "lithium_hydroxide"), labels=("diaspore", HOSTILE))
    restoration.write_report(folder)
    return folder


def open_page(browser: Any, path: Path, width: int, problems: list[str]) -> Any:
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_default_timeout(120_000)  # for busy machines
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: problems.extend(find_remote(request.url)))
    page.goto(path.as_uri())
    return page


def find_remote(address: str) -> list[str]:
    return [] if address.startswith("file:") else [address]


def find_cut_tables(page: Any) -> Any:
    """Return the texts of tables that are wider than what shows them."""
    return page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth)"
        ".map(e => e.innerText)"
    )


def save(page: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def read_colours(page: Any) -> set[tuple[int, ...]]:
    from PIL import Image

    shot = page.locator("#crystal .stage").screenshot()
    pixels = np.asarray(Image.open(BytesIO(shot)).convert("RGB")).reshape(-1, 3)
    return {tuple(pixel) for pixel in pixels.tolist()}


def test_the_page_of_a_host(browser: Any, folder: Path) -> None:
    problems: list[str] = []
    page = open_page(browser, folder / "reports" / "diaspore.html", 1280, problems)
    page.wait_for_selector("#crystal.live")
    save(page, "host-1280")
    # White paper alone has one colour; balls have shades of several.
    assert len(read_colours(page)) > 200
    assert page.inner_text("#crystal .title").startswith("Candidate 1 of 3")
    page.click("button[data-step='1']")
    assert page.inner_text("#crystal .title").startswith("Candidate 2 of 3: +30.0")
    page.locator("tr[data-candidate='2']").click()
    assert page.get_attribute("#crystal", "data-shown") == "2"
    page.set_viewport_size({"width": 400, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    page.evaluate("document.querySelectorAll('details').forEach(e => e.open = true)")
    assert find_cut_tables(page) == []
    save(page, "host-400")
    assert problems == []
    page.close()


def test_the_index_sorts_filters_and_links(browser: Any, folder: Path) -> None:
    problems: list[str] = []
    page = open_page(browser, folder / "report.html", 400, problems)
    save(page, "index-400")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert find_cut_tables(page) == []
    assert "next above, meV/atom" in page.evaluate(
        "getComputedStyle(document.querySelectorAll('#hosts td')[4], '::before').content"
    )
    names = page.locator("tbody th a")
    assert names.all_inner_texts() == ["diaspore", HOSTILE]
    page.click("th button >> text=host")
    assert names.all_inner_texts() == [HOSTILE, "diaspore"]
    page.fill("#text", "diasp")
    assert page.locator("tbody tr:visible").count() == 1
    page.click("tbody a:visible")
    page.wait_for_selector("#crystal.live")
    assert page.title() == "diaspore: restored hydrogen"
    assert problems == []
    page.close()


def test_a_hostile_name_does_nothing(browser: Any, folder: Path) -> None:
    problems: list[str] = []
    (path,) = (one for one in (folder / "reports").glob("*.html") if one.stem != "diaspore")
    page = open_page(browser, path, 1280, problems)
    page.wait_for_selector("#crystal.live")
    assert page.title() == f"{HOSTILE}: restored hydrogen"
    assert problems == []
    page.close()


def test_a_page_without_its_viewer_shows_a_drawing(browser: Any, tmp_path: Path) -> None:
    make_restoration(("brucite", "portlandite")).write_report(tmp_path)
    shutil.move(tmp_path / "reports" / "brucite.html", tmp_path / "mailed.html")
    page = open_page(browser, tmp_path / "mailed.html", 1280, [])
    assert page.locator("#crystal .picture svg circle").first.is_visible()
    assert "3Dmol-min.js beside this page" in page.inner_text("#crystal .unseen")
    page.close()
