"""Pages that a browser saved as one file."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.mhtml_reader import read_mhtml


def archive(*pages: tuple[str, str]) -> bytes:
    """Pages with their encodings, and a picture, in a file as browsers write it."""
    message = EmailMessage()
    message["From"] = "<Saved by Blink>"
    message["Date"] = "Tue, 28 Aug 2012 09:53:28 +0300"
    message.make_related()
    for page, encoding in pages:
        message.add_related(page.encode(encoding), "text", "html", params={"charset": encoding})
    message.add_related(b"\x89PNG", "image", "png")
    return message.as_bytes()


def test_the_page_is_read_and_its_frames_are_not() -> None:
    """The first page with text, in the encoding that its part has."""
    page = "<html lang=pl><title>Port</title><h1>Zażółć</h1>"
    data = archive(("<frameset>", "utf-8"), (page, "iso-8859-2"), ("<p>frame", "utf-8"))
    content = read_mhtml(data, "a.mht")
    assert content.text == "Port\n\nZażółć"
    assert content.metadata == {
        "created": "2012-08-28T09:53:28+03:00",
        "title": "Port",
        "language": "pl",
        "encoding": "iso8859-2",
    }
    assert [(each.start, each.text) for each in content.layout.headings] == [(6, "Zażółć")]


def test_a_file_without_a_page_is_named() -> None:
    """Pictures alone are no page."""
    with pytest.raises(ReadError, match=r"a\.mht: it holds no page"):
        read_mhtml(archive(), "a.mht")
