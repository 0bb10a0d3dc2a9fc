"""PDF documents: the words that a reader of the page sees, and where they stand."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from longembed_rag.errors import ReadError
from longembed_rag.files.formats.pdf_reader import read_pdf
from longembed_rag.files.formats.recognition import tessdata
from longembed_rag.files.options import ReadOptions
from longembed_rag.files.readers import read_file
from tests.files.making import encrypt_pdf, make_form_pdf, make_pdf, make_picture_pdf

Write = Callable[[str, bytes], Path]
FERRY = "The ferry leaves at seven."


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_what_is_encrypted_against_changes_only_is_read(write: Write, algorithm: str) -> None:
    """Whoever can open it without a password can read it here."""
    data = encrypt_pdf(make_pdf([FERRY]), password="", algorithm=algorithm)
    assert read_file(write("a.pdf", data)).text == FERRY
    locked = encrypt_pdf(make_pdf([FERRY]), password="x", algorithm=algorithm)
    with pytest.raises(ReadError, match="needs a password; save a copy without"):
        read_file(write("b.pdf", locked))


def test_pages_are_where_they_begin(write: Write) -> None:
    """A blank page begins where the next one does, and none loses a word."""
    pages = ["One page.", "", "Third page,\ntwo lines.", "Last."]
    file = read_file(write("a.pdf", make_pdf(pages)))
    assert file.text == "One page.\n\nThird page,\ntwo lines.\n\nLast."
    assert [file.layout.place(file.text, file.text.index(w), len(file.text)).page for w in
            ("One", "Third", "two", "Last")] == [1, 3, 3, 4]  # fmt: skip
    assert file.metadata["page_count"] == 4
    assert file.metadata["pages_without_text"] == 1


def test_words_that_a_line_breaks_are_whole(write: Write) -> None:
    """A hyphen that the printer set goes; one that the author wrote stays."""
    page = "It is the op-\nposite of a well-\nknown case, a well-known one."
    file = read_file(write("a.pdf", make_pdf([page])))
    assert file.text.split() == [
        "It",
        "is",
        "the",
        "opposite",
        "of",
        "a",
        "well-known",
        "case,",
        "a",
        "well-known",
        "one.",
    ]


def test_running_headers_are_taken_out_and_counted(write: Write) -> None:
    """The first of them stays; how many went is among the notes."""
    pages = [f"Harbour handbook\nLeaf {'abcde'[n]} of it\n{n + 1}" for n in range(5)]
    file = read_file(write("a.pdf", make_pdf(pages)))
    assert file.text.count("Harbour handbook") == 1
    assert [word for word in file.text.split() if word.isdigit()] == []
    assert all(f"Leaf {letter} of it" in file.text for letter in "abcde")
    assert any("4 running headers and footers, 5 page numbers" in note for note in file.notes)


def test_the_outline_gives_headings_and_their_path(write: Write) -> None:
    """An entry stands where its words do on the page that it leads to, not in the contents."""
    pages = ["Contents\nTerms\nPayment", "Terms\nThe rent.", "1.1 Payment\nIn euros."]
    data = _with_outline(make_pdf(pages), [("Terms", 1, 0), ("Payment", 2, 1)])
    file = read_file(write("a.pdf", data))
    place = file.layout.place(file.text, file.text.index("In euros"), len(file.text))
    assert (place.page, place.heading) == (3, ("Terms", "Payment"))
    assert file.layout.place(file.text, 0, 8).heading == ()


def _with_outline(data: bytes, entries: list[tuple[str, int, int]]) -> bytes:
    """The PDF with bookmarks: title, page and level of each."""
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(data)))
    writer.add_metadata({"/Keywords": "fish, boats", "/CreationDate": "D:20260102030405+02'00'"})
    parent = None
    for title, page, level in entries:
        parent = writer.add_outline_item(
            title=title, page_number=page, parent=parent if level else None
        )
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def test_properties_become_metadata_with_their_types(write: Write) -> None:
    """Keywords are a list, dates are ISO 8601."""
    data = _with_outline(make_pdf(["words"], title="The  fish"), [])
    metadata = read_file(write("a.pdf", data)).metadata
    assert metadata["title"] == "The fish"
    assert metadata["keywords"] == ["fish", "boats"]
    assert metadata["created"] == "2026-01-02T03:04:05+02:00"


def test_what_is_filled_into_a_form_is_read(write: Write) -> None:
    """A reader of the page sees it, so it is found."""
    data = make_form_pdf("Name:", filled="Ada Lovelace")
    assert "Ada Lovelace" in read_file(write("a.pdf", data)).text


def test_scanned_pages_are_recognised(write: Write) -> None:
    """A page that is a picture gives its text, and a page that has text is left alone."""
    assert tessdata("eng") is not None, "install the extra ocr, as the extra dev does"
    data = make_picture_pdf("The lighthouse keeper\nsigned the lease.")
    steps: list[int] = []
    content = read_pdf(data, "a.pdf", on_step=lambda: steps.append(1))
    assert content.text.split() == ["The", "lighthouse", "keeper", "signed", "the", "lease."]
    assert steps == [1]
    assert "recognised on 1 of 1" in content.notes[0]


@pytest.mark.parametrize(
    ("language", "advice"),
    [
        ("none", "scanned$"),
        ("eng", r"pip install 'longembed-rag\[ocr\]'"),
        ("deu", "deu.traineddata"),
    ],
)
def test_without_recognition_a_scan_is_named_as_such(
    write: Write, monkeypatch: pytest.MonkeyPatch, language: str, advice: str
) -> None:
    """It is not stored as empty; the message says what to install."""
    monkeypatch.setattr("longembed_rag.files.formats.recognition.tessdata", lambda language: None)
    path = write("a.pdf", make_picture_pdf("Lease"))
    with pytest.raises(ReadError, match=f"a.pdf: no text on its 1 pages: .*{advice}"):
        read_file(path, options=ReadOptions(ocr_language=language))


def test_letters_that_a_font_hides_are_recognised(write: Write) -> None:
    """Where codes come out in place of letters, the page is read as a picture is."""
    hidden = make_picture_pdf("Tide tables", codes="\x02\x03\x04\x05\x06\x0e\x0f")
    assert read_file(write("a.pdf", hidden)).text == "Tide tables"


def test_words_in_are_words_out(write: Write) -> None:
    """Every word of every page comes out, in order."""
    words = [f"word{n}x" for n in range(600)]
    pages = ["\n".join(" ".join(words[p + n : p + n + 6]) for n in range(0, 60, 6))
             for p in range(0, 600, 60)]  # fmt: skip
    assert read_file(write("a.pdf", make_pdf(pages))).text.split() == words
