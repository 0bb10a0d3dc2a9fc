"""Documents of Word and PowerPoint before 2007."""

from __future__ import annotations

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.doc_reader import read_doc
from longembed_rag.files.formats.ppt_reader import read_ppt
from longembed_rag.layout import Heading
from tests.files.making import make_docx
from tests.files.making_ole import make_doc, make_msg, make_ole, make_ppt


def _text(main: str, **others: str) -> str:
    return read_doc(make_doc(main, **others), "a.doc").text


def test_paragraphs_breaks_and_rows() -> None:
    """Cells stand apart; what is before a table and behind it is not a part of it."""
    main = "One\x0btwo\rBefore\ra\x07b\x07\x07c\rd\x07e\x07\x07After\rEnd"
    assert _text(main) == "One\ntwo\n\nBefore\n\na | b\nc d | e\n\nAfter\n\nEnd".replace(
        "\nc d", "\nc\n\nd"
    ).replace("e\n\nAfter", "e\nAfter")


def test_of_fields_the_result_is_read() -> None:
    """Not their codes, however deep they lie; a formula and a reading have no result."""
    field = '\x13 HYPERLINK "http://example.org" \x14the \x13 REF x \x14old \x15pier\x15'
    assert _text(f"To {field}.") == "To the old pier."
    ruby = '\x13 EQ \\* jc2 \\* "Font:MS Mincho" \\* hps11 \\o\\ad(\\s\\up 10(とう),東)\x15'
    assert _text(f"{ruby} x") == "とう 東 x"


def test_boxes_notes_and_comments_stand_at_the_end() -> None:
    """Counted in UTF-16, as Word does."""
    parts = {"notes": "\x02 note\r", "comments": "\x05said\r", "boxes": "box\r"}
    assert _text("𐌲𐌿 main\r", **parts) == "𐌲𐌿 main\n\nbox\n\n note\n\nsaid"


def test_deep_fields_end() -> None:
    """A document of nothing but fields in fields is read in bounded time."""
    assert "x" in _text("\x13\x14" * 2000 + "x" + "\x15" * 2000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{\\rtf1 x}", r"it is an RTF document.*\.rtf"),
        (b"<html>x", r"it is an HTML page.*\.html"),
        (make_docx(), r"it is a document of today's format \(\.docx\)"),
        (b"Dear Ann", "it is something else"),
        (make_msg(subject="s", body="b", sender="c"), "it holds no text of Word"),
        (make_ole({"EncryptedPackage": b"x"}), "it is encrypted"),
        (make_ole({"WordDocument": b"\xdc\xa5" + bytes(2000)}), "older than Word 97"),
        (make_ole({"WordDocument": b"\xec\xa5" + bytes(2000)}), "the Word document is damaged"),
        (make_doc("x\r")[:1000], "the Word document is damaged"),
    ],
)
def test_what_is_no_word_document_says_why(data: bytes, reason: str) -> None:
    """Each has its own reason, and a way out."""
    with pytest.raises(ReadError, match=f"^a.doc: .*{reason}"):
        read_doc(data, "a.doc")


def test_slides_are_pages_with_their_notes() -> None:
    """Titles lie in the outline, other texts in the slide."""
    content = read_ppt(make_ppt([("Pond", "deep\rwide"), ("Lake", "*")], notes="pause"), "a.ppt")
    assert content.text == "Pond\n\ndeep\nwide\n\npause\n\nLake"
    assert content.layout.pages == (0, 24)
    assert content.layout.headings == (Heading(0, 1, "Pond"), Heading(24, 1, "Lake"))
    assert content.metadata == {"page_count": 2}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"PK\x03\x04", r"no presentation of PowerPoint's old format.*\.pptx"),
        (make_doc("x\r"), "the presentation is damaged"),
        (make_ole({"EncryptedPackage": b"x"}), "it is encrypted"),
        (make_ppt([("a", "b")])[:1600], "the presentation is damaged"),
    ],
)
def test_what_is_no_presentation_says_why(data: bytes, reason: str) -> None:
    """Each has its own reason, and a way out."""
    with pytest.raises(ReadError, match=f"^a.ppt: .*{reason}"):
        read_ppt(data, "a.ppt")
