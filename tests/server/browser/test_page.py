"""The page in a real Chromium: what people do with it, and what documents must not do to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from tests.server.browser.conftest import wait_until
from tests.server.browser.serving import HOSTILE_NAME, KEY

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.server.browser.conftest import Servers, Watched

    Opening = Callable[..., Page]

pytestmark = pytest.mark.browser
LAMP = "#q=lamp+of+the+lighthouse"


def result(page: Page, name: str) -> Locator:
    return page.locator("li.result").filter(has=page.get_by_role("link", name=name))


def opened(page: Page) -> Locator:
    """The passage that the document is opened at."""
    page.locator(".passage.current").first.wait_for()
    page.locator(".stops button").first.wait_for()
    return page.locator(".passage.current").first


def place_of(element: Locator) -> float:
    box = element.bounding_box()
    assert box is not None
    return box["y"]


def require_in_sight(page: Page, selector: str = ".passage.current") -> None:
    """Ask in one go: what is found later is drawn anew, and an element held is then gone."""
    box = f"document.querySelector({selector!r}).getBoundingClientRect()"
    wait_until(page, f"{box}.height > 0 && {box}.top >= 0 && {box}.top < innerHeight")


def wait_for_hash(page: Page, pattern: str) -> None:
    page.wait_for_url(re.compile(pattern))


def test_typing_answers(open_page: Opening, servers: Servers) -> None:
    """The field has the focus, answers come without Enter, and words of the query are marked."""
    page = open_page(servers.filled)
    assert page.evaluate("document.activeElement.id") == "query"
    page.keyboard.type("lamp of the lighthouse")
    first = page.locator("li.result").first
    first.locator("mark", has_text="lamp").first.wait_for()
    assert "keeper" in first.inner_text()
    assert "Chapter" in first.locator(".place").first.inner_text()
    assert page.get_by_role("status").first.inner_text() == "6 documents, best first"
    assert first.get_by_role("img").get_attribute("aria-label").startswith("What speaks for it: ")
    widths = first.locator(".speaks i").evaluate_all("all => all.map(e => e.offsetWidth)")
    assert sum(widths) > 50
    wait_for_hash(page, "q=lamp.of.the.lighthouse")


def test_meaning_is_underlined(open_page: Opening, servers: Servers) -> None:
    """A document that says it in other words shows which."""
    page = open_page(f"{servers.filled}#q=insects+that+tell+of+flowers")
    bees = result(page, "bees.txt")
    bees.locator(".near").first.wait_for()
    assert bees.locator(".near").all_inner_texts() == ["Bees"]


def test_an_older_answer_never_replaces_a_newer_one(open_page: Opening, servers: Servers) -> None:
    """Of two queries the later is shown, though the earlier is answered after it."""
    page = open_page(servers.filled)
    late: list[Any] = []

    def hold(route: Any) -> None:
        if "bees" in (route.request.post_data or ""):
            late.append(route)
        else:
            route.continue_()

    page.route("**/v1/search", hold)
    page.locator("#query").fill("bees")
    page.wait_for_timeout(400)
    page.locator("#query").fill("bread")
    page.locator("li.result", has_text="Baking bread").first.wait_for()
    assert len(late) == 1
    late[0].abort()
    page.wait_for_timeout(200)
    assert "Baking bread" in page.locator("li.result").first.inner_text()
    assert page.get_by_role("alert").all_inner_texts() in ([], [""])


def test_places_count_characters(open_page: Opening, servers: Servers) -> None:
    """What stands after characters of two units is marked where it stands."""
    page = open_page(f"{servers.filled}#q=harbour+tide")
    tides = result(page, "tides.txt")
    tides.locator("mark").first.wait_for()
    assert set(tides.locator("mark").all_inner_texts()) == {"tide", "harbour"}
    tides.get_by_role("link").first.click()
    opened(page).locator("mark").first.wait_for()
    assert set(opened(page).locator("mark").all_inner_texts()) == {"tide", "harbour"}


def test_open_step_and_back(open_page: Opening, servers: Servers) -> None:
    """A document opens at its passage, steps through the others, and "back" leads to the list."""
    page = open_page(servers.filled + LAMP)
    page.get_by_role("link", name="keeper's book").click()
    here = opened(page)
    assert "lamp" in here.inner_text()
    require_in_sight(page)
    wait_until(page, "document.activeElement.matches('.passage.current')")
    many = page.locator(".stops button").count()
    assert many >= 2
    said = page.locator(".steps-said")
    before = int(re.findall(r"\d+", said.inner_text())[0])
    page.get_by_role("button", name="Next passage").click()
    after = before % many + 1
    assert f"{after} of {many}" in said.inner_text()
    opened(page)
    require_in_sight(page)
    page.keyboard.press("p")
    assert f"{before} of {many}" in said.inner_text()
    page.go_back()
    link = page.get_by_role("link", name="keeper's book")
    link.wait_for()
    assert link.evaluate("e => e === document.activeElement")
    page.go_forward()
    opened(page)
    require_in_sight(page)


def test_a_link_to_a_passage_opens_there(open_page: Opening, servers: Servers) -> None:
    """The address of an open document is enough to come back to it, and Esc leads to the list."""
    page = open_page(servers.filled + LAMP)
    page.locator(".others a").first.click()
    place = opened(page).inner_text()
    address = page.url
    again = open_page(address)
    assert opened(again).inner_text() == place
    again.keyboard.press("Escape")
    again.locator("li.result").first.wait_for()
    assert "doc=" not in again.url


def test_keys_alone(open_page: Opening, servers: Servers) -> None:
    """``/``, arrows, Enter, Esc and ``?`` do all that a mouse does."""
    page = open_page(servers.filled + LAMP)
    page.locator("li.result").nth(2).wait_for()
    focused = "document.activeElement.textContent"
    titles = page.locator("a.title").all_inner_texts()
    for n in range(2):
        page.keyboard.press("ArrowDown")
        assert page.evaluate(focused) == titles[n]
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == titles[0]
    page.keyboard.press("Enter")
    opened(page)
    page.keyboard.press("Escape")
    page.locator("li.result").first.wait_for()
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.id") == "query"
    page.locator("#theme").focus()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "query"
    page.locator("#theme").focus()
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keys and signs").wait_for()
    page.keyboard.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")


def test_filters_narrow_and_are_undone(open_page: Opening, servers: Servers) -> None:
    """Types, folders and years have counts, narrow the answer, and are undone by going back."""
    page = open_page(f"{servers.filled}#q=bread")
    page.locator("li.result").nth(5).wait_for()
    facets = page.get_by_role("complementary", name="Filters")
    html = facets.get_by_label(re.compile("HTML"))
    assert facets.get_by_text(re.compile("TXT")).locator("..").inner_text().split()[-1] == "3"
    html.check()
    page.locator("li.result").nth(1).wait_for(state="detached")
    assert page.locator("a.title").all_inner_texts() == ["Baking bread"]
    wait_for_hash(page, "type=html")
    facets.get_by_label(re.compile("MD")).check()
    page.locator("li.result").nth(1).wait_for()
    page.go_back()
    page.go_back()
    page.locator("li.result").nth(5).wait_for()
    facets.get_by_label(re.compile("2024")).check()
    page.locator("li.result").nth(1).wait_for(state="detached")
    assert page.locator("a.title").all_inner_texts() == ["bees.txt"]
    facets.get_by_role("button", name="Clear filters").click()
    page.locator("li.result").nth(5).wait_for()
    facets.get_by_label(re.compile("land")).check()
    page.locator("li.result").nth(3).wait_for(state="detached")
    assert page.locator("li.result").count() == 3


def test_nothing_found_says_what_to_try(open_page: Opening, servers: Servers) -> None:
    """A word that no document holds: the page says how the query was read, and what would help."""
    page = open_page(f"{servers.filled}#q={quote('+zeppelin lamp')}")
    page.get_by_role("heading", name="Nothing fits").wait_for()
    assert "Only documents that hold “zeppelin”." in page.locator("#understood").inner_text()
    assert "Take away the +" in page.locator("#empty").inner_text()


def test_documents_are_text_and_nothing_else(open_page: Opening, servers: Servers) -> None:
    """Scripts, images and names with HTML are shown as they are written, and nothing of it runs."""
    page = open_page(f"{servers.filled}#q=parrot+mast")
    page.get_by_role("link", name=HOSTILE_NAME, exact=True).wait_for()
    shown = page.locator("li.result").first
    shown.locator("mark").first.wait_for()
    assert "<script>" in shown.inner_text()
    page.get_by_role("link", name=HOSTILE_NAME, exact=True).click()
    assert "<img src=x onerror=" in opened(page).inner_text()
    assert page.get_by_role("heading", name=HOSTILE_NAME, exact=True).count() == 1
    page.wait_for_timeout(200)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script, main b").count() == 0
    page.goto("about:blank")
    page.goto(f"{servers.filled}#q=%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D4%3E")
    page.locator("li.result").first.wait_for()
    assert page.evaluate("window.hacked") is None


def test_the_policy_refuses_what_is_inline(
    open_page: Opening, servers: Servers, watched: Watched
) -> None:
    """Even a script that came into the page would not run."""
    page = open_page(servers.filled)
    blocked = page.evaluate(
        """() => new Promise((done) => {
          document.addEventListener("securitypolicyviolation", (e) => done(e.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "window.hacked = 5";
          document.head.append(script);
          setTimeout(() => done("nothing"), 2000);
        })"""
    )
    assert blocked.startswith("script-src")
    assert "Executing inline script violates" in watched.trouble.pop()
    assert page.evaluate("window.hacked") is None


def test_empty_then_filled(
    open_page: Opening, servers: Servers, watched: Watched, files: Path
) -> None:
    """Without documents the page asks for some; what is chosen is added, and failures are named."""
    watched.refused = (404,)  # there is no collection yet
    page = open_page(f"{servers.empty}#q=whale")
    page.get_by_role("heading", name="Nothing to search yet").wait_for()
    page.locator("#files").set_input_files([files / "whale.txt", files / "noise.bin"])
    tray = page.get_by_role("region", name="Files being added")
    tray.get_by_text("1 document added, 1 could not be").first.wait_for(timeout=60_000)
    assert "noise.bin" in tray.locator(".failures").inner_text()
    assert "unsupported type" in tray.locator(".failures").inner_text()
    page.get_by_role("link", name="whale.txt").wait_for()
    tray.get_by_role("button", name="Dismiss").click()
    tray.wait_for(state="hidden")


def test_dropped_files_are_added(open_page: Opening, servers: Servers) -> None:
    """Files that are dropped anywhere are sent, after the page has shown that it takes them."""
    page = open_page(servers.empty)
    transfer = page.evaluate_handle(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File(["A heron waits in the reeds."], "heron.txt"));
          return transfer;
        }"""
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    page.get_by_text("Drop to add to the collection").wait_for()
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    page.get_by_text("Drop to add to the collection").wait_for(state="hidden")
    page.locator("#tray").get_by_text("1 document added").first.wait_for(timeout=60_000)
    page.locator("#query").fill("bird in the reeds")
    page.get_by_role("link", name="heron.txt").wait_for()


def test_a_key_is_asked_for(open_page: Opening, servers: Servers, watched: Watched) -> None:
    """A wrong key is told, the right one is kept for the tab and never in the address."""
    watched.refused = (401, 403)
    page = open_page(f"{servers.locked}#q=treasure")
    dialog = page.get_by_role("dialog", name="This server asks for a key")
    dialog.wait_for()
    assert page.evaluate("document.activeElement.id") == "key"
    page.keyboard.type("not the right one")
    page.keyboard.press("Enter")
    dialog.get_by_text("That key is not the right one.").wait_for()
    page.locator("#key").fill(KEY)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="secret.txt").wait_for()
    page.reload()
    page.get_by_role("link", name="secret.txt").wait_for()
    assert dialog.is_hidden()
    assert not [each for each in watched.requests if KEY in each]
    page.locator("#files").set_input_files(
        [{"name": "more.txt", "mimeType": "text/plain", "buffer": b"More."}]
    )
    page.locator("#tray").get_by_text("This server is read only").first.wait_for()


def test_trouble_is_told_and_tried_again(
    open_page: Opening, servers: Servers, watched: Watched
) -> None:
    """A server that fails or is gone is told in words, and asked again when somebody wants it."""
    watched.refused = (503,)
    page = open_page(servers.filled)
    page.locator("li.document").first.wait_for()
    error = {"error": {"message": "the store is being copied", "code": "store_locked"}}
    page.route("**/v1/search", lambda route: route.fulfill(status=503, json=error))
    page.locator("#query").fill("bread")
    page.get_by_role("alert").get_by_text("The store is being copied.").wait_for()
    page.unroute("**/v1/search")
    page.get_by_role("button", name="Try again").click()
    page.get_by_role("link", name="Baking bread").wait_for()
    page.route("**/v1/**", lambda route: route.abort())
    page.locator("#query").fill("bees")
    page.get_by_role("alert").get_by_text("The server does not answer.").wait_for()
    assert watched.trouble
    assert all("ERR_FAILED" in each for each in watched.trouble)
    watched.trouble.clear()


def book(characters: int) -> dict[str, Any]:
    """A document as the server answers it, with a passage near its end."""
    line = (
        "It was a day like others, and the clerk wrote another line into the ledger of the town.\n"
    )
    text = line * (characters // len(line))
    start = len(text) - 50 * len(line)
    text = f"{text[:start]}\nThe gold was hidden under the bell.\n\n{text[start:]}"
    passage = {"start": start + 1, "end": start + 36, "page": None, "lines": [1, 1], "heading": []}
    return {
        "source": "/books/ledger.txt",
        "document_id": "book",
        "text": text,
        "metadata": {"file_name": "ledger.txt"},
        "tokens": characters // 4,
        "passages": [passage],
        "layout": {"pages": [], "headings": []},
        "language": "english",
    }


def test_a_book_is_drawn_in_pieces(open_page: Opening, servers: Servers) -> None:
    """Two million characters open at the passage at once, and grow as one scrolls up and down."""
    stored = book(2_000_000)
    page = open_page(servers.filled)
    page.route("**/v1/documents/book", lambda route: route.fulfill(json=stored))
    start, end = stored["passages"][0]["start"], stored["passages"][0]["end"]
    page.evaluate(
        """(hash) => { window.began = performance.now(); location.hash = hash;
          new MutationObserver(() => {
            if (window.took || !document.querySelector(".passage")) return;
            window.took = performance.now() - began;
          }).observe(document.body, { childList: true, subtree: true }); }""",
        f"#doc=book&at={start}-{end}",
    )
    here = page.locator(".passage.current")
    here.wait_for()
    assert here.inner_text().strip() == "The gold was hidden under the bell."
    require_in_sight(page)
    assert page.evaluate("window.took") < 3000
    drawn = "document.querySelector('.text').textContent.length"
    assert page.evaluate(drawn) < 100_000
    page.wait_for_timeout(300)
    before = page.evaluate(drawn)
    for _ in range(8):
        at = place_of(here)
        page.evaluate("scrollBy(0, -700)")
        page.wait_for_timeout(250)
        assert abs(place_of(here) - at - 700) < 5
    assert page.evaluate(drawn) > before
    page.keyboard.press("Home")
    page.get_by_role("heading", name="ledger.txt").wait_for()
    require_in_sight(page, "#view-title")
    assert page.locator(".text").inner_text().startswith("It was a day")
    assert here.count() == 0
    page.keyboard.press("End")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    wait_until(page, "document.querySelector('.text').textContent.endsWith('of the town.\\n')")


def test_phone(open_page: Opening, servers: Servers) -> None:
    """At 320 pixels nothing is cut off or wider than the screen, and fingers find every button."""
    page = open_page(servers.filled + LAMP, width=320, height=640, has_touch=True)
    page.locator("li.result").nth(2).wait_for()
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) == 320
    page.get_by_text("Filters", exact=True).click()
    page.get_by_label(re.compile("MD")).check()
    page.locator("li.result").nth(1).wait_for(state="detached")
    assert page.evaluate(wide) == 320
    page.locator("a.title").first.tap()
    opened_at = page.locator(".passage.current")
    opened_at.wait_for()
    page.get_by_role("button", name="Next passage").wait_for()
    assert page.evaluate(wide) == 320
    sizes = page.locator("header button:visible, .view-bar button").evaluate_all(
        "all => all.map(e => e.getBoundingClientRect()).map(r => Math.min(r.width, r.height))"
    )
    assert min(sizes) >= 24
    page.get_by_role("button", name="Keys and signs").tap()
    page.get_by_role("dialog").wait_for()
    assert page.evaluate(wide) == 320


def test_colours_are_chosen_and_kept(open_page: Opening, servers: Servers) -> None:
    """The system's colours at first, then those of the switch, also when it is loaded anew."""
    page = open_page(servers.filled, color_scheme="dark")
    colour = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(colour)
    switch = page.get_by_role("button", name="Dark colours")
    assert switch.get_attribute("aria-pressed") == "true"
    switch.click()
    light = page.evaluate(colour)
    assert switch.get_attribute("aria-pressed") == "false"
    assert sum(map(int, re.findall(r"\d+", light))) > sum(map(int, re.findall(r"\d+", dark))) + 400
    page.reload()
    assert page.evaluate(colour) == light
