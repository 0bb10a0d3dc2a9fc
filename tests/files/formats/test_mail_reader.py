"""Mail, as it was sent and as Outlook keeps it."""

from __future__ import annotations

import base64
from email.message import EmailMessage

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats import mail_reader
from longembed_rag.files.formats.mail_reader import Reader, read_mail
from longembed_rag.files.formats.msg_reader import read_msg
from longembed_rag.files.text.text_reader import read_text
from longembed_rag.files.values import Content
from longembed_rag.layout import Heading
from tests.files.making_ole import make_doc, make_msg, make_ole


def _reader_of(name: str) -> Reader | None:
    return read_text if name.endswith(".txt") else None


def _message(**headers: str) -> EmailMessage:
    message = EmailMessage()
    for key, value in headers.items():
        message[key] = value
    return message


def _read(message: EmailMessage) -> Content:
    return read_mail(bytes(message), "a.eml", reader_of=_reader_of)


def test_headers_are_lines_and_metadata() -> None:
    """Encoded words and names are read; the title is the subject; the date is ISO 8601."""
    message = _message(
        From="Zoë <zoe@example.org>", To="a@example.org, Bo <b@example.org>", Cc="c@example.org",
        Date="Mon, 06 Sep 2010 05:25:34 -0400", Subject="Grüße aus Łódź",
    )  # fmt: skip
    message.set_content("The body.\n")
    content = _read(message)
    assert content.text == (
        "From: Zoë <zoe@example.org>\nTo: a@example.org, Bo <b@example.org>\nCc: c@example.org\n"
        "Date: Mon, 06 Sep 2010 05:25:34 -0400\nSubject: Grüße aus Łódź\n\nThe body."
    )
    assert content.metadata == {
        "title": "Grüße aus Łódź",
        "subject": "Grüße aus Łódź",
        "from": "Zoë <zoe@example.org>",
        "to": ["a@example.org", "Bo <b@example.org>"],
        "cc": ["c@example.org"],
        "date": "2010-09-06T05:25:34-04:00",
    }


def test_of_two_forms_of_the_body_one_is_read() -> None:
    """The plain one, unless the page says far more; a page alone is read as its text."""
    both = _message(Subject="s")
    both.set_content("Seven at the pier.")
    both.add_alternative("<p>Seven at the <b>pier</b>, please.</p>", subtype="html")
    assert _read(both).text == "Subject: s\n\nSeven at the pier."
    stub = _message(Subject="s")
    stub.set_content("See the page.")
    stub.add_alternative("<p>Seven at the <b>pier</b> and no later than that.</p>", subtype="html")
    assert _read(stub).text == "Subject: s\n\nSeven at the pier and no later than that."
    page = _message(Subject="s")
    page.set_content("<h1>Pier</h1><p>Seven.</p>", subtype="html")
    assert _read(page).text == "Subject: s\n\nPier\n\nSeven."


def test_attachments_stand_at_the_end_with_their_texts() -> None:
    """Under their names, as headings; of a type that is not read there is only the name."""
    message = _message(Subject="s")
    message.set_content("Body.")
    message.add_attachment("Tides: low at six.", filename="tides.txt")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="pier.png")
    content = _read(message)
    assert content.text == (
        "Subject: s\n\nBody.\n\nAttachment: tides.txt\n\nTides: low at six.\n\nAttachment: pier.png"
    )
    assert [heading.text for heading in content.layout.headings] == [
        "Attachment: tides.txt",
        "Attachment: pier.png",
    ]
    assert all(content.text[h.start :].startswith(h.text) for h in content.layout.headings)


def test_pictures_in_a_page_are_no_attachments() -> None:
    """What a page shows is a part of it."""
    message = _message(Subject="s")
    message.set_content("<p>Words</p><img src='cid:a'>", subtype="html")
    message.add_related(b"\x89PNG", maintype="image", subtype="png", cid="<a>")
    assert _read(message).text == "Subject: s\n\nWords"


def test_an_attachment_that_cannot_be_read_is_told() -> None:
    """The mail is read all the same."""
    message = _message(Subject="s")
    message.set_content("Body.")
    message.add_attachment(b"\0\1" * 500, maintype="text", subtype="x", filename="a.txt")
    content = _read(message)
    assert content.text == "Subject: s\n\nBody.\n\nAttachment: a.txt"
    assert len(content.notes) == 1
    assert content.notes[0].startswith("attachment a.txt: it holds binary data")


def test_attachments_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes than one mail may bring are named, not read."""
    monkeypatch.setattr(mail_reader, "MOST_ATTACHED", 1000)
    files = {"a.txt": b"a" * 999, "b.txt": b"bb", "c.txt": b"c"}
    message = _message(Subject="s")
    message.set_content("Body.")
    for name, data in files.items():
        message.add_attachment(data, maintype="text", subtype="x", filename=name)
    read: list[str] = []

    def reader(data: bytes, name: str) -> Content:
        read.append(name)
        return Content(f"of {name}")

    content = read_mail(bytes(message), "a.eml", reader_of=lambda name: reader)
    assert read == ["attachment a.txt"]
    assert content.notes == tuple(
        f"attachment {name}: not read, there are too many" for name in ("b.txt", "c.txt")
    )


def test_a_mail_in_a_mail_is_read_where_it_stands() -> None:
    """With its own headers; also where a program encoded it, as it may not."""
    inner = _message(From="in@example.org", Subject="Inner")
    inner.set_content("Inner body.")
    outer = _message(Subject="Outer")
    outer.set_content("Outer body.")
    outer.add_attachment(inner)
    expected = (
        "Subject: Outer\n\nOuter body.\n\nFrom: in@example.org\nSubject: Inner\n\nInner body."
    )
    assert _read(outer).text == expected
    encoded = base64.encodebytes(bytes(inner)).decode()
    raw = (
        'Subject: Outer\nContent-Type: multipart/mixed; boundary="x"\n\n--x\n\nOuter body.\n--x\n'
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + encoded + "--x--\n"
    )
    assert read_mail(raw.encode(), "a.eml", reader_of=_reader_of).text == expected


def test_mails_in_mails_end() -> None:
    """A mail is followed three deep."""
    message = _message(Subject="0")
    message.set_content("body 0")
    for depth in range(1, 8):
        outer = _message(Subject=str(depth))
        outer.set_content(f"body {depth}")
        outer.add_attachment(message)
        message = outer
    bodies = [line for line in _read(message).text.splitlines() if line.startswith("body")]
    assert bodies == ["body 7", "body 6", "body 5", "body 4"]


@pytest.mark.parametrize("charset", ["nonsense", "utf-8"])
def test_a_wrong_charset_is_no_failure(charset: str) -> None:
    """What a mail declares may be wrong."""
    text = "Für Größe und Höhe des Tores gelten die üblichen Maße, außer für Fähren."
    head = f"Subject: s\nContent-Type: text/plain; charset={charset}\n\n"
    raw = head.encode() + text.encode("cp1252")
    assert read_mail(raw, "a.eml", reader_of=_reader_of).text == f"Subject: s\n\n{text}"


def test_outlooks_mail_is_read_with_its_attachments() -> None:
    """The same text and metadata as of the mail that was sent."""
    data = make_msg(
        subject="Tides", body="At seven.\r\n\r\nAnn", sender="Ann",
        files={"tides.txt": b"low at six " * 500, "pier.png": b"\x89PNG"},
    )  # fmt: skip
    content = read_msg(data, "a.msg", reader_of=_reader_of)
    body = "From: Ann\nSubject: Tides\n\nAt seven.\r\n\r\nAnn"
    attached = "low at six " * 500
    assert content.text == (
        f"{body}\n\nAttachment: tides.txt\n\n{attached}\n\nAttachment: pier.png"
    )
    assert content.metadata == {"title": "Tides", "subject": "Tides", "from": "Ann"}
    assert content.layout.headings[0] == Heading(len(body) + 2, 1, "Attachment: tides.txt")


def test_what_is_no_mail_says_why() -> None:
    """Each has its own reason, and a way out."""
    with pytest.raises(ReadError, match=r"^a.eml: it is no mail: it has none of the headers"):
        read_mail(b"Dear Ann,\n\nat seven.", "a.eml", reader_of=_reader_of)
    with pytest.raises(ReadError, match=r"it is an RTF document.*\.rtf"):
        read_mail(b"{\\rtf1 x}", "a.eml", reader_of=_reader_of)
    with pytest.raises(ReadError, match=r"^a.msg: it is no mail of Outlook's"):
        read_msg(b"Subject: s\n\nbody", "a.msg", reader_of=_reader_of)
    with pytest.raises(ReadError, match=r"^a.msg: it holds no mail"):
        read_msg(make_doc("x\r"), "a.msg", reader_of=_reader_of)
    with pytest.raises(ReadError, match=r"^a.msg: the mail is damaged"):
        read_msg(make_ole({"a": b"b"})[:700], "a.msg", reader_of=_reader_of)
