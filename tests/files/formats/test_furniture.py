"""Running headers, footers and page numbers: taken out, and nothing else."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.formats.furniture import strip_furniture


def _pages(count: int, page: str) -> list[str]:
    return [
        page.format(n=n, m=n + 1, body=f"Text of leaf {'abcdefghijklmnop'[n]}")
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("page", "lines", "numbers"),
    [
        ("{body}\n{m}", 0, 6),
        ("Harbour handbook\n{body}\n- {m} -", 5, 6),
        ("{body}\nPage {m} of 6", 5, 0),
        ("Harbour handbook 2024 {m}\n{body}", 5, 0),
        ("{m}\nHarbour handbook\n{body}", 5, 6),
    ],
)
def test_what_repeats_goes_but_for_its_first(page: str, lines: int, numbers: int) -> None:
    """A header stays where it stands first, so that no word is lost; mere numbers go everywhere."""
    pages = _pages(6, page)
    stripped = strip_furniture(pages)
    assert (stripped.lines, stripped.numbers) == (lines, numbers)
    assert all(text == f"Text of leaf {'abcdef'[n]}" for n, text in enumerate(stripped.pages) if n)
    assert set(" ".join(pages).split()) - set(" ".join(stripped.pages).split()) <= set("-123456")


def test_left_and_right_pages_may_differ() -> None:
    """A book has its title on the left and its author on the right."""
    pages = [f"{('Title', 'Author')[n % 2]}\nleaf {'abcdefgh'[n]}" for n in range(8)]
    assert strip_furniture(pages).lines == 6


@pytest.mark.parametrize(
    "pages",
    [
        # A ledger's totals are another number on every page.
        [f"Account of {'abcdef'[n]}\nTotal {n * n * 37 + 5}" for n in range(6)],
        [f"leaf {'abcdef'[n]}\n{n * 1731 % 101}" for n in range(6)],
        # Too few pages to say.
        ["Title\na", "Title\nb", "Title\nc"],
        # On two of six pages only.
        [f"{'Annex' if n < 2 else 'abcdef'[n]}\nleaf" + "x" * n for n in range(6)],
        ["", "", "", ""],
        # A document of numbers.
        ["1", "2", "3", "4", "5"],
    ],
)
def test_what_does_not_repeat_or_counts_something_else_stays(pages: list[str]) -> None:
    """Data are no page numbers."""
    assert strip_furniture(pages).pages == tuple(pages)


def test_text_between_a_line_and_the_edge_keeps_it() -> None:
    """The same sentence in the middle of every page is text."""
    pages = [f"intro {'abcdef'[n]}\nThe same line\nend {'ghijkl'[n]}" for n in range(6)]
    assert strip_furniture(pages).lines == 0


@given(
    st.lists(
        st.lists(st.sampled_from(["Head", "1", "2", "x y", "foot 3", ""]), max_size=5), max_size=9
    )
)
def test_every_word_that_is_no_number_is_still_there(pages: list[list[str]]) -> None:
    """However pages look, no word is gone from the document."""
    texts = ["\n".join(page).strip("\n") for page in pages]
    stripped = strip_furniture(texts)
    assert len(stripped.pages) == len(texts)
    before, after = (
        Counter(word for text in all_of for word in text.split() if word.isalpha())
        for all_of in (texts, stripped.pages)
    )
    assert set(before) == set(after)
    assert all(after[word] <= before[word] for word in before)
