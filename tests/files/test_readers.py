"""Files as texts: every type, and every way in which a file can be no document."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from datetime import datetime, timezone
from email.message import EmailMessage
from pathlib import Path

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longembed_rag.errors import ReadError
from longembed_rag.files.readers import read_file
from longembed_rag.files.suffixes import DOCX_SUFFIXES, MHTML_SUFFIXES, SUFFIXES
from tests.files.formats.test_office_words import MAKERS, SAME_FORMAT
from tests.files.making import encrypt_pdf, make_docx, make_pdf, save_docx
from tests.files.making_office import make_epub, make_odf, make_pptx, make_xlsx, shape
from tests.files.making_ole import make_doc, make_msg, make_ppt

Write = Callable[[str, bytes], Path]


def test_text_is_taken_as_it_is(write: Write) -> None:
    """Not a space or NUL is changed in plain text; lines end in one way."""
    text = "  first\r\n\tsecond \u2028 third\n\n\nGrüße 漢字 \U0001f600\n"
    path = write("a.txt", text.encode())
    os.utime(path, (0, 1_000_000_000))
    file = read_file(path)
    assert file.text == text.replace("\r\n", "\n")
    assert file.notes == ()
    assert file.metadata == {
        "source": str(path.resolve()),
        "file_name": "a.txt",
        "file_path": str(path.resolve()),
        "file_type": "txt",
        "file_size": len(text.encode()),
        "last_modified": datetime.fromtimestamp(1_000_000_000, tz=timezone.utc).isoformat(),
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_has_a_reader(write: Write, suffix: str) -> None:
    """What is listed as readable is read, upper case too."""
    office = MAKERS.get(SAME_FORMAT.get(suffix, suffix), lambda texts: b"some words")
    known = {".pdf": lambda: make_pdf(["some words"])}
    known |= dict.fromkeys(DOCX_SUFFIXES, make_docx)
    known |= dict.fromkeys(MHTML_SUFFIXES, lambda: b"Content-Type: text/html\n\n<p>some words")
    data = known[suffix]() if suffix in known else office(["some words"])
    assert read_file(write(f"a{suffix.upper()}", data)).text


@pytest.mark.parametrize("name", ["README", "Makefile", "a.py", "a.toml", "notes.of-mine", "plain"])
def test_text_of_other_kinds_is_read_as_it_is(write: Write, name: str) -> None:
    """Source code, settings, and what has a suffix that nobody knows, where it holds text."""
    text = "first line\n\tand = 'más'\n"
    assert read_file(write(name, text.encode())).text == text


def test_json_is_read_with_its_escapes_resolved(write: Write) -> None:
    """Letters are letters, pairs are one sign, and a line of the file stays a line."""
    data = rb'{"a": "F\u00e4hre \ud83d\ude00\nsoon", "b": "\\u0041 \"x\" \/ \ud800"}' + b"\n{}\n"
    expected = '{"a": "Fähre 😀 soon", "b": "\\u0041 "x" / \\ud800"}\n{}\n'
    for name in ("a.json", "a.jsonl", "a.ndjson"):
        assert read_file(write(name, data)).text == expected
    assert read_file(write("a.txt", data)).text == data.decode()


def test_xml_is_read_as_it_is_declared_and_meant(write: Write) -> None:
    """The encoding that it declares, references as what they stand for, tags and comments kept."""
    text = '<?xml version="1.0" encoding="ISO-8859-2"?>\n<a n="&quot;1&quot;">ź'
    data = text.encode("iso8859-2") + (
        b"&#381;uk &#x26; &lt;syn&gt; &own;<![CDATA[a &amp; b]]><!-- &amp; --></a>"
    )
    read = read_file(write("a.xml", data))
    assert read.text == text.replace("&quot;", '"') + (
        "Žuk & <syn> &own;a &amp; b<!-- &amp; --></a>"
    )
    assert read.metadata["encoding"] == "iso8859-2"
    assert read.notes == ()


def test_an_entity_bomb_does_not_grow(write: Write) -> None:
    """Entities that a document declares itself are not put in."""
    bomb = '<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><a>&b; &eacute;</a>'
    assert read_file(write("a.xml", bomb.encode())).text == bomb.replace("&eacute;", "é")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.py", b"# -*- coding: iso-8859-2 -*-"),
        ("a.rb", b"#!/usr/bin/ruby\n# vim: set fileencoding=latin2 :"),
        ("a.tex", b"\\documentclass{article}\n\\usepackage[latin2]{inputenc}"),
    ],
)
def test_source_is_read_in_the_encoding_that_it_names(write: Write, name: str, line: bytes) -> None:
    """Emacs's and Vim's line, and LaTeX's package."""
    read = read_file(write(name, line + b"\n" + "Wałęsa".encode("iso8859-2")))
    assert read.text.endswith("\nWałęsa")
    assert read.notes == ()


def test_markdown_has_its_first_heading_as_title(write: Write) -> None:
    """The title is the first heading of the first level, not a comment in code."""
    text = "intro\n```sh\n# not this\n```\n## nor this\n# The *title* #\n# nor that\n"
    file = read_file(write("a.md", text.encode()))
    assert file.text == text
    assert file.metadata["title"] == "The title"


def test_pdf_pages_are_one_text(write: Write) -> None:
    """Pages are apart by an empty line; their number and the title are known."""
    data = make_pdf(["First page\nsecond line", "Last page"], title="The title")
    file = read_file(write("a.pdf", data))
    assert file.text == "First page\nsecond line\n\nLast page"
    assert file.metadata["page_count"] == 2
    assert file.metadata["title"] == "The title"
    assert file.notes == ()


def test_pdf_pages_without_text_are_told(write: Write) -> None:
    """A page that is a picture is not passed over in silence."""
    file = read_file(write("a.pdf", make_pdf(["First", "", "Third"])))
    assert file.text == "First\n\nThird"
    assert file.metadata["pages_without_text"] == 1
    assert file.notes == ("1 of 3 pages hold no text (pictures, blank or damaged)",)


def test_pdf_encrypted_against_changes_is_read(write: Write) -> None:
    """A PDF that needs no password to be read is read."""
    data = encrypt_pdf(make_pdf(["open to all"]), password="")
    assert read_file(write("a.pdf", data)).text == "open to all"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", encrypt_pdf(make_pdf(["secret"]), password="x"), "needs a password"),
        ("a.pdf", make_pdf(["", ""]), "2 pages.*blank, or pictures"),
        ("a.pdf", make_pdf(["text"])[:200], "damaged"),
        ("a.pdf", b"just text", "damaged"),
        ("a.docx", b"just text", "damaged"),
        ("a.docx", b"PK\x03\x04 and nothing", "damaged"),
        ("a.docx", b"\xd0\xcf\x11\xe0" + bytes(100), "encrypted, or of Word's old"),
        ("a.txt", make_pdf(["text"]), "PDF document"),
        ("a.md", make_docx(), "ZIP archive"),
        ("a.txt", bytes(range(256)) * 10, "binary data"),
        ("a.txt", b"\x00\x01\x02" * 500, "binary data"),
        ("a.json", os.urandom(64) + b"\x00\x02" * 400, "binary data"),
        ("a.html", b"\x89PNG\r\n\x1a\n", "PNG image"),
        ("a.txt", b"", "no text"),
        ("a.txt", b" \n\t\n", "no text"),
        ("a.html", b"<html><script>x()</script></html>", "no text"),
        ("a.docx", save_docx(docx.Document()), "no text"),
        ("a.xyz", bytes(range(256)) * 10, "unsupported type.*supported are .*docx"),
        ("a", b"\x89PNG\r\n\x1a\n", "unsupported type.*no suffix.*PNG image"),
    ],
)
def test_what_is_no_document_says_why(write: Write, name: str, data: bytes, reason: str) -> None:
    """Each file that cannot be read is named with its own reason."""
    path = write(name, data)
    with pytest.raises(ReadError, match=f"^{path}: .*{reason}"):
        read_file(path)


def test_a_zip_that_is_no_docx_is_named(write: Write) -> None:
    """An archive under a .docx name is a damaged DOCX, not a crash."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ReadError, match="damaged"):
        read_file(write("a.docx", data.getvalue()))


@settings(
    max_examples=settings.default.max_examples // 2,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(cut=st.floats(0, 1), flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255))))
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.pdf", make_pdf(["some text"] * 3)),
        ("a.docx", make_docx()),
        ("a.pptx", make_pptx([shape("some text")])),
        ("a.xlsx", make_xlsx({"Sheet": [["some text"]]})),
        ("a.odt", make_odf("<text:p>some text</text:p>")),
        ("a.epub", make_epub(["<p>some text</p>"])),
        ("a.doc", make_doc("some text\r" * 3)),
        ("a.ppt", make_ppt([("some", "text")])),
        ("a.msg", make_msg(subject="some", body="text", sender="Ann")),
    ],
)
def test_damage_of_any_kind_is_an_error_of_ours(
    tmp_path: Path, name: str, data: bytes, cut: float, flips: list[tuple[float, int]]
) -> None:
    """Cut off anywhere and overwritten anywhere, a file is read or refused, and nothing else."""
    damaged = bytearray(data)
    for place, value in flips:
        damaged[int(place * len(damaged))] = value
    path = tmp_path / name
    path.write_bytes(bytes(damaged[: int((0.5 + cut / 2) * len(damaged))]))
    try:
        told = read_file(path).text
    except ReadError as error:
        told = str(error).removeprefix(f"{path}: ")
    assert told.strip()


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    """A file that vanished since it was found says so."""
    with pytest.raises(ReadError, match="it is gone"):
        read_file(tmp_path / "never.txt")


def test_a_file_without_permission_is_named(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that may not be opened says so."""
    path = write("a.txt", b"secret")

    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ReadError, match="no permission"):
        read_file(path)


def test_a_file_that_keeps_changing_is_refused(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is never the same before and after reading has no text of one moment."""
    path = write("a.txt", b"x")
    real = os.fstat

    def fstat(handle: int) -> os.stat_result:
        status = real(handle)
        with path.open("ab") as file:
            file.write(b"x")
        return status

    monkeypatch.setattr(os, "fstat", fstat)
    with pytest.raises(ReadError, match="changes while it is being read"):
        read_file(path)


def test_a_file_that_changes_once_is_read_as_it_is_then(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write in the middle of reading leads to a second reading, not to a mixture."""
    path = write("a.txt", b"old")
    real = os.fstat
    calls: list[int] = []

    def fstat(handle: int) -> os.stat_result:
        status = real(handle)
        if not calls:
            path.write_bytes(b"entirely new")
        calls.append(handle)
        return status

    monkeypatch.setattr(os, "fstat", fstat)
    file = read_file(path)
    assert file.text == "entirely new"
    assert file.metadata["file_size"] == 12


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A named pipe under a text suffix does not hang the reader."""
    pipe = tmp_path / "pipe.txt"
    os.mkfifo(pipe)
    with pytest.raises(ReadError, match="no regular file"):
        read_file(pipe)


def test_lone_surrogates_never_come_out(write: Write) -> None:
    """A page that names half a character gives a replacement, which every store can hold."""
    file = read_file(write("a.html", b"<p>half &#xD83D; whole &#x1F600;</p>"))
    file.text.encode()
    assert file.text.endswith("whole \U0001f600")


def test_a_document_does_not_say_where_it_lies(write: Write) -> None:
    """What the file itself tells is not the front matter's to set."""
    path = write("a.md", b"---\nsource: /etc/passwd\nfile_size: 1\nyear: 2003\n---\n# Title\n")
    metadata = read_file(path).metadata
    assert metadata["source"] == str(path.resolve())
    assert metadata["file_size"] == path.stat().st_size
    assert (metadata["year"], metadata["title"]) == (2003, "Title")


def test_a_mail_is_found_by_the_words_of_its_attachments(write: Write) -> None:
    """Of any type that is read: a PDF's, and those of a mail in a file."""
    inner = EmailMessage()
    inner["Subject"] = "Inner"
    inner.set_content("See the deck.")
    deck = make_pptx([shape("Tides", role="title")])
    inner.add_attachment(deck, maintype="a", subtype="b", filename="deck.pptx")
    outer = EmailMessage()
    outer["Subject"] = "Outer"
    outer.set_content("See the plan.")
    plan = make_pdf(["Low water at six"])
    outer.add_attachment(plan, maintype="application", subtype="pdf", filename="plan.PDF")
    outer.add_attachment(bytes(inner), maintype="a", subtype="b", filename="inner.eml")
    file = read_file(write("a.eml", bytes(outer)))
    assert file.text.split("\n\n") == [
        "Subject: Outer", "See the plan.", "Attachment: plan.PDF", "Low water at six",
        "Attachment: inner.eml", "Subject: Inner", "See the deck.", "Attachment: deck.pptx",
        "Tides",
    ]  # fmt: skip
    assert [heading.text for heading in file.layout.headings][-1] == "Tides"
    assert file.layout.pages == ()
