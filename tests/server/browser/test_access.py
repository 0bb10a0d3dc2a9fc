"""Who does not see the page, or not well, or has no mouse, can use it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from tests.server.browser.conftest import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.server.browser.conftest import Servers

    Opening = Callable[..., Page]

pytestmark = pytest.mark.browser
LAMP = "#q=lamp+of+the+lighthouse"
#: The contrast of every text that is shown with what is behind it, by WCAG's own formula; colours
#: are read through a canvas, which knows every way of writing them.
CONTRASTS = """() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const over = (one, other) => {
    const part = one[3] / 255;
    return [0, 1, 2].map((n) => one[n] * part + other[n] * (1 - part)).concat(255);
  };
  const behind = (element) => {
    if (!element) return rgba(getComputedStyle(document.body).backgroundColor);
    return over(rgba(getComputedStyle(element).backgroundColor), behind(element.parentElement));
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((each) => each / 255)
      .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.data.trim();
    if (!text || !element.checkVisibility({ visibilityProperty: true })) continue;
    if (element.closest(".unseen, script, style, noscript")) continue;
    const back = behind(element);
    const front = over(rgba(getComputedStyle(element).color), back);
    const [one, other] = [luminance(front), luminance(back)];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    found.push({ ratio, text: text.slice(0, 40), where: element.className });
  }
  return found;
}"""


def require_contrast(page: Page) -> None:
    wait_until(page, "!document.querySelector('[aria-busy]')")
    page.wait_for_timeout(500)  # until nothing fades any more
    found: list[dict[str, Any]] = page.evaluate(CONTRASTS)
    assert len(found) > 5
    assert [each for each in found if each["ratio"] < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(open_page: Opening, servers: Servers, scheme: str) -> None:
    """Lists, a document and the help have AA contrast, in light and dark."""
    page = open_page(servers.filled, color_scheme=scheme)
    page.locator("li.document").first.wait_for()
    require_contrast(page)
    page.locator("#query").fill("lamp of the lighthouse")
    page.locator(".near").first.wait_for()
    require_contrast(page)
    page.locator("a.title").first.click()
    page.locator(".passage.current mark").first.wait_for()
    require_contrast(page)
    page.keyboard.press("?")
    page.get_by_role("dialog").wait_for()
    require_contrast(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_bar_can_be_seen(open_page: Opening, servers: Servers, scheme: str) -> None:
    """What draws something has a contrast of three with the page."""
    page = open_page(servers.filled + LAMP, color_scheme=scheme)
    page.locator(".legend i").first.wait_for()
    page.evaluate("document.querySelectorAll('.legend i').forEach(e => { e.textContent = 'x'; })")
    page.evaluate(
        """() => document.querySelectorAll('.legend i').forEach((e) => {
          e.style.color = getComputedStyle(e).backgroundColor;
          e.style.background = 'none';
        })"""
    )
    bars = [each for each in page.evaluate(CONTRASTS) if each["text"] == "x"]
    assert len(bars) == 4
    assert min(each["ratio"] for each in bars) >= 3


def test_landmarks_and_names(open_page: Opening, servers: Servers) -> None:
    """A screen reader finds its way: one of each landmark, headings, and a name for everything."""
    page = open_page(servers.filled + LAMP)
    page.locator("li.result").first.wait_for()
    for role in ("banner", "main", "search", "complementary"):
        assert page.get_by_role(role).count() == 1, role
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("heading", level=2).count() == page.locator("li.result").count()
    assert page.get_by_role("list").locator("li.result").count() > 1
    assert page.evaluate("document.documentElement.lang") == "en"
    tree = page.locator("body").aria_snapshot()
    roles = ("button", "link", "img", "textbox", "checkbox", "searchbox")
    bare = [f"- {role}" for role in roles]
    nameless = [line for line in tree.splitlines() if line.strip(" :") in bare]
    assert nameless == []
    assert '- searchbox "Search the documents by words and meaning"' in tree
    assert 'img "What speaks for it: ' in tree
    page.locator("a.title").first.click()
    page.locator(".passage.current").first.wait_for()
    assert page.get_by_role("article", name="The keeper's book").count() == 1
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("navigation", name="Found in this document").count() == 1
    page.locator(".stops button[aria-current=true]").wait_for()
    assert "Passage" in page.locator(".steps-said").inner_text()


def test_changes_are_said(open_page: Opening, servers: Servers) -> None:
    """How many were found stands in a region that is read out when it changes."""
    page = open_page(servers.filled)
    page.locator("li.document").first.wait_for()
    said = page.locator("[aria-live=polite]#found")
    assert said.inner_text() == "6 documents to search"
    page.locator("#query").fill('"tide tables"')
    page.locator("li.result").first.wait_for()
    assert said.inner_text() == "1 document"
    assert said.is_visible()


def test_tab_reaches_everything_in_order(open_page: Opening, servers: Servers) -> None:
    """From the top: the way past the head, the field, the buttons, the filters, the results."""
    page = open_page(servers.filled + LAMP)
    page.locator("li.result").nth(1).wait_for()
    page.locator("#brand").focus()
    reached = []
    for n in range(24):
        page.keyboard.press("Tab" if n else "Shift+Tab")
        reached.append(
            page.evaluate(
                "(e => e.id || e.className || e.getAttribute('href'))(document.activeElement)"
            )
        )
    assert reached[:7] == ["skip", "brand", "query", "wipe", "add", "theme", "help"]
    assert reached.index("title") > reached.index("help")
    assert any(each.startswith("facet-") for each in reached[7 : reached.index("title")])
    outlines = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outlines) == "solid"


def test_nothing_moves_for_those_who_want_it_still(open_page: Opening, servers: Servers) -> None:
    """Where less motion is asked for, nothing fades."""
    page = open_page(servers.filled, reduced_motion="reduce")
    page.locator("#results").wait_for(state="attached")
    assert page.evaluate("getComputedStyle(results).transitionProperty") == "none"
