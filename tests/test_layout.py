"""Where a stretch of a text stands: pages, lines, headings."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.layout import NO_LAYOUT, Heading, Layout

TEXT = "Lease\n\nTerms\nThe rent is due.\n\nPayment\nIn euros.\n\nGarden\nApples."
LAYOUT = Layout(
    pages=(0, TEXT.index("Payment"), TEXT.index("Garden"), TEXT.index("Garden")),
    headings=(
        Heading(0, 1, "Lease"),
        Heading(TEXT.index("Terms"), 2, "Terms"),
        Heading(TEXT.index("Payment"), 3, "Payment"),
        Heading(TEXT.index("Garden"), 2, "Garden"),
    ),
)


def _place(of: str) -> tuple[int | None, int | None, tuple[int, int], tuple[str, ...]]:
    start = TEXT.index(of)
    place = LAYOUT.place(TEXT, start, start + len(of))
    return place.page, place.last_page, place.lines, place.heading


def test_a_stretch_knows_page_lines_and_headings() -> None:
    """The path of headings is that above its first character, and no other."""
    assert _place("The rent") == (1, 1, (4, 4), ("Lease", "Terms"))
    assert _place("In euros") == (2, 2, (7, 7), ("Lease", "Terms", "Payment"))
    assert _place("due.\n\nPayment") == (1, 2, (4, 6), ("Lease", "Terms"))
    # Of pages that begin at one place, those before the last hold nothing.
    assert _place("Apples") == (4, 4, (10, 10), ("Lease", "Garden"))


def test_blanks_around_it_do_not_count() -> None:
    """A passage that begins with the line break before a page begins on that page."""
    start = TEXT.index("Payment")
    assert LAYOUT.place(TEXT, start - 2, start + 8) == LAYOUT.place(TEXT, start, start + 7)


def test_a_text_without_pages_has_lines_alone() -> None:
    """Nothing is made up."""
    place = NO_LAYOUT.place("one\ntwo", 4, 7)
    assert place.to_dict() == {"page": None, "last_page": None, "lines": [2, 2], "heading": []}
    assert place.known() == {"lines": [2, 2]}
    assert not NO_LAYOUT


def test_it_goes_through_json_and_back() -> None:
    """What is stored is what was known."""
    assert Layout.from_dict(LAYOUT.to_dict()) == LAYOUT
    assert Layout.from_dict(None) == NO_LAYOUT


@given(st.lists(st.text("ab \n", min_size=1, max_size=8), min_size=1, max_size=8))
def test_every_character_is_on_the_page_that_it_came_from(pages: list[str]) -> None:
    """Pages by their beginnings are the pages that were put together."""
    text = "".join(pages)
    starts = (0, *accumulate(map(len, pages[:-1])))
    layout = Layout(starts)
    for number, (start, page) in enumerate(zip(starts, pages, strict=True), start=1):
        for index, character in enumerate(page):
            if not character.isspace():
                place = layout.place(text, start + index, start + index + 1)
                assert (place.page, place.last_page) == (number, number)
                assert text.split("\n")[place.lines[0] - 1].strip()
