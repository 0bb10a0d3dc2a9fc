"""RTF documents."""

from __future__ import annotations

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.rtf_reader import read_rtf
from tests.files.making_ole import make_doc


def _text(body: str, *, head: str = "\\ansi\\ansicpg1252") -> str:
    return read_rtf(f"{{\\rtf1{head}{body}}}".encode("latin-1"), "a.rtf").text


def test_letters_of_every_code_page() -> None:
    """By the document's code page, by a font's, and by number."""
    fonts = "{\\fonttbl{\\f0\\fcharset0 Arial;}{\\f1\\fcharset204 Arial;}{\\f2\\fcharset128 MS;}}"
    body = (
        "\\f0 caf\\'e9 {\\f1\\'d3\\'e2\\'e0\\'e6}{\\f2\\'93\\'8c} \\u26481?\\u-10187?\\u-8204? "
        "\\u233\\'e9"
    )
    assert _text(f"{fonts}{body}") == "café Уваж東 東\U0001d7f4 é"
    assert _text("\\'e8l\\'e1nek", head="\\ansi\\ansicpg1250") == "článek"


def test_names_of_fonts_are_no_text() -> None:
    """Not even those in another script."""
    assert _text("{\\fonttbl{\\f0\\fcharset128 \\'82\\'6c\\'82\\'72;}}\\f0 words") == "words"


def test_rows_of_tables_are_lines() -> None:
    """Cells stand apart, whatever stands in them."""
    rows = "\\trowd a\\cell b | c\\cell\\row\\trowd d\\cell\\cell\\row\\pard after\\par"
    assert _text(rows) == "a | b | c\nd\nafter"


def test_notes_stand_at_the_end() -> None:
    """Footnotes and comments; headers and footers are left out."""
    body = (
        "{\\header Running head\\par}Ducks{\\super\\chftn}"
        "{\\footnote\\pard {\\super\\chftn} Wild {\\b ones}.}"
        " swim{\\*\\annotation\\pard Sure?}.\\par End"
    )
    assert _text(body) == "Ducks swim.\nEnd\n\n Wild ones.\n\nSure?"


def test_pictures_and_targets_of_links_are_no_text() -> None:
    """Nor are the bytes of a picture, in which braces may stand."""
    picture = "{\\pict{\\*\\blipuid 0123abcd}\\pngblip\n" + "89504e47" * 1000 + "}"
    raw = "{\\pict\\bin5 }}}}}}"
    link = '{\\field{\\*\\fldinst{HYPERLINK "http://example.org"}}{\\fldrslt{the pier}}}'
    assert _text(f"a{picture}b{raw}c {link} d") == "abc the pier d"


def test_many_links_on_one_line_are_quick() -> None:
    """Time grows with the text, not with its square."""
    import time

    link = "{\\field{\\*\\fldinst{REF x}}{\\fldrslt{go}}}"
    begin = time.perf_counter()
    assert _text(link * 20_000) == "go" * 20_000
    assert time.perf_counter() - begin < 20


def test_properties_are_metadata() -> None:
    """Title, author, dates."""
    info = (
        "{\\info{\\title Caf\\'e9 \\{a\\}}{\\author Ann}{\\*\\category menu}{\\keywords a, b}"
        "{\\creatim\\yr2011\\mo8\\dy29\\hr5\\min20}{\\revtim\\yr0\\mo0\\dy0}}"
    )
    content = read_rtf(f"{{\\rtf1\\ansi\\ansicpg1252{info}x}}".encode(), "a.rtf")
    assert content.text == "x"
    assert content.metadata == {
        "title": "Café {a}",
        "author": "Ann",
        "category": "menu",
        "keywords": ["a", "b"],
        "created": "2011-08-29T05:20:00",
    }


@pytest.mark.parametrize("data", [make_doc("x\r"), b"just text", b"<html>"])
def test_what_is_no_rtf_says_so(data: bytes) -> None:
    """With a way out."""
    with pytest.raises(ReadError, match=r"^a.rtf: it is no RTF document.*suffix"):
        read_rtf(data, "a.rtf")


def test_a_document_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    """RTF has no end that must be there."""
    assert read_rtf(b"{\\rtf1\\ansi one\\par two {\\b thr", "a.rtf").text == "one\ntwo thr"
