"""Text as it is embedded: what goes, is folded, is joined, and that nothing else is lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longembed_rag.files.cleaning import clean
from longembed_rag.files.values import Content
from longembed_rag.layout import Heading, Layout


def _clean(text: str, *, printed: bool = False) -> str:
    return clean(Content(text, printed=printed)).text


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("ﬁnd the oﬃce", "find the office"),
        ("ＡＢＣ１２３", "ABC123"),
        ("ﺍﻟﻌﺮﺑﻴﺔ", "العربية"),
        ("cafe\u0301", "café"),
        ("har\u00adbour\u200b master\ufeff", "harbour master"),
        ("well\u2010known\u2011", "well-known-"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\ud83d\ude00 \ud800", "😀 �"),
        # What means something by itself stays.
        ("x² ½ ™ … № Ⅳ 𝐀", "x² ½ ™ … № Ⅳ 𝐀"),
        # Joiners where letters, signs and pictures are joined; not in words that need none.
        ("می\u200cخواهم क्\u200dष 👩\u200d💻", "می\u200cخواهم क्\u200dष 👩\u200d💻"),
        ("auf\u200clage 12\u200d34", "auflage 1234"),
        ("한", "한"),
    ],
)
def test_characters(given: str, expected: str) -> None:
    """Forms that only a printer needs are folded, and no other."""
    assert _clean(given) == expected


@pytest.mark.parametrize(
    ("given", "text", "printed"),
    [
        # The word stands in the document whole.
        ("an op-\nposite. The opposite", "an opposite.\nThe opposite", None),
        ("soft hy\u00ad\nphen", "soft hyphen\n", None),
        # Nothing says what it is: a page was set by a printer, other lines by their author.
        ("an op-\nposite side", "an op-\nposite side", "an opposite\nside"),
        (
            "a well-\nknown and well-known",
            "a well-\nknown and well-known",
            "a well-known\nand well-known",
        ),
        ("a two-\ntier, two tier", "a two-\ntier, two tier", "a two-tier,\ntwo tier"),
        ("Jean-\nLuc", "Jean-\nLuc", "Jean-Luc\n"),
        ("DIS-\nCLAIMED", "DIS-\nCLAIMED", "DISCLAIMED\n"),
        # Lists, rules and negative numbers are no broken words.
        ("a -\nb", "a -\nb", "a -\nb"),
        ("---\ntitle", "---\ntitle", "---\ntitle"),
        ("pages 12-\n14", "pages 12-\n14", "pages 12-\n14"),
        # A word goes on over the end of a page, but a paragraph of text does not.
        ("op-\n\nposite page", "op-\n\nposite page", "opposite\n\npage"),
    ],
)
def test_words_broken_at_line_ends(given: str, text: str, printed: str | None) -> None:
    """Joined where the document or its kind says that they are one word."""
    assert _clean(given) == text
    assert _clean(given, printed=True) == (text if printed is None else printed)


def test_a_word_that_goes_on_after_a_page_belongs_to_the_page_that_it_began_on() -> None:
    """The page after it begins with the next word."""
    text = "an op-\n\nposite page"
    content = clean(Content(text, layout=Layout((0, text.index("posite"))), printed=True))
    assert content.text[content.layout.pages[1] :].strip() == "page"


_PIECES = st.sampled_from(
    [
        "word",
        "ﬁne",
        "\r\n",
        "\n",
        " ",
        "op-\n",
        "op\u00ad\n",
        "posite",
        "e\u0301",
        "\u200b",
        "x²",
        "한",
        "😀",
        "-",
    ]
)


@given(st.lists(_PIECES, max_size=30), st.booleans())
def test_no_letter_is_lost_and_marks_stay_where_they_were(pieces: list[str], printed: bool) -> None:
    """Letters and digits come out in order, whatever stood between; a heading keeps its place."""
    before, after = (
        "".join(pieces[: len(pieces) // 2]) + "\n\n",
        "".join(pieces[len(pieces) // 2 :]),
    )
    text = f"{before}MARK {after}"
    layout = Layout((0, len(before)), (Heading(len(before), 1, "MARK"),))
    content = clean(Content(text, layout=layout, printed=printed))
    assert _letters(content.text) == _letters(text)
    (heading,) = content.layout.headings
    assert content.text.startswith("MARK", heading.start)
    assert content.layout.pages == (0, heading.start)
    again = clean(Content(content.text, layout=content.layout, printed=printed))
    assert _letters(again.text) == _letters(text)


def _letters(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    return "".join(character for character in folded if character.isalnum())
