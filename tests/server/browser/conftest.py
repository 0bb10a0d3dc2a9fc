"""A real browser, and a server that it looks at; both are started once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: Nothing but our server is asked for anything, by the browser itself either.
_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def wait_until(page: Page, expression: str) -> None:
    """Wait until an expression is true; Playwright's own way is refused by the page's policy."""
    for _ in range(150):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {expression}")


@dataclass(frozen=True)
class Servers:
    """Where the servers are reached."""

    filled: str
    empty: str
    locked: str


@dataclass
class Watched:
    """What a page did that nobody may overlook.

    Attributes:
        requests: Addresses that it asked for.
        trouble: What it wrote to the console, and errors that nothing caught.
        refused: Statuses of refusals that are expected; the browser notes each on the console.
    """

    requests: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    refused: tuple[int, ...] = ()

    def told(self, text: str) -> None:
        """Note what the console shows."""
        if not any(f"responded with a status of {each} " in text for each in self.refused):
            self.trouble.append(text)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: pip install 'longembed-rag[browser]'"
    )
    found = os.environ.get("LONGEMBED_TEST_BROWSER") or next(
        filter(None, map(shutil.which, _NAMES)), None
    )
    if found is None:
        pytest.skip(
            "there is no Chromium: apt-get install chromium, or LONGEMBED_TEST_BROWSER=path"
        )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def servers(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A server of some documents, one of none, and one that wants a key and takes nothing."""
    folder = tmp_path_factory.mktemp("served")
    command = [sys.executable, "-m", "tests.server.browser.serving", str(folder)]
    log = folder / "log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Servers(*(f"http://127.0.0.1:{port}/" for port in json.loads(line)))
        finally:
            process.terminate()


@pytest.fixture
def watched() -> Watched:
    """What the page of a test did."""
    return Watched()


@pytest.fixture
def open_page(browser: Browser, watched: Watched) -> Iterator[Callable[..., Page]]:
    """``open_page(address, width=320, ...)``: a page with a history and storage of its own.

    At the end nothing may have gone anywhere else, or have been written to the console.
    """
    contexts = []

    def open_at(address: str, *, width: int = 1280, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: watched.requests.append(request.url))
        page.on("console", lambda message: watched.told(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: watched.told(f"error: {error}"))
        page.goto(address)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert watched.trouble == []
    assert watched.requests
    assert [each for each in watched.requests if not each.startswith("http://127.0.0.1:")] == []


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a file that can be read, and one that cannot."""
    (tmp_path / "whale.txt").write_text("A whale sings under the ice, and others answer it.\n")
    (tmp_path / "noise.bin").write_bytes(bytes(range(256)))
    return tmp_path
